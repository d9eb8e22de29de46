from pathlib import Path

import numpy as np
import pytest

from qa.encoder.base import unit
from qa.index.local.columns import Whole, floats, whole
from qa.index.local.nearest import FILE, Nearest

K = 10


@pytest.fixture(scope="module")
def vectors() -> Whole:
    """Vectors in clusters, as those of texts are."""
    chance = np.random.default_rng(1)
    centres = chance.normal(size=(60, 24))
    return whole(unit(centres[chance.integers(60, size=4000)] + 0.5 * chance.normal(size=(4000, 24))))


def test_all_are_compared_below_a_size(vectors: Whole) -> None:
    nearest = Nearest.build(vectors)
    assert nearest.kind == "exact"
    scores = floats(vectors) @ floats(vectors[7])
    assert nearest(floats(vectors[7]), K).tolist() == np.argsort(-scores, kind="stable")[:K].tolist()


def test_above_it_an_inverted_file_finds_nearly_the_same_and_can_be_kept(vectors: Whole, tmp_path: Path) -> None:
    exact, built = Nearest(vectors), Nearest.build(vectors, tmp_path, exact=1000)
    opened = Nearest.open(vectors, tmp_path)
    assert built.kind == opened.kind == "inverted file of 256 lists in 8 bits, 256 looked at"
    found = 0
    for question in floats(vectors[::40]):
        numbers = opened(question, K)
        assert numbers.tolist() == built(question, K).tolist()
        found += len(set(numbers.tolist()) & set(exact(question, K).tolist()))
    assert found >= 0.98 * K * len(vectors[::40])


def test_a_file_that_does_not_fit_is_an_error(vectors: Whole, tmp_path: Path) -> None:
    Nearest.build(vectors, tmp_path, exact=1000)
    with pytest.raises(RuntimeError, match="not all of the vectors"):
        Nearest.open(vectors[:-1], tmp_path)
    (tmp_path / FILE).write_bytes(b"damaged")
    with pytest.raises(RuntimeError):
        Nearest.open(vectors, tmp_path)

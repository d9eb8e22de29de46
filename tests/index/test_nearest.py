from pathlib import Path

import numpy as np
import pytest

from qa.encoder.base import unit
from qa.index.local.columns import Int16Vectors, to_float32, to_int16
from qa.index.local.nearest import FILE, NearestNeighbors

K = 10


@pytest.fixture(scope="module")
def vectors() -> Int16Vectors:
    """Vectors in clusters, as those of texts are."""
    chance = np.random.default_rng(1)
    centres = chance.normal(size=(60, 24))
    return to_int16(unit(centres[chance.integers(60, size=4000)] + 0.5 * chance.normal(size=(4000, 24))))


def test_all_are_compared_below_a_size(vectors: Int16Vectors) -> None:
    nearest = NearestNeighbors.build(vectors)
    assert nearest.kind == "exact"
    scores = to_float32(vectors) @ to_float32(vectors[7])
    assert nearest(to_float32(vectors[7]), K).tolist() == np.argsort(-scores, kind="stable")[:K].tolist()


def test_above_it_an_inverted_file_finds_nearly_the_same_and_can_be_kept(vectors: Int16Vectors, tmp_path: Path) -> None:
    exact, built = NearestNeighbors(vectors), NearestNeighbors.build(vectors, tmp_path, exact=1000)
    opened = NearestNeighbors.open(vectors, tmp_path)
    assert built.kind == opened.kind == "inverted file of 256 lists in 8 bits, 256 looked at"
    found = 0
    for question in to_float32(vectors[::40]):
        numbers = opened(question, K)
        assert numbers.tolist() == built(question, K).tolist()
        found += len(set(numbers.tolist()) & set(exact(question, K).tolist()))
    assert found >= 0.98 * K * len(vectors[::40])


def test_a_file_that_does_not_fit_is_an_error(vectors: Int16Vectors, tmp_path: Path) -> None:
    NearestNeighbors.build(vectors, tmp_path, exact=1000)
    with pytest.raises(RuntimeError, match="not all of the vectors"):
        NearestNeighbors.open(vectors[:-1], tmp_path)
    (tmp_path / FILE).write_bytes(b"damaged")
    with pytest.raises(RuntimeError):
        NearestNeighbors.open(vectors, tmp_path)

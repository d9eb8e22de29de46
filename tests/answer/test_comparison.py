"""Comparing sentences: their order doesn't matter, what the retriever thinks of them does."""

import numpy as np
import pytest

from qa.answer.comparison import RETRIEVAL_FEATURES
from qa.answer.cross_encoder import CrossEncoder, Reading, probes
from qa.encoder.base import Vectors


@pytest.fixture(scope="module")
def readings(reader: CrossEncoder) -> list[Reading]:
    return reader(*probes())


def nothing_known(readings: list[Reading]) -> list[Vectors]:
    return [np.zeros((len(one.scores), RETRIEVAL_FEATURES), dtype=np.float32) for one in readings]


def test_the_order_of_the_passages_does_not_matter(reader: CrossEncoder, readings: list[Reading]) -> None:
    added = reader.compare(readings, nothing_known(readings))
    turned = reader.compare(readings[::-1], nothing_known(readings))
    for one, other in zip(added, turned[::-1], strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_what_else_was_read_and_what_the_retriever_thinks_matter(reader: CrossEncoder, readings: list[Reading]) -> None:
    together = reader.compare(readings, nothing_known(readings))
    (alone,) = reader.compare(readings[:1], nothing_known(readings[:1]))
    assert together[0] != pytest.approx(alone, abs=1e-3)
    near = [np.full_like(known, 1) for known in nothing_known(readings)]
    assert reader.compare(readings, near)[0] != pytest.approx(together[0], abs=1e-3)

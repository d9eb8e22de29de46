"""BM25: the passages that have each term and how much it weighs there, as columns in files or in memory.

Scores are those of Lucene's form. A question reads the parts of its own terms alone, so that opening takes no time and
memory doesn't grow with the vocabulary.
"""

import hashlib
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.stores import Numbers
from qa.stores.columns import is_mapped

K1, B = 1.2, 0.75
BOUNDING = 3  # terms, the rarest of a question, that tell what can't be among the best


class Lexical(NamedTuple):
    """The terms by the first 64 bits of their hashes, in order, with the passages that have each.

    Where a term's passages and their weights, without its idf, begin is in `first_passages`, with the end behind them.
    `average` is the length, shape (1,), that is neither long nor short for a passage.
    """

    terms: npt.NDArray[np.uint64]
    first_passages: Numbers
    passages: npt.NDArray[np.int32]
    weights: Vectors
    average: npt.NDArray[np.float64]

    @classmethod
    def open(cls, folder: Path) -> "Lexical":
        """What was saved in a folder; raises ValueError, EOFError, OSError or TokenError where it is damaged."""
        files = [folder / f"{name}.npy" for name in cls._fields]
        found = cls(*(np.load(path, mmap_mode="r" if is_mapped(path) else None).view(np.ndarray) for path in files))
        if len(found.first_passages) != len(found.terms) + 1:
            raise ValueError("the terms are of different numbers")
        if not found.first_passages[-1] == len(found.passages) == len(found.weights):
            raise ValueError("not all of the terms' passages are there")
        if found.average.shape != (1,):
            raise ValueError("the terms have no average")
        return found

    def save(self, folder: Path) -> None:
        """Write it to a folder that isn't there yet."""
        folder.mkdir()
        for name, column in self._asdict().items():
            np.save(folder / f"{name}.npy", column)

    def count(self, term: str) -> int:
        """How many passages have a term."""
        own = self._of(term)
        return len(self.passages[own])

    def column(self, term: str) -> tuple[npt.NDArray[np.int32], Vectors]:
        """The passages that have a term, and how much it weighs there."""
        own = self._of(term)
        return self.passages[own], self.weights[own]

    def scores(self, idf: Mapping[str, float], size: int) -> Vectors:
        """The scores of all passages, `size` of them, for terms that are this rare.

        Skipping what can't be among the best gains little over adding up whole columns: see docs/benchmarks.md.
        """
        scores = np.zeros(size, dtype=np.float32)
        for term, rarity in idf.items():
            own = self._of(term)
            scores[self.passages[own]] += self.weights[own] * np.float32(rarity)
        return scores

    def best(self, terms: Iterable[str], scores: Vectors, k: int) -> Numbers:
        """The k passages with the greatest scores for these terms, of equal ones the first, and none that has no term.

        At least k are as good as the k-th of those that have one of the terms, and those of a rare one are few.
        """
        columns = [self.passages[self._of(term)] for term in terms]
        long = sorted((column for column in columns if len(column) >= k), key=len)
        least = max((_greatest(scores[column], k) for column in long[:BOUNDING]), default=0)
        possible = np.flatnonzero((scores > 0) & (scores >= least))
        return possible[np.argsort(-scores[possible], kind="stable")[:k]]

    def _of(self, term: str) -> slice:
        """Where the passages that have a term are."""
        wanted = _key(term)
        at = int(np.searchsorted(self.terms, wanted))
        if at == len(self.terms) or self.terms[at] != wanted:
            return slice(0, 0)
        return slice(*self.first_passages[at : at + 2])


class Terms:
    """Takes the terms of one passage after the other, as numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._taken = array("i")
        self._ends = array("q", [0])

    def append(self, terms: Sequence[str]) -> None:
        """Take the terms of the next passage, each as often as it occurs."""
        self._taken.extend([self._numbers.setdefault(term, len(self._numbers)) for term in terms])
        self._ends.append(len(self._taken))

    def done(self, average: float | None = None) -> Lexical:
        """The passages of each term that was taken, of one passage at least; without an `average` their own is."""
        from scipy import sparse

        keys = np.array([_key(term) for term in self._numbers], dtype=np.uint64)
        order = np.argsort(keys)
        ends = np.array(self._ends, dtype=np.int64)
        taken = np.argsort(order)[np.frombuffer(self._taken, dtype=np.int32)].astype(np.int32)
        table = sparse.csr_array((np.ones(len(taken), np.float32), taken, ends), shape=(len(ends) - 1, len(keys)))
        table.sum_duplicates()
        counts = table.tocsc()
        lengths = np.diff(self._ends) + 1  # of an empty term more, so that no average is 0
        average = average or lengths.mean()
        norms = (K1 * (1 - B + B * lengths / average)).astype(np.float32)
        weights = counts.data / (counts.data + norms[counts.indices])
        return Lexical(keys[order], counts.indptr.astype(np.int64), counts.indices, weights, np.array([average]))


def rarity(having: int, passages: int) -> float:
    """The idf of a term that so many of the passages have: ln(1 + (N - n + 0.5) / (n + 0.5))."""
    return math.log(1 + (passages - having + 0.5) / (having + 0.5))


def _key(term: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest()))


def _greatest(scores: Vectors, k: int) -> float:
    """The k-th greatest."""
    return float(np.partition(scores, -k)[-k])

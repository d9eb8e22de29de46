"""BM25, in Lucene's form, over an inverted index: columns of numbers in files or in memory.

A passage scores the sum of idf · weight over the terms of a question, where weight is

    tf / (tf + k1 · (1 - b + b · length / average length))

and tf is how often the passage has the term. Only the posting lists of the question's terms are read, so that opening
an index takes no time and memory doesn't grow with the vocabulary.
"""

import hashlib
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder.base import Vectors
from qa.index.local.columns import is_mapped
from qa.index.store import Numbers

K1, B = 1.2, 0.75  # BM25's constants, in every store
BOUNDING = 3  # terms of a question, the rarest, whose posting lists bound the k-th best score from below


class InvertedIndex(NamedTuple):
    """The posting list of each term: the numbers of the passages that have it, and its weight in each.

    `terms` are the first 64 bits of the terms' hashes, in order. The posting list of term i are the entries
    `first_passages[i]` to `first_passages[i + 1]` of `passages` and `weights`. `average`, shape (1,), is the average
    length of a passage, as length_norms counts it.
    """

    terms: npt.NDArray[np.uint64]
    first_passages: Numbers
    passages: npt.NDArray[np.int32]
    weights: Vectors
    average: npt.NDArray[np.float64]

    @classmethod
    def open(cls, folder: Path) -> "InvertedIndex":
        """Open the index in a folder; raise ValueError, EOFError, OSError or TokenError where it is damaged."""
        files = [folder / f"{name}.npy" for name in cls._fields]
        index = cls(*(np.load(path, mmap_mode="r" if is_mapped(path) else None).view(np.ndarray) for path in files))
        if len(index.first_passages) != len(index.terms) + 1:
            raise ValueError("the terms are of different numbers")
        if not index.first_passages[-1] == len(index.passages) == len(index.weights):
            raise ValueError("not all of the terms' passages are there")
        if index.average.shape != (1,):
            raise ValueError("the terms have no average")
        return index

    def save(self, folder: Path) -> None:
        """Write it to a new folder."""
        folder.mkdir()
        for name, column in self._asdict().items():
            np.save(folder / f"{name}.npy", column)

    def document_frequency(self, term: str) -> int:
        """Return how many passages have a term."""
        return len(self.passages[self._postings(term)])

    def postings(self, term: str) -> tuple[npt.NDArray[np.int32], Vectors]:
        """Return the passages that have a term, and its weight in each."""
        postings = self._postings(term)
        return self.passages[postings], self.weights[postings]

    def scores(self, idf: Mapping[str, float], size: int) -> Vectors:
        """Return the scores of all passages, shape (size,), for terms with these idf.

        Skipping passages that can't be among the best gains little over adding up whole posting lists: see
        docs/benchmarks.md.
        """
        scores = np.zeros(size, dtype=np.float32)
        for term, term_idf in idf.items():
            postings = self._postings(term)
            scores[self.passages[postings]] += self.weights[postings] * np.float32(term_idf)
        return scores

    def best(self, terms: Iterable[str], scores: Vectors, k: int) -> Numbers:
        """Return the k passages with the greatest scores for these terms; of equal ones, those with smaller numbers.

        Passages without any of the terms are left out. The k-th greatest score within one posting list bounds the k-th
        of all from below, so that only what reaches it is sorted. The lists of rare terms are short and bound it well.
        """
        lists = [self.passages[self._postings(term)] for term in terms]
        long = sorted((passages for passages in lists if len(passages) >= k), key=len)
        least = max((_kth_greatest(scores[passages], k) for passages in long[:BOUNDING]), default=0)
        possible = np.flatnonzero((scores > 0) & (scores >= least))
        return possible[np.argsort(-scores[possible], kind="stable")[:k]]

    def _postings(self, term: str) -> slice:
        """Return where the posting list of a term stands in `passages` and `weights`."""
        hashed = _hash(term)
        at = int(np.searchsorted(self.terms, hashed))
        if at == len(self.terms) or self.terms[at] != hashed:
            return slice(0, 0)
        return slice(*self.first_passages[at : at + 2])


class InvertedIndexBuilder:
    """Builds an inverted index from the terms of one passage after another."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # of the terms
        self._terms = array("i")  # of all passages, by number
        self._ends = array("q", [0])  # of the passages in _terms

    def append(self, terms: Sequence[str]) -> None:
        """Add the next passage by its terms, each as often as it occurs."""
        self._terms.extend([self._numbers.setdefault(term, len(self._numbers)) for term in terms])
        self._ends.append(len(self._terms))

    def finish(self, average_length: float | None = None) -> InvertedIndex:
        """Return the index of the passages, at least one; without an `average_length` theirs is taken."""
        from scipy import sparse

        hashes = np.array([_hash(term) for term in self._numbers], dtype=np.uint64)
        order = np.argsort(hashes)
        ends = np.array(self._ends, dtype=np.int64)
        terms = np.argsort(order)[np.frombuffer(self._terms, dtype=np.int32)].astype(np.int32)
        table = sparse.csr_array((np.ones(len(terms), np.float32), terms, ends), shape=(len(ends) - 1, len(hashes)))
        table.sum_duplicates()
        counts = table.tocsc()
        lengths = np.diff(self._ends)
        average = average_length or (lengths + 1).mean()
        norms = length_norms(lengths, average).astype(np.float32)
        weights = counts.data / (counts.data + norms[counts.indices])
        first_passages = counts.indptr.astype(np.int64)
        return InvertedIndex(hashes[order], first_passages, counts.indices, weights, np.array([average]))


def idf(document_frequency: int, passages: int) -> float:
    """Return the inverse document frequency of a term: ln(1 + (N - n + 0.5) / (n + 0.5)) for n of N passages."""
    return math.log(1 + (passages - document_frequency + 0.5) / (document_frequency + 0.5))


def length_norms(lengths: Numbers, average_length: float) -> npt.NDArray[np.floating[Any]]:
    """Return k1 · (1 - b + b · length / average length) for passages of so many terms.

    Every passage counts as one term longer than it is, also in the average, so that no average is 0.
    """
    return K1 * (1 - B + B * (lengths + 1) / average_length)


def _hash(term: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest()))


def _kth_greatest(scores: Vectors, k: int) -> float:
    return float(np.partition(scores, -k)[-k])

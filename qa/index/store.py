"""The Protocol of a store of passages and vectors, and what goes into one and comes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from qa.encoder.base import Vectors
from qa.types import Document, Passage

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MilvusOptions:
    """Where Milvus holds an index; `rebuild` replaces an index of other settings there."""

    uri: str
    token: str = field(default="", repr=False)
    rebuild: bool = False


class EmbeddedPassage(NamedTuple):
    """A passage with its vector, shape (dimension,), and its sentences', shape (sentences, dimension)."""

    passage: Passage
    vector: Vectors
    sentence_vectors: Vectors


class Candidates(NamedTuple):
    """The passages that either ranking proposes, by their numbers, with their scores in each ranking."""

    numbers: Numbers
    dense: Vectors  # cosine of the question and the passage
    sentence: Vectors  # cosine of the question and the nearest sentence of the passage
    lexical: Vectors  # BM25


class Store(Protocol):
    """Passages with their vectors.

    Passages are numbered; those of a document follow one another. A number always means the same passage, but there may
    be numbers without one.
    """

    waits: bool  # whether calls wait for another machine, so that other questions can go on meanwhile

    def __len__(self) -> int:
        """Return the number of passages."""
        ...

    def close(self) -> None:
        """Release files and connections. The store can't be used afterwards."""
        ...

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """Return the k best passages of the dense ranking and of the lexical one.

        `vector` is a question's unit vector, shape (dimension,), and `terms` are the question's.
        """
        ...

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """Return passages by their numbers, in the order given, without the numbers that have none."""
        ...

    def similarities(self, passages: Mapping[int, Passage], vector: Vectors) -> list[Vectors]:
        """Return the cosines of a unit vector and each sentence of passages, shape (sentences,) for each passage."""
        ...

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        """Return the inverse document frequency of each term, ln(1 + (N - n + 0.5) / (n + 0.5)) as in BM25.

        n of the N passages have the term.
        """
        ...

    def known(self, terms: Sequence[str]) -> set[str]:
        """Return the terms that occur in any passage."""
        ...

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """Return how often each known word occurs in the passages, ignoring case and accents."""
        ...

    def document(self, document_id: str) -> Document | None:
        """Return the document of an id, or None where it isn't indexed."""
        ...

    def headings(self) -> list[str]:
        """Return the innermost headings of the passages, or the titles of the documents where there are none."""
        ...


def indexed_text(passage: Passage) -> str:
    """Return the text whose words a passage is found by: its title, its headings and its own text."""
    return f"{passage.title}. {passage.heading}. {passage.text}"

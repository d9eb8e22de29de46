"""Where passages and vectors live, behind one small Protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from qa.encoder.base import Vectors
from qa.types import Document, Passage

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shared:
    """Where the index is that many servers share; `rebuild` replaces one that was built with other settings."""

    uri: str
    token: str = field(default="", repr=False)
    rebuild: bool = False


class Vectored(NamedTuple):
    """A passage with what the encoder made of it, to be stored: its vector and its sentences'."""

    passage: Passage
    vector: Vectors
    sentences: Vectors


class Candidates(NamedTuple):
    """Passages that one ranking or the other found, with the scores that each ranking gives to all of them."""

    numbers: Numbers
    dense: Vectors  # cosine of the question and the passage
    sentence: Vectors  # cosine of the question and the passage's nearest sentence
    lexical: Vectors  # BM25


class Store(Protocol):
    """Passages with their vectors, numbered so that those of a document follow one another.

    A number is that of one passage for ever, but not every number has to have one.
    """

    waits: bool  # for another machine, while questions of other threads should go on

    def __len__(self) -> int:
        """How many passages there are."""
        ...

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms."""
        ...

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """The passages of these numbers, in their order; numbers that have none are left out."""
        ...

    def similarities(self, passages: Mapping[int, Passage], vector: Vectors) -> list[Vectors]:
        """The cosine of a unit vector and each sentence of passages that are given by their numbers."""
        ...

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        """How rare each term is among the passages: ln(1 + (N - n + 0.5) / (n + 0.5)), as in BM25."""
        ...

    def known(self, terms: Sequence[str]) -> set[str]:
        """Those of the terms that any passage has."""
        ...

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """How often each of the words that are there at all stands in the passages, without case and accents."""
        ...

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        ...

    def headings(self) -> list[str]:
        """The headings that passages stand under, without those above them, or the titles where there are none."""
        ...


def searched(passage: Passage) -> str:
    """The text that a passage is found by: its own, under its title and its heading."""
    return f"{passage.title}. {passage.heading}. {passage.text}"

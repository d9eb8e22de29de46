"""Where passages and vectors live, behind one small Protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.types import Document, Passage


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages that one ranking or another found, with the score that each ranking gives to each; all of one length."""

    numbers: npt.NDArray[np.int64]
    dense: Vectors  # cosine of the question and the passage
    sentence: Vectors  # cosine of the question and the passage's nearest sentence
    lexical: Vectors  # BM25


class Store(Protocol):
    """Passages with their vectors, numbered from 0 in the order of the documents; read-only once it is built."""

    def __len__(self) -> int:
        """How many passages there are."""
        ...

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms."""
        ...

    def passages(self, numbers: Sequence[int]) -> list[Passage]:
        """The passages of these numbers, in their order."""
        ...

    def sentence_vectors(self, number: int) -> Vectors:
        """The unit vectors of a passage's sentences, shape (sentences, dimension)."""
        ...

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        ...

    def headings(self) -> list[str]:
        """The headings that passages stand under, without those above them, or the titles where there are none."""
        ...

"""The quantized vectors of passages and of their sentences, as columns of numbers in files or in memory.

The vector of a passage has 16 bits a component, which is as good as exact. The vector of a sentence has 8 bits and a
scale that uses their whole range.
"""

import json
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder.base import Vectors
from qa.index.store import EmbeddedPassage, Numbers

Int16Vectors = npt.NDArray[np.int16]

WIDTHS = "widths.json"
SMALL = 64 * 2**20  # bytes: a file up to this size is read rather than mapped, so that nobody can cut it any more
ONE = 32767  # what stands for 1 in 16 bits
# the files of the columns and the types of their numbers, in the order of QuantizedVectors
COLUMNS: dict[str, type[np.generic]] = {
    "vectors": np.int16,
    "sentences": np.int8,
    "scales": np.float32,
    "first_sentences": np.int64,
}


class QuantizedVectors(NamedTuple):
    """The vectors of `passages`, shape (passages, dimension), and `sentences`, shape (sentences, dimension).

    The vector of a sentence is its row of `sentences` times its number in `scales`. The sentences of passage n are the
    rows `first_sentences[n]` to `first_sentences[n + 1]`.
    """

    passages: Int16Vectors
    sentences: npt.NDArray[np.int8]
    scales: Vectors
    first_sentences: Numbers

    @classmethod
    def open(cls, folder: Path) -> "QuantizedVectors":
        """Open the vectors in a folder; raise ValueError where the columns don't fit together."""
        widths = json.loads((folder / WIDTHS).read_text("utf-8"))
        columns = cls(*(_column(folder / name, dtype, widths[name]) for name, dtype in COLUMNS.items()))
        first, last = columns.first_sentences, len(columns.sentences)
        if len(first) != len(columns.passages) + 1 or first[0] != 0 or first[-1] != last or np.any(np.diff(first) < 0):
            raise ValueError("the sentences are of different numbers")
        if len(columns.scales) != last:
            raise ValueError("the scales are of different numbers")
        return columns

    def select(self, numbers: Numbers) -> "QuantizedVectors":
        """Return the vectors of some passages, in their order."""
        rows, counts = _rows(self.first_sentences, numbers, len(self.sentences))
        first = np.concatenate([[0], np.cumsum(counts)])
        return QuantizedVectors(self.passages[numbers], self.sentences[rows], self.scales[rows], first)

    def nearest_sentences(self, numbers: Numbers, vector: Vectors) -> Vectors:
        """Return the cosine of a unit vector and the nearest sentence of each passage, for passages by number."""
        rows, counts = _rows(self.first_sentences, numbers, len(self.sentences))
        cosines = self.sentences.take(rows, axis=0).astype(np.float32) @ vector * self.scales[rows]
        nearest: Vectors = np.maximum.reduceat(cosines, np.cumsum(counts) - counts)
        return nearest

    def similarities(self, number: int, vector: Vectors) -> Vectors:
        """Return the cosine of a unit vector and each sentence of a passage."""
        rows = slice(self.first_sentences[number], self.first_sentences[number + 1])
        cosines: Vectors = self.sentences[rows].astype(np.float32) @ vector * self.scales[rows]
        return cosines


class VectorWriter:
    """Quantizes the vectors of one passage after another, into the files of a folder or into memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._first_sentences = [0]
        self._widths: dict[str, int] = {}
        self._arrays: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in COLUMNS}
        self._streams: dict[str, IO[bytes]] = {}
        if folder:
            folder.mkdir()
            self._streams = {name: (folder / name).open("wb") for name in COLUMNS}

    def append(self, item: EmbeddedPassage) -> None:
        """Take the vectors of the next passage."""
        scales = np.abs(item.sentence_vectors).max(axis=1) / 127 + np.float32(1e-9)
        sentences = np.round(item.sentence_vectors / scales[:, None])
        for name, rows in (("vectors", to_int16(item.vector)[None]), ("sentences", sentences), ("scales", scales)):
            self._put(name, rows.astype(COLUMNS[name]))
        self._first_sentences.append(self._first_sentences[-1] + len(sentences))

    def finish(self) -> QuantizedVectors:
        """Return all vectors that were taken, and take no more."""
        self._put("first_sentences", np.array(self._first_sentences, dtype=np.int64))
        for stream in self._streams.values():
            stream.close()
        if self._folder is None:
            return QuantizedVectors(*(np.concatenate(self._arrays[name]) for name in COLUMNS))
        (self._folder / WIDTHS).write_text(json.dumps(self._widths), "utf-8")
        return QuantizedVectors.open(self._folder)

    def _put(self, name: str, rows: npt.NDArray[Any]) -> None:
        self._widths[name] = rows.shape[1] if rows.ndim > 1 else 0
        if self._folder:
            self._streams[name].write(np.ascontiguousarray(rows).tobytes())
        else:
            self._arrays[name].append(rows)


def to_int16(vectors: Vectors) -> Int16Vectors:
    """Quantize unit vectors to 16 bits a component."""
    return np.round(vectors * ONE).astype(np.int16)


def to_float32(vectors: Int16Vectors) -> Vectors:
    """Return quantized unit vectors as they were, to 0.00002 in a component."""
    return vectors.astype(np.float32) / np.float32(ONE)


def _rows(first: Numbers, numbers: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """Return the rows of the sentences of some passages, passage after passage, and how many each passage has.

    Raises ValueError where a row isn't among the `size` that there are, before any room for them is made.
    """
    begin, end = first[numbers], first[numbers + 1]
    if not ((begin >= 0) & (begin <= end) & (end <= size)).all():
        raise ValueError("passages have sentences that aren't there")
    counts = end - begin
    return np.repeat(begin - np.cumsum(counts) + counts, counts) + np.arange(counts.sum()), counts


def is_mapped(path: Path) -> bool:
    """Return whether a file of the index is so large that it is mapped into memory instead of read."""
    return path.stat().st_size > SMALL


def _column(path: Path, dtype: type[np.generic], width: int) -> npt.NDArray[Any]:
    """Open a column in a file as an array; `width` is 0 for a column of single numbers."""
    if is_mapped(path):
        column: npt.NDArray[Any] = np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)
    else:
        column = np.fromfile(path, dtype=dtype)
    return column.reshape((-1, width) if width else (-1,))

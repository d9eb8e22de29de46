"""The vectors of passages, of their sentences and of their words, and those's marks, as columns of numbers.

They are in files or in memory. A passage's vector has 16 bits a component, which is as good as exact; a sentence's has
8, and a scale that makes the most of them.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.marks import Hashes, Marks
from qa.stores import Evidence, Numbers, Vectored
from qa.words import Packed, unpack

Whole = npt.NDArray[np.int16]

WIDTHS = "widths.json"
ONE = 32767  # what 1 is in a passage's vector
COLUMNS: dict[str, type[np.generic]] = {
    "vectors": np.int16,
    "sentences": np.int8,
    "scales": np.float32,
    "words": np.int8,
    "word_sentences": np.uint16,
    "marks": np.uint32,
    "mark_sentences": np.uint16,
    "surface": np.int32,
    "first_sentences": np.int64,
    "first_words": np.int64,
    "first_marks": np.int64,
}
OF = {"scales": "sentences", "surface": "sentences", "word_sentences": "words", "mark_sentences": "marks"}  # one each
PARTED = ("sentences", "words", "marks")  # passages have several


class Parts(NamedTuple):
    """Vectors of passages, their sentences and words, and what belongs together.

    `first_sentences` and the like say where each passage's begin, with the end behind them; `word_sentences` has the
    sentence of each word. Of what is on the disk only what is needed is read.
    """

    vectors: Whole
    sentences: npt.NDArray[np.int8]
    scales: Vectors
    words: Packed
    word_sentences: npt.NDArray[np.uint16]
    marks: Hashes
    mark_sentences: npt.NDArray[np.uint16]
    surface: npt.NDArray[np.int32]
    first_sentences: Numbers
    first_words: Numbers
    first_marks: Numbers

    @classmethod
    def open(cls, folder: Path) -> "Parts":
        """Those that were written to a folder; raises ValueError where they don't fit together."""
        widths = json.loads((folder / WIDTHS).read_text("utf-8"))
        parts = cls(*(_mapped(folder / name, dtype, widths[name]) for name, dtype in COLUMNS.items()))
        for name in PARTED:
            first, last = getattr(parts, f"first_{name}"), len(getattr(parts, name))
            if len(first) != len(parts.vectors) + 1 or first[0] != 0 or first[-1] != last or np.any(np.diff(first) < 0):
                raise ValueError(f"the {name} are of different numbers")
        for name, other in OF.items():
            if len(getattr(parts, name)) != len(getattr(parts, other)):
                raise ValueError(f"the {other} are of different numbers")
        return parts

    def nearest_sentences(self, numbers: Numbers, vector: Vectors) -> Vectors:
        """The cosine of a vector and the nearest sentence of each passage of some numbers."""
        rows, counts = _spans(self.first_sentences, numbers)
        cosines = self.sentences.take(rows, axis=0).astype(np.float32) @ vector * self.scales[rows]
        nearest: Vectors = np.maximum.reduceat(cosines, np.cumsum(counts) - counts)
        return nearest

    def evidence(self, numbers: Numbers) -> Evidence:
        """What the sentences of some passages are compared to a question by; raises ValueError where it is damaged."""
        rows, words, marks = ([*map(slice, first[numbers], first[numbers + 1])] for first in self[-len(PARTED) :])
        counts = self.first_sentences[numbers + 1] - self.first_sentences[numbers]
        return Evidence(
            counts=counts,
            vectors=_joined(self.sentences, rows) * _joined(self.scales, rows)[:, None],
            words=unpack(_joined(self.words, words)),
            word_rows=_rows(self.word_sentences, words, counts.tolist()),
            marks=_joined(self.marks, marks),
            mark_rows=_rows(self.mark_sentences, marks, counts.tolist()),
            surface=_joined(self.surface, rows),
        )


class Columns:
    """Takes the parts of one passage after the other, into files of a folder or into memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._counts = {name: [0] for name in PARTED}
        self._widths: dict[str, int] = {}
        self._kept: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in COLUMNS}
        self._streams: dict[str, IO[bytes]] = {}
        if folder:
            folder.mkdir()
            self._streams = {name: (folder / name).open("wb") for name in COLUMNS}

    def append(self, item: Vectored, marks: Marks) -> None:
        """Take the parts of the next passage."""
        scales = np.abs(item.sentences).max(axis=1) / 127 + np.float32(1e-9)
        sentences = np.round(item.sentences / scales[:, None])
        of_words = item.words, item.word_sentences, marks.words, marks.sentences, marks.surface
        rows: tuple[npt.NDArray[Any], ...] = whole(item.vector)[None], sentences, scales, *of_words
        for (name, dtype), part in zip(COLUMNS.items(), rows, strict=False):  # where each begins is known at the end
            self._put(name, part.astype(dtype))
        for counts, own in zip(self._counts.values(), (sentences, item.words, marks.words), strict=True):
            counts.append(counts[-1] + len(own))

    def done(self) -> Parts:
        """All that was taken; nothing more can be."""
        for name, counts in self._counts.items():
            self._put(f"first_{name}", np.array(counts, dtype=np.int64))
        for stream in self._streams.values():
            stream.close()
        if self._folder is None:
            return Parts(*(np.concatenate(self._kept[name]) for name in COLUMNS))
        (self._folder / WIDTHS).write_text(json.dumps(self._widths), "utf-8")
        return Parts.open(self._folder)

    def _put(self, name: str, rows: npt.NDArray[Any]) -> None:
        self._widths[name] = rows.shape[1] if rows.ndim > 1 else 0
        if self._folder:
            self._streams[name].write(np.ascontiguousarray(rows).tobytes())
        else:
            self._kept[name].append(rows)


def whole(vectors: Vectors) -> Whole:
    """Passages' unit vectors as they are kept."""
    return np.round(vectors * ONE).astype(np.int16)


def floats(vectors: Whole) -> Vectors:
    """Passages' vectors from how they are kept, to 0.00002 in a component."""
    return vectors.astype(np.float32) / np.float32(ONE)


def _spans(first: Numbers, numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The places of all that some passages have, one's after the other's, and how much each has."""
    begin = first[numbers]
    counts = first[numbers + 1] - begin
    return np.repeat(begin - np.cumsum(counts) + counts, counts) + np.arange(counts.sum()), counts


def _joined(column: npt.NDArray[Any], places: Sequence[slice]) -> npt.NDArray[Any]:
    return np.concatenate([column[place] for place in places])


def _rows(within: npt.NDArray[np.uint16], places: Sequence[slice], sentences: Sequence[int]) -> Numbers:
    """The rows of sentences that stand one passage's after the other's, from their numbers in their passages."""
    found, first = [], 0
    for place, count in zip(places, sentences, strict=True):
        own = within[place]
        if len(own) and own.max() >= count:
            raise ValueError("a word stands in no sentence")
        found.append(own.astype(np.int64) + first)
        first += count
    return np.concatenate(found)


def _mapped(path: Path, dtype: type[np.generic], width: int) -> npt.NDArray[Any]:
    """A column in a file, as an array that is read where it is used."""
    shape = (-1, width) if width else (-1,)
    if not path.stat().st_size:
        return np.zeros((0, *shape[1:]), dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray).reshape(shape)

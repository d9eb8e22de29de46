"""The vectors of passages and of their sentences, as columns of numbers.

They are in files or in memory. A passage's vector has 16 bits a component, which is as good as exact; a sentence's has
8, and a scale that makes the most of them.
"""

import json
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.stores import Numbers, Vectored

Whole = npt.NDArray[np.int16]

WIDTHS = "widths.json"
SMALL = 64 * 2**20  # bytes of a file that is read rather than mapped, so that nobody can take it away any more
ONE = 32767  # what 1 is in a passage's vector
COLUMNS: dict[str, type[np.generic]] = {
    "vectors": np.int16,
    "sentences": np.int8,
    "scales": np.float32,
    "first_sentences": np.int64,
}


class Parts(NamedTuple):
    """The vectors of passages and of their sentences, with the sentences' scales.

    `first_sentences` says where each passage's sentences begin, with the end behind them. Of what is on the disk only
    what is needed is read.
    """

    vectors: Whole
    sentences: npt.NDArray[np.int8]
    scales: Vectors
    first_sentences: Numbers

    @classmethod
    def open(cls, folder: Path) -> "Parts":
        """Those that were written to a folder; raises ValueError where they don't fit together."""
        widths = json.loads((folder / WIDTHS).read_text("utf-8"))
        parts = cls(*(_mapped(folder / name, dtype, widths[name]) for name, dtype in COLUMNS.items()))
        first, last = parts.first_sentences, len(parts.sentences)
        if len(first) != len(parts.vectors) + 1 or first[0] != 0 or first[-1] != last or np.any(np.diff(first) < 0):
            raise ValueError("the sentences are of different numbers")
        if len(parts.scales) != last:
            raise ValueError("the scales are of different numbers")
        return parts

    def of(self, numbers: Numbers) -> "Parts":
        """Those of some passages, in their order."""
        rows, counts = _spans(self.first_sentences, numbers)
        first = np.concatenate([[0], np.cumsum(counts)])
        return Parts(self.vectors[numbers], self.sentences[rows], self.scales[rows], first)

    def nearest_sentences(self, numbers: Numbers, vector: Vectors) -> Vectors:
        """The cosine of a vector and the nearest sentence of each passage of some numbers."""
        rows, counts = _spans(self.first_sentences, numbers)
        cosines = self.sentences.take(rows, axis=0).astype(np.float32) @ vector * self.scales[rows]
        nearest: Vectors = np.maximum.reduceat(cosines, np.cumsum(counts) - counts)
        return nearest

    def similarities(self, number: int, vector: Vectors) -> Vectors:
        """The cosine of a vector and each sentence of a passage."""
        of = slice(self.first_sentences[number], self.first_sentences[number + 1])
        cosines: Vectors = self.sentences[of].astype(np.float32) @ vector * self.scales[of]
        return cosines


class Columns:
    """Takes the parts of one passage after the other, into files of a folder or into memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._first = [0]
        self._widths: dict[str, int] = {}
        self._kept: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in COLUMNS}
        self._streams: dict[str, IO[bytes]] = {}
        if folder:
            folder.mkdir()
            self._streams = {name: (folder / name).open("wb") for name in COLUMNS}

    def append(self, item: Vectored) -> None:
        """Take the parts of the next passage."""
        scales = np.abs(item.sentences).max(axis=1) / 127 + np.float32(1e-9)
        sentences = np.round(item.sentences / scales[:, None])
        for name, part in (("vectors", whole(item.vector)[None]), ("sentences", sentences), ("scales", scales)):
            self._put(name, part.astype(COLUMNS[name]))
        self._first.append(self._first[-1] + len(sentences))

    def done(self) -> Parts:
        """All that was taken; nothing more can be."""
        self._put("first_sentences", np.array(self._first, dtype=np.int64))
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


def is_mapped(path: Path) -> bool:
    """Whether a file of the index is large enough to be read only where it is used."""
    return path.stat().st_size > SMALL


def _mapped(path: Path, dtype: type[np.generic], width: int) -> npt.NDArray[Any]:
    """A column in a file, as an array; a large one is read where it is used."""
    shape = (-1, width) if width else (-1,)
    if not is_mapped(path):
        return np.fromfile(path, dtype=dtype).reshape(-1, width) if width else np.fromfile(path, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray).reshape(shape)

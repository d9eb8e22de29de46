"""The vectors of passages, of their sentences and of their words, as columns of numbers in files or in memory."""

import json
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.stores import Numbers, Vectored
from qa.words import Packed

WIDTHS = "widths.json"
COLUMNS: dict[str, type[np.generic]] = {
    "vectors": np.float32,
    "sentences": np.float16,
    "words": np.int8,
    "word_sentences": np.uint16,
    "first_sentences": np.int64,
    "first_words": np.int64,
}


class Parts(NamedTuple):
    """Vectors of passages, their sentences and words, and what belongs together.

    `first_sentences` and `first_words` say where each passage's begin, with the end behind them; `word_sentences` has
    the sentence of each word. Of what is on the disk only what is needed is read.
    """

    vectors: Vectors
    sentences: npt.NDArray[np.float16]
    words: Packed
    word_sentences: npt.NDArray[np.uint16]
    first_sentences: Numbers
    first_words: Numbers

    @classmethod
    def open(cls, folder: Path) -> "Parts":
        """Those that were written to a folder; raises ValueError where they don't fit together."""
        widths = json.loads((folder / WIDTHS).read_text("utf-8"))
        parts = cls(*(_mapped(folder / name, dtype, widths[name]) for name, dtype in COLUMNS.items()))
        ends = {"sentences": parts.first_sentences, "words": parts.first_words}
        for name, first in ends.items():
            if first[0] != 0 or first[-1] != len(getattr(parts, name)) or np.any(np.diff(first) < 0):
                raise ValueError(f"the {name} are of different numbers")
        if len(parts.first_sentences) != len(parts.vectors) + 1 or len(parts.first_words) != len(parts.vectors) + 1:
            raise ValueError("the passages are of different numbers")
        if len(parts.word_sentences) != len(parts.words):
            raise ValueError("the words are of different numbers")
        return parts


class Columns:
    """Takes the parts of one passage after the other, into files of a folder or into memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._counts = {"sentences": [0], "words": [0]}
        self._widths: dict[str, int] = {}
        self._kept: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in COLUMNS}
        self._streams: dict[str, IO[bytes]] = {}
        if folder:
            folder.mkdir()
            self._streams = {name: (folder / name).open("wb") for name in COLUMNS}

    def append(self, item: Vectored) -> None:
        """Take the parts of the next passage."""
        rows: tuple[npt.NDArray[Any], ...] = item.vector[None], item.sentences, item.words, item.word_sentences
        for (name, dtype), part in zip(COLUMNS.items(), rows, strict=False):  # where each begins is known at the end
            self._put(name, part.astype(dtype))
        for name, counts in self._counts.items():
            counts.append(counts[-1] + len(getattr(item, name)))

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


def _mapped(path: Path, dtype: type[np.generic], width: int) -> npt.NDArray[Any]:
    """A column in a file, as an array that is read where it is used."""
    shape = (-1, width) if width else (-1,)
    if not path.stat().st_size:
        return np.zeros((0, *shape[1:]), dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray).reshape(shape)

"""A store in two layers: an older store, and a newer one with the documents that have changed since.

So changing a document doesn't write everything anew. The folder of such a snapshot has the files of the older store,
linked to those of the snapshot before, the newer store in a folder of its own, and the ids of the documents that are
deleted from the older store because they were removed or changed.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from typing_extensions import override

from qa.encoder.base import Vectors
from qa.errors import StoreError
from qa.index.local.columns import QuantizedVectors
from qa.index.local.lexical import idf
from qa.index.local.store import LocalStore
from qa.index.snapshots import MANIFEST
from qa.index.store import Candidates, Store
from qa.types import Document, Passage

DELETED, NEWER = "gone.json", "newer"


class LayeredStore(Store):
    """An older store and, unless nothing was added or changed, a newer one, searched as one."""

    waits = False

    def __init__(self, older: LocalStore, newer: LocalStore | None) -> None:
        self._layers = [older, newer] if newer else [older]
        self._offset = older.size  # of the numbers of the newer store

    @override
    def __len__(self) -> int:
        return sum(map(len, self._layers))

    @override
    def close(self) -> None:
        for layer in self._layers:
            layer.close()

    @override
    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        term_idf = self.idf(terms)
        candidates = [layer.search(vector, terms, k, term_idf) for layer in self._layers]
        candidates[1:] = [newer._replace(numbers=newer.numbers + self._offset) for newer in candidates[1:]]
        joined = Candidates._make(map(np.concatenate, zip(*candidates, strict=True)))
        lexical = np.argsort(-joined.lexical, kind="stable")[: min(k, np.count_nonzero(joined.lexical))]
        best = np.union1d(np.argsort(-joined.dense, kind="stable")[:k], lexical)
        return Candidates._make(column[best] for column in joined)

    @override
    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        passages: dict[int, Passage] = {}
        for layer, offset in zip(self._layers, (0, self._offset), strict=False):
            of_layer = layer.passages([number - offset for number in numbers])
            passages |= {number + offset: passage for number, passage in of_layer.items()}
        return {number: passages[number] for number in numbers if number in passages}

    @override
    def similarities(self, passages: Mapping[int, Passage], vector: Vectors) -> list[Vectors]:
        similarities = []
        for number, passage in passages.items():
            is_newer = number >= self._offset
            similarities += self._layers[is_newer].similarities({number - is_newer * self._offset: passage}, vector)
        return similarities

    @property
    def average_length(self) -> float:
        """The average length of a passage in BM25."""
        return self._layers[0].average_length

    def contents(self) -> tuple[list[Passage], QuantizedVectors]:
        """Return all passages in order, and their vectors."""
        passages, vectors = zip(*(layer.contents() for layer in self._layers), strict=True)
        ends = np.cumsum([0, *(layer.first_sentences[-1] for layer in vectors)])
        firsts = [layer.first_sentences[:-1] + end for layer, end in zip(vectors, ends[:-1], strict=True)]
        of_passages, sentences, scales = (np.concatenate([layer[n] for layer in vectors]) for n in range(3))
        joined = QuantizedVectors(of_passages, sentences, scales, np.concatenate([*firsts, ends[-1:]]))
        return [passage for layer in passages for passage in layer], joined

    @override
    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        size = sum(layer.size for layer in self._layers)  # with deleted passages, as in Lucene's segments
        frequencies = _sums(layer.document_frequencies(terms) for layer in self._layers)
        return {term: idf(frequency, size) for term, frequency in frequencies.items()}

    @override
    def known(self, terms: Sequence[str]) -> set[str]:
        return set[str]().union(*(layer.known(terms) for layer in self._layers))

    @override
    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        return _sums(layer.frequencies(words) for layer in self._layers)

    @override
    def document(self, document_id: str) -> Document | None:
        return next((document for layer in self._layers if (document := layer.document(document_id))), None)

    @override
    def headings(self) -> list[str]:
        return list(dict.fromkeys(heading for layer in self._layers for heading in layer.headings()))


def open_store(folder: Path) -> LocalStore | LayeredStore:
    """Open the store in a folder; raise StoreError where a file is missing or can't be read."""
    try:
        deleted = json.loads((folder / DELETED).read_text("utf-8"))
    except FileNotFoundError:
        return LocalStore.open(folder)
    except (OSError, ValueError) as error:
        raise StoreError(f"the index in {folder} is damaged: delete that folder and run `qa index`") from error
    older = LocalStore.open(folder, deleted)
    return LayeredStore(older, LocalStore.open(folder / NEWER) if (folder / NEWER).exists() else None)


def link_older(before: Path, folder: Path, deleted: Collection[str]) -> None:
    """Link the older store of the snapshot before into a folder, without deleted documents; raise OSError."""
    own = shutil.ignore_patterns(MANIFEST, DELETED, NEWER)
    shutil.copytree(before, folder, ignore=own, copy_function=_link, dirs_exist_ok=True)
    (folder / DELETED).write_text(json.dumps(sorted(deleted)), "utf-8")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # not every file system has links
        shutil.copy2(source, target)


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counted in counts:
        total |= {name: total.get(name, 0) + count for name, count in counted.items()}
    return total

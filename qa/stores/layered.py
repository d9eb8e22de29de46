"""A store and, over it, what has changed since it was built: so that changing a document doesn't write all of it anew.

The folder of a generation has the older store's files, which are links to those of the generation before, the newer
one's in a folder of its own, and the ids of the documents of the older one that are gone or have others in their place.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from qa.encoder import Vectors
from qa.errors import StoreError
from qa.generations import MANIFEST
from qa.stores import Candidates
from qa.stores.columns import Parts
from qa.stores.lexical import rarity
from qa.stores.local import LocalStore
from qa.types import Document, Passage

GONE, NEWER = "gone.json", "newer"


class Layered:
    """An older store and, where there are any documents that are not in it, a newer one, as one."""

    waits = False

    def __init__(self, older: LocalStore, newer: LocalStore | None) -> None:
        self._layers = [older, newer] if newer else [older]
        self._older, self._first = older, older.size  # of the newer one's numbers

    def __len__(self) -> int:
        return sum(map(len, self._layers))

    @property
    def kind(self) -> str:
        """How vectors are searched, for the manifest."""
        return self._older.kind

    def close(self) -> None:
        """Let go of the files; the store can't be used afterwards."""
        for layer in self._layers:
            layer.close()

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms."""
        idf = self.idf(terms)
        found = [layer.search(vector, terms, k, idf) for layer in self._layers]
        found[1:] = [newer._replace(numbers=newer.numbers + self._first) for newer in found[1:]]
        joined = Candidates._make(map(np.concatenate, zip(*found, strict=True)))
        having = np.argsort(-joined.lexical, kind="stable")[: min(k, np.count_nonzero(joined.lexical))]
        best = np.union1d(np.argsort(-joined.dense, kind="stable")[:k], having)
        return Candidates._make(column[best] for column in joined)

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """The passages of these numbers, in their order; numbers that have none are left out."""
        found: dict[int, Passage] = {}
        for layer, first in zip(self._layers, (0, self._first), strict=False):
            own = layer.passages([number - first for number in numbers])
            found |= {number + first: passage for number, passage in own.items()}
        return {number: found[number] for number in numbers if number in found}

    def similarities(self, passages: Mapping[int, Passage], vector: Vectors) -> list[Vectors]:
        """The cosine of a unit vector and each sentence of passages that are given by their numbers."""
        found = []
        for number, passage in passages.items():
            is_newer = number >= self._first
            own = {number - is_newer * self._first: passage}
            found += self._layers[is_newer].similarities(own, vector)
        return found

    @property
    def average(self) -> float:
        """The length of a passage that BM25 takes for neither long nor short."""
        return self._older.average

    def contents(self) -> tuple[list[Passage], Parts]:
        """All passages in order, and their vectors."""
        passages, parts = zip(*(layer.contents() for layer in self._layers), strict=True)
        ends = np.cumsum([0, *(own.first_sentences[-1] for own in parts)])
        firsts = [own.first_sentences[:-1] + end for own, end in zip(parts, ends[:-1], strict=True)]
        vectors, sentences, scales = (np.concatenate([own[n] for own in parts]) for n in range(3))
        joined = Parts(vectors, sentences, scales, np.concatenate([*firsts, ends[-1:]]))
        return [p for own in passages for p in own], joined

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        """How rare each term is among the passages: ln(1 + (N - n + 0.5) / (n + 0.5)), as in BM25.

        Those that are gone count as well, as in Lucene, where there are segments.
        """
        size = sum(layer.size for layer in self._layers)
        return {term: rarity(n, size) for term, n in _sums(layer.counts(terms) for layer in self._layers).items()}

    def known(self, terms: Sequence[str]) -> set[str]:
        """Those of the terms that any passage has."""
        return set[str]().union(*(layer.known(terms) for layer in self._layers))

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """How often each of the words that are there at all stands in the passages, without case and accents."""
        return _sums(layer.frequencies(words) for layer in self._layers)

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        return next((found for layer in self._layers if (found := layer.document(document_id))), None)

    def headings(self) -> list[str]:
        """The headings that passages stand under, without those above them, or the titles where there are none."""
        return list(dict.fromkeys(heading for layer in self._layers for heading in layer.headings()))


def open_store(folder: Path) -> LocalStore | Layered:
    """The store in a folder; raises StoreError where a part of it is missing or can't be read."""
    try:
        gone = json.loads((folder / GONE).read_text("utf-8"))
    except FileNotFoundError:
        return LocalStore.open(folder)
    except (OSError, ValueError) as error:
        raise StoreError(f"the index in {folder} is damaged: delete that folder and run `qa index`") from error
    older = LocalStore.open(folder, gone)
    return Layered(older, LocalStore.open(folder / NEWER) if (folder / NEWER).exists() else None)


def link(older: Path, folder: Path, gone: Collection[str]) -> None:
    """Begin a folder with the older store of another one, and what of it is gone; raises OSError."""
    unlike = shutil.ignore_patterns(MANIFEST, GONE, NEWER)
    shutil.copytree(older, folder, ignore=unlike, copy_function=_link, dirs_exist_ok=True)
    (folder / GONE).write_text(json.dumps(sorted(gone)), "utf-8")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # not every file system has links
        shutil.copy2(source, target)


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for own in counts:
        total |= {name: total.get(name, 0) + count for name, count in own.items()}
    return total

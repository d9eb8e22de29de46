"""Documents → LocalStore: split, encode and store them, in memory or on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa.cache import Cache
from qa.encoder.base import Encoder
from qa.errors import CorpusError
from qa.index.local.store import LocalStore
from qa.index.store import EmbeddedPassage
from qa.index.vectors import cache_key, pack, unpack
from qa.text.passages import split
from qa.text.terms import Analyzer
from qa.types import Document, Passage, Progress

BATCH = 32  # passages that are encoded, and then kept, at a time

NO_TEXT = "the documents hold no text: give at least one that does"


def silent(_what: str, _done: int, _total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class Indexer:
    """Splits, encodes and analyzes documents, the same way for every kind of store."""

    encoder: Encoder
    analyzer: Analyzer
    progress: Progress = silent

    def build(
        self,
        documents: Sequence[Document],
        folder: Path | None = None,
        cache: Cache | None = None,
        over: LocalStore | None = None,
    ) -> LocalStore:
        """Build a store of documents, in memory or in a folder; raise CorpusError where they hold no text.

        It is complete by itself, or the newer layer `over` an older store.
        """
        embedded = self.embed(self.split_all(documents), cache, forget=over is None)
        return LocalStore.build(documents, embedded, self.analyzer, folder, over.average_length if over else None)

    def split(self, document: Document) -> list[Passage]:
        """Return the passages of a document."""
        return split(document, self.encoder.tokenizer, self.encoder.max_tokens)

    def split_all(self, documents: Sequence[Document]) -> list[Passage]:
        """Return the passages of all documents; raise CorpusError where two share an id, or none holds any text."""
        check_ids(documents)
        passages = [passage for document in documents for passage in self.split(document)]
        if not passages:
            raise CorpusError(NO_TEXT)
        return passages

    def embed(
        self, passages: Sequence[Passage], cache: Cache | None = None, *, forget: bool = True
    ) -> Iterator[EmbeddedPassage]:
        """Return each passage with its vectors, from one pass of the encoder over its label and text.

        What the cache holds isn't encoded again. New vectors are put there, a batch at a time; with `forget`, all that
        these passages don't need is then removed from it.
        """
        keys = [cache_key(passage) for passage in passages]
        encoded: dict[bytes, bytes] = {}
        known = cache.known(keys) if cache else set()
        missing = [number for number, k in enumerate(keys) if k not in known]
        order = sorted(missing, key=lambda number: -len(passages[number].text))  # little padding in a batch
        for first in range(0, len(order), BATCH):
            self.progress("passages", first, len(order))
            batch = order[first : first + BATCH]
            vectors = self._encode([passages[number] for number in batch])
            encoded |= {keys[number]: value for number, value in zip(batch, vectors, strict=True)}
            if cache:
                cache.put(encoded.items())
                encoded.clear()
        if order:
            self.progress("passages", len(order), len(order))
        if cache and forget:
            cache.keep_only(keys)
        get = cache.get if cache else encoded.__getitem__
        return (EmbeddedPassage(passage, *unpack(get(k))) for passage, k in zip(passages, keys, strict=True))

    def _encode(self, passages: Sequence[Passage]) -> list[bytes]:
        shifts = [len(passage.label) - passage.start for passage in passages]
        spans = [
            [(s.start + shift, s.end + shift) for s in passage.sentences]
            for passage, shift in zip(passages, shifts, strict=True)
        ]
        encoded = self.encoder.encode_passages([passage.label + passage.text for passage in passages], spans)
        return [pack(one) for one in encoded]


def check_ids(documents: Sequence[Document]) -> None:
    """Raise CorpusError where two documents share an id."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise CorpusError(f"two documents have the id {document.id!r}: give each its own")
        seen.add(document.id)

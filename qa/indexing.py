"""Documents → Store: split, encode, and keep, in memory or on disk."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from qa import generations
from qa.encoder import Encoder, Span, Vectors
from qa.errors import CorpusError
from qa.passages import label, split
from qa.stores import Numbers, Shared, Vectored
from qa.stores.local import LocalStore
from qa.stores.milvus import MilvusStore
from qa.stores.writer import Filed, writing
from qa.terms import Analyzer
from qa.types import Document, Passage
from qa.vectors import VectorCache, key
from qa.words import pack, project

FORMAT = 2  # of the index on disk
VECTORS = "vectors"  # the folder in the index where what was embedded is kept
BATCH = 256  # passages that are encoded between two reports of progress
AT_ONCE = 200_000  # characters of documents that are put into a shared store at once
NO_TEXT = "the documents hold no text: give at least one that does"

Progress = Callable[[str, int, int], None]  # told what is being done, how many are done, and of how many


def split_all(documents: Sequence[Document], encoder: Encoder) -> list[Passage]:
    """The passages of all documents; raises CorpusError where two have one id, or none holds any text."""
    _check_ids(documents)
    passages = [p for document in documents for p in split(document, encoder.tokenizer, encoder.max_tokens)]
    if not passages:
        raise CorpusError(NO_TEXT)
    return passages


def embed(
    passages: Sequence[Passage],
    encoder: Encoder,
    analyzer: Analyzer,
    basis: Vectors,
    progress: Progress,
    cache: VectorCache | None = None,
    *,
    forget: bool = True,
) -> list[Vectored]:
    """The vectors of each passage, its sentences and its words, by one pass of the encoder over label and text.

    What the cache has isn't encoded, and what is encoded is put there, a batch at a time; all else it may `forget`.
    """
    labels = [label(passage.title, passage.heading, encoder.tokenizer) for passage in passages]
    keys = [key(passage, before) for passage, before in zip(passages, labels, strict=True)]
    parts = cache.get(keys) if cache else {}
    left = [number for number in range(len(passages)) if number not in parts]
    order = sorted(left, key=lambda number: -len(passages[number].text))  # little padding in a batch
    for first in range(0, len(order), BATCH):
        progress("passages", first, len(order))
        batch = order[first : first + BATCH]
        words = [analyzer.words(passages[n].text) for n in batch]
        spans: list[list[Span]] = []
        for n, own in zip(batch, words, strict=True):
            shift = len(labels[n])
            at = shift - passages[n].start
            spans.append([(s.start + at, s.end + at) for s in passages[n].sentences])
            spans[-1] += [(w.start + shift, w.end + shift) for w in own]
        texts = [labels[n] + passages[n].text for n in batch]
        for n, encoded, own in zip(batch, encoder.encode_passages(texts, spans), words, strict=True):
            sentences = len(passages[n].sentences)
            ends = [s.end - passages[n].start for s in passages[n].sentences]
            packed = pack(project(encoded.stretches[sentences:], basis))
            places = _places(ends, [w.start for w in own])
            parts[n] = encoded.vector, encoded.stretches[:sentences], packed, places
        if cache:
            cache.put((keys[n], parts[n]) for n in batch)
    progress("passages", len(order), len(order))
    if cache and forget:
        cache.keep_only(keys)
    return [Vectored(passage, *parts[n]) for n, passage in enumerate(passages)]


def build(
    documents: Sequence[Document],
    encoder: Encoder,
    analyzer: Analyzer,
    basis: Vectors,
    folder: Path | None = None,
    progress: Progress = lambda *_: None,
    cache: VectorCache | None = None,
) -> LocalStore:
    """A store of these documents, in memory or kept in a folder; raises CorpusError where they hold no text."""
    passages = split_all(documents, encoder)
    vectored = embed(passages, encoder, analyzer, basis, progress, cache)
    return LocalStore.build(documents, vectored, analyzer, folder)


def update(
    documents: Sequence[Document], index: Path, encoder: Encoder, analyzer: Analyzer, basis: Vectors, progress: Progress
) -> Path:
    """The folder of the generation of these documents and these vectors, built where it isn't the one in use.

    A generation is named after all that it is built from. Raises CorpusError or StoreError.
    """
    about = {**_settings(encoder, analyzer, basis), "documents": _digests(documents)}
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    in_use = generations.current(index)
    if in_use is not None and in_use.name == name and generations.is_whole(in_use):
        return in_use
    encoder.verify()

    def fill(folder: Path) -> None:
        with closing(_cache(index, encoder, analyzer, basis)) as cache:
            build(documents, encoder, analyzer, basis, folder, progress, cache).close()

    return generations.create(index, name, about, fill, lambda message: progress(message, 0, 0))


def share(
    documents: Sequence[Document],
    shared: Shared,
    index: Path,
    encoder: Encoder,
    analyzer: Analyzer,
    basis: Vectors,
    progress: Progress,
) -> MilvusStore:
    """The shared store with these documents, of which those that it hasn't are put in; `index` has the vector cache.

    Raises CorpusError or StoreError.
    """
    _check_ids(documents)
    digests = _digests(documents)
    settings = {name: str(value) for name, value in _settings(encoder, analyzer, basis).items()}
    store = MilvusStore.open(shared, settings, (basis.shape[0], basis.shape[1]))
    if store.digests() != digests or (shared.rebuild and store.database.others()):
        encoder.verify()
        with (
            writing(store, analyzer, lambda message: progress(message, 0, 0)) as writer,
            closing(_cache(index, encoder, analyzer, basis)) as cache,
        ):
            there = store.digests()
            changed = [d for d in documents if there.get(d.id) != digests[d.id]]
            done = 0
            for batch in _batches(changed):
                progress("documents", done, len(changed))
                parts = [split(d, encoder.tokenizer, encoder.max_tokens) for d in batch]
                passages = [passage for part in parts for passage in part]
                items = iter(embed(passages, encoder, analyzer, basis, lambda *_: None, cache, forget=False))
                filed = [Filed(d, digests[d.id], [next(items) for _ in p]) for d, p in zip(batch, parts, strict=True)]
                writer.replace([d.id for d in batch], filed)
                done += len(batch)
            progress("documents", done, len(changed))
            gone = list(there.keys() - digests.keys())
            for first in range(0, len(gone), BATCH):
                writer.replace(gone[first : first + BATCH], [])
            if shared.rebuild:
                writer.drop_others()
    if not len(store):
        raise CorpusError(NO_TEXT)
    return store


def _batches(documents: Sequence[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        if batch and (sum(len(d.text) for d in batch) + len(document.text) > AT_ONCE or len(batch) == BATCH):
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch


def _check_ids(documents: Sequence[Document]) -> None:
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise CorpusError(f"two documents have the id {document.id!r}: give each its own")
        seen.add(document.id)


def _settings(encoder: Encoder, analyzer: Analyzer, basis: Vectors) -> dict[str, str | int]:
    """All that an index depends on besides the documents."""
    return {
        "format": FORMAT,
        "encoder": encoder.fingerprint,
        "basis": hashlib.sha256(basis.tobytes()).hexdigest(),
        "language": analyzer.language,
    }


def _digests(documents: Sequence[Document]) -> dict[str, str]:
    return {d.id: hashlib.sha256(f"{d.title}\n{d.text}".encode()).hexdigest() for d in documents}


def _cache(index: Path, encoder: Encoder, analyzer: Analyzer, basis: Vectors) -> VectorCache:
    return VectorCache(index / VECTORS, " ".join(map(str, _settings(encoder, analyzer, basis).values())))


def _places(ends: Sequence[int], starts: Sequence[int]) -> Numbers:
    """Which sentence each word stands in, by where the sentences end and the words begin."""
    return np.minimum(np.searchsorted(ends, starts, side="right"), len(ends) - 1).astype(np.int64)

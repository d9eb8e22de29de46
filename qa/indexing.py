"""Documents → Store: split, encode, and keep, in memory or on disk."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from qa import generations
from qa.encoder import Encoder, Span, Vectors
from qa.errors import CorpusError
from qa.passages import label, split
from qa.stores import Numbers
from qa.stores.local import LocalStore, Vectored
from qa.terms import Analyzer
from qa.types import Document, Passage
from qa.vectors import VectorCache, key
from qa.words import pack, project

FORMAT = 2  # of the index on disk
VECTORS = "vectors"  # the folder in the index where what was embedded is kept
BATCH = 256  # passages that are encoded between two reports of progress

Progress = Callable[[str, int, int], None]  # told what is being done, how many are done, and of how many


def split_all(documents: Sequence[Document], encoder: Encoder) -> list[Passage]:
    """The passages of all documents; raises CorpusError where two have one id, or none holds any text."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise CorpusError(f"two documents have the id {document.id!r}: give each its own")
        seen.add(document.id)
    passages = [p for document in documents for p in split(document, encoder.tokenizer, encoder.max_tokens)]
    if not passages:
        raise CorpusError("the documents hold no text: give at least one that does")
    return passages


def embed(
    passages: Sequence[Passage],
    encoder: Encoder,
    analyzer: Analyzer,
    basis: Vectors,
    progress: Progress,
    cache: VectorCache | None = None,
) -> list[Vectored]:
    """The vectors of each passage, its sentences and its words, by one pass of the encoder over label and text.

    What the cache has isn't encoded, and what is encoded is put there, a batch at a time.
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
    if cache:
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
    about = {
        "format": FORMAT,
        "encoder": encoder.fingerprint,
        "basis": hashlib.sha256(basis.tobytes()).hexdigest(),
        "language": analyzer.language,
        "documents": {d.id: hashlib.sha256(f"{d.title}\n{d.text}".encode()).hexdigest() for d in documents},
    }
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    in_use = generations.current(index)
    if in_use is not None and in_use.name == name and generations.is_whole(in_use):
        return in_use
    encoder.verify()

    def fill(folder: Path) -> None:
        settings = f"{FORMAT} {encoder.fingerprint} {about['basis']} {analyzer.language}"
        with closing(VectorCache(index / VECTORS, settings)) as cache:
            build(documents, encoder, analyzer, basis, folder, progress, cache).close()

    return generations.create(index, name, about, fill, lambda message: progress(message, 0, 0))


def _places(ends: Sequence[int], starts: Sequence[int]) -> Numbers:
    """Which sentence each word stands in, by where the sentences end and the words begin."""
    return np.minimum(np.searchsorted(ends, starts, side="right"), len(ends) - 1).astype(np.int64)

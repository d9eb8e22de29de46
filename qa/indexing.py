"""Documents → Store: split, encode, and keep, in memory or on disk."""

import hashlib
import json
from collections.abc import Callable, Sequence
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
from qa.words import pack, project

FORMAT = 2  # of the index on disk
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
    passages: Sequence[Passage], encoder: Encoder, analyzer: Analyzer, basis: Vectors, progress: Progress
) -> list[Vectored]:
    """The vectors of each passage, its sentences and its words, by one pass of the encoder over label and text."""
    embedded: dict[int, Vectored] = {}
    order = sorted(range(len(passages)), key=lambda number: -len(passages[number].text))  # little padding in a batch
    for first in range(0, len(order), BATCH):
        progress("passages", first, len(order))
        batch = order[first : first + BATCH]
        labels = [label(passages[n].title, passages[n].heading, encoder.tokenizer) for n in batch]
        words = [analyzer.words(passages[n].text) for n in batch]
        spans: list[list[Span]] = []
        for n, before, own in zip(batch, labels, words, strict=True):
            shift = len(before)
            at = shift - passages[n].start
            spans.append([(s.start + at, s.end + at) for s in passages[n].sentences])
            spans[-1] += [(w.start + shift, w.end + shift) for w in own]
        texts = [before + passages[n].text for n, before in zip(batch, labels, strict=True)]
        for n, encoded, own in zip(batch, encoder.encode_passages(texts, spans), words, strict=True):
            sentences = passages[n].sentences
            ends = [s.end - passages[n].start for s in sentences]
            embedded[n] = Vectored(
                passage=passages[n],
                vector=encoded.vector,
                sentences=encoded.stretches[: len(sentences)],
                words=pack(project(encoded.stretches[len(sentences) :], basis)),
                word_sentences=_places(ends, [w.start for w in own]),
            )
    progress("passages", len(order), len(order))
    return [embedded[n] for n in range(len(passages))]


def build(
    documents: Sequence[Document],
    encoder: Encoder,
    analyzer: Analyzer,
    basis: Vectors,
    folder: Path | None = None,
    progress: Progress = lambda *_: None,
) -> LocalStore:
    """A store of these documents, in memory or kept in a folder; raises CorpusError where they hold no text."""
    passages = split_all(documents, encoder)
    return LocalStore.build(documents, embed(passages, encoder, analyzer, basis, progress), analyzer, folder)


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
    if in_use is not None and in_use.name == name:
        return in_use
    encoder.verify()
    return generations.create(
        index, name, about, lambda folder: build(documents, encoder, analyzer, basis, folder, progress).close()
    )


def _places(ends: Sequence[int], starts: Sequence[int]) -> Numbers:
    """Which sentence each word stands in, by where the sentences end and the words begin."""
    return np.minimum(np.searchsorted(ends, starts, side="right"), len(ends) - 1).astype(np.int64)

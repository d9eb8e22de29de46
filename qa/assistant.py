"""The whole of it: documents → index → answers."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from qa import corpus as corpora
from qa import generations
from qa.encoder import DEFAULT, Encoder, SentenceEncoder, Vectors
from qa.errors import CorpusError
from qa.passages import label, split
from qa.reader import Reader
from qa.retriever import Retriever
from qa.stores import Store
from qa.stores.local import LocalStore
from qa.terms import Analyzer
from qa.types import Answer, Document

FORMAT = 1  # of the index on disk
BATCH = 256  # texts that are encoded between two reports of progress

Progress = Callable[[str, int, int], None]  # called with what is being done, how many are done, and of how many
History = Sequence[tuple[str, str]]  # questions and their answers, oldest first


class Assistant:
    """Answers questions with the words of the documents that it was opened with."""

    def __init__(
        self, store: Store, encoder: Encoder, analyzer: Analyzer, skipped: Mapping[str, str] | None = None
    ) -> None:
        self.store = store
        self.skipped = dict(skipped or {})  # files that couldn't be read, and why
        self._retrieve = Retriever(store, encoder, analyzer)
        self._read = Reader(analyzer)

    @classmethod
    def open(
        cls,
        corpus: Path | str = "corpus",
        index: Path | str = "index",
        encoder: str = DEFAULT,
        progress: Progress = lambda *_: None,
    ) -> "Assistant":
        """An assistant over a folder of documents, whose index is built first where it isn't up to date.

        Raises CorpusError, EncoderError or StoreError.
        """
        found = corpora.read(Path(corpus))
        model = SentenceEncoder(encoder)
        folder = update(found.documents, Path(index), model, progress)
        return cls(LocalStore.open(folder), model, Analyzer(), found.skipped)

    @classmethod
    def from_documents(cls, documents: Sequence[Document], encoder: Encoder | None = None) -> "Assistant":
        """An assistant over documents in memory, with nothing on disk; raises CorpusError where they hold no text."""
        model, analyzer = encoder or SentenceEncoder(), Analyzer()
        return cls(build(documents, model, analyzer), model, analyzer)

    def topics(self, k: int) -> list[str]:
        """Up to k of what the documents are about, by their own headings or titles, from all over them."""
        named = self.store.headings()
        return [named[i * len(named) // k] for i in range(k)] if len(named) > k else named

    def ask(self, question: str, history: History = ()) -> Answer:
        """Answer a question from the documents, or abstain; `history` is the conversation so far."""
        return self._read(question, self._retrieve(question))


def build(
    documents: Sequence[Document],
    encoder: Encoder,
    analyzer: Analyzer,
    folder: Path | None = None,
    progress: Progress = lambda *_: None,
) -> LocalStore:
    """Split, encode and store documents, in memory or in a folder; raises CorpusError where they hold no text."""
    ids = [document.id for document in documents]
    if duplicate := next((i for i in ids if ids.count(i) > 1), None) if len(set(ids)) < len(ids) else None:
        raise CorpusError(f"two documents have the id {duplicate!r}: give each its own")
    passages = [p for document in documents for p in split(document, encoder.tokenizer, encoder.max_tokens)]
    if not passages:
        raise CorpusError("the documents hold no text: give at least one that does")
    texts = [f"{label(p.title, p.heading)}\n{p.text}" for p in passages]
    passage_vectors = _encode("passages", texts, encoder, progress)
    sentence_vectors = _encode("sentences", [s.text for p in passages for s in p.sentences], encoder, progress)
    return LocalStore.build(documents, passages, passage_vectors, sentence_vectors, analyzer, folder)


def update(documents: Sequence[Document], index: Path, encoder: SentenceEncoder, progress: Progress) -> Path:
    """The folder of the index's generation for these documents and this encoder, built if it isn't there."""
    about = {
        "format": FORMAT,
        "encoder": encoder.fingerprint,
        "max_tokens": encoder.max_tokens,
        "documents": {d.id: hashlib.sha256(f"{d.title}\n{d.text}".encode()).hexdigest() for d in documents},
    }
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    in_use = generations.current(index)
    if in_use is not None and in_use.name == name:
        return in_use
    encoder.verify()
    return generations.create(
        index, name, about, lambda folder: build(documents, encoder, Analyzer(), folder, progress).close()
    )


def _encode(what: str, texts: Sequence[str], encoder: Encoder, progress: Progress) -> Vectors:
    """Vectors of texts in their order, encoded by length so that a batch has little padding."""
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    vectors = np.empty((len(texts), encoder.dimension), dtype=np.float32)
    for first in range(0, len(order), BATCH):
        progress(what, first, len(order))
        batch = order[first : first + BATCH]
        vectors[batch] = encoder.encode_passages([texts[i] for i in batch])
    progress(what, len(order), len(order))
    return vectors

"""Documents → a store in Milvus, by one writer at a time; readers always see a document whole."""

import json
import os
import socket
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import NamedTuple

from qa.errors import StoreError
from qa.index.milvus.database import MAX_BYTES, ROWS, Row
from qa.index.milvus.store import STATE, STRETCH, MilvusStore, State, stretches_of, subkey, word_key
from qa.index.store import EmbeddedPassage, indexed_text
from qa.text.normalization import WORD, fold
from qa.text.structure import Structure
from qa.text.terms import Analyzer
from qa.types import Document, Passage

WRITER = 1  # the key of the row of `state` that says who is writing
LEASE = 120.0  # seconds without a sign of life after which a writer counts as dead
SETTLE = 0.2  # seconds after which the names of two writers that begin at once are both written
KEPT = 60.0  # seconds for which the rows of a dropped document are kept for readers
DROPPED = 1500  # documents that `state` can name as dropped
OF_DOCUMENTS = ("passages", "sentences", "texts")


class EmbeddedDocument(NamedTuple):
    """A document with its hash, as hashes_of gives it, and its passages."""

    document: Document
    digest: str
    passages: Sequence[EmbeddedPassage]


@contextmanager
def writing(store: MilvusStore, analyzer: Analyzer, waiting: Callable[[str], None]) -> Iterator["Writer"]:
    """Become the only writer on all machines; `waiting` is called with a line that names the writer waited for.

    Milvus has no compare-and-set, so this is Fischer's algorithm (in Lamport, A fast mutual exclusion algorithm, 1987):
    write down your name, wait, and see whose name stands.
    """
    writer, database = Writer(store, analyzer), store.database
    while not writer.is_named():
        holder = database.read_state(WRITER)
        if holder and holder["until"] > time.time():
            waiting(f"{database.uri} is being written by {holder['name']}: waiting")
            time.sleep(1)
        else:
            writer.sign(LEASE)
            time.sleep(SETTLE)
    database.latest = True
    try:
        writer.restore()
        yield writer
    finally:
        database.latest = False
        database.flush()
        if writer.is_named():
            writer.sign(0)


class Writer:
    """Changes the documents of a store."""

    def __init__(self, store: MilvusStore, analyzer: Analyzer) -> None:
        self._store, self._database = store, store.database
        self._analyzer = analyzer
        self._id = uuid.uuid4().hex

    def is_named(self) -> bool:
        """Return whether this writer's name stands, so that it may write."""
        return bool(self._database.read_state(WRITER).get("by") == self._id)

    def sign(self, seconds: float) -> None:
        """Write down the name of this writer, valid for some seconds."""
        name = f"{socket.gethostname()}, process {os.getpid()}"
        self._database.write_state(WRITER, {"by": self._id, "name": name, "until": time.time() + seconds})

    def restore(self) -> None:
        """Undo what a dead writer has left."""
        later = f"generation > {self._store.state(latest=True).generation}"
        for kind in OF_DOCUMENTS:
            self._database.delete(kind, later)
        rows = self._database.all_rows("words", later, ["before"])
        self._database.write("words", [_word(row["key"], 0, row["before"], row["before"]) for row in rows])

    def replace(self, ids: Collection[str], by: Sequence[EmbeddedDocument]) -> None:
        """Replace the documents of some ids by others; readers see all of that at once."""
        self._hold()
        state = self._without_dropped(self._store.state(latest=True))
        wanted = f"id in {json.dumps(list(ids), ensure_ascii=False)} and part == 0 and {state.visible}"
        old = [row["document"] for row in self._database.rows("texts", wanted, ["document"])]
        removed = self._count(self._passages(old))
        added = self._count(embedded.passage for new in by for embedded in new.passages)
        generation, number = state.generation + 1, state.end
        rows: dict[str, list[Row]] = defaultdict(list)
        for new in by:
            for kind, row in self._rows(new, number, generation):
                rows[kind].append(row)
            number += max(1, len(new.passages))
        for kind, of_kind in rows.items():
            self._database.write(kind, of_kind)
        self._change_frequencies(added.frequencies, removed.frequencies, generation)
        self._settle(generation)
        self._hold()
        after = replace(
            state,
            generation=generation,
            end=number + 1,  # a gap, so that the numbers of a document's two versions never adjoin
            passages=state.passages + added.passages - removed.passages,
            terms=state.terms + added.terms - removed.terms,
            dropped=[*state.dropped, *((document, int(time.time())) for document in old)],
        )
        self._database.write_state(STATE, asdict(after))
        self._store.state(latest=True)

    def drop_others(self) -> None:
        """Remove the indexes of other settings."""
        for name in self._database.others():
            self._database.drop(name)

    def _hold(self) -> None:
        if not self.is_named():
            raise StoreError(f"another process began to write to {self._database.uri}: run `qa index` again")
        self.sign(LEASE)

    def _rows(self, new: EmbeddedDocument, first: int, generation: int) -> Iterator[tuple[str, Row]]:
        """Yield the rows of a document, each with its collection; its passages are numbered from `first` on."""
        document, of = new.document, {"document": first, "generation": generation}
        for number, (passage, vector, sentence_vectors) in enumerate(new.passages, first):
            row = {"key": number, **of, "start": passage.start, "end": passage.end, "vector": vector}
            terms = _cut(" ".join(self._analyzer.terms(indexed_text(passage))))
            yield "passages", {**row, "heading": _cut(passage.heading), "terms": terms}
            for i, (sentence, vector) in enumerate(zip(passage.sentences, sentence_vectors, strict=True)):
                row = {"key": subkey(number, i), **of, "start": sentence.start, "end": sentence.end, "vector": vector}
                more = {"passage": number, "list": sentence.list, "opens": sentence.opens, "page": sentence.page or 0}
                yield "sentences", {**row, **more}
        about = {**of, "id": document.id, "title": _cut(document.title), "digest": new.digest}
        about["path"] = str(document.path) if document.path else ""
        whole = f"{document.text}\n{Structure.of(document).to_json()}"
        for part in stretches_of(0, len(whole)):
            text = whole[part * STRETCH :][:STRETCH]
            yield "texts", {"key": subkey(first, part), **about, "part": part, "text": text}

    def _change_frequencies(self, added: Counter[int], removed: Counter[int], generation: int) -> None:
        """Change the frequencies of words and terms. Rows keep the one before, for readers of the last generation."""
        changes = Counter(added)
        changes.subtract(removed)
        keys = [key for key, change in changes.items() if change]
        for at in range(0, len(keys), ROWS):
            chunk = keys[at : at + ROWS]
            rows = self._database.rows("words", f"key in {chunk}", ["frequency"])
            before = Counter({row["key"]: row["frequency"] for row in rows})
            rows = [_word(key, generation, before[key] + changes[key], before[key]) for key in chunk]
            self._database.write("words", rows)

    def _count(self, passages: Iterable[Passage]) -> "_Counts":
        frequencies: Counter[int] = Counter()
        number = length = 0
        for passage in passages:
            text = indexed_text(passage)
            terms = self._analyzer.terms(text)
            frequencies.update(word_key("term", term) for term in set(terms))
            frequencies.update(word_key("word", word) for word in WORD.findall(fold(text)))
            number, length = number + 1, length + len(terms)
        return _Counts(frequencies, number, length)

    def _passages(self, documents: Sequence[int]) -> Iterator[Passage]:
        rows = self._database.all_rows("passages", f"document in {documents}", ["document"]) if documents else []
        for at in range(0, len(rows), ROWS):
            yield from self._store.passages([row["key"] for row in rows[at : at + ROWS]]).values()

    def _without_dropped(self, state: State) -> State:
        """Delete the rows of documents that were dropped long ago, and return the state without them."""
        if len(state.dropped) > DROPPED:
            time.sleep(max(0.0, state.dropped[-1][1] + 1 + KEPT - time.time()))
        old = [document for document, when in state.dropped if when + KEPT <= time.time()]
        for kind in OF_DOCUMENTS if old else ():
            self._database.delete(kind, f"document in {old}")
        return replace(state, dropped=[item for item in state.dropped if item[0] not in old])

    def _settle(self, generation: int) -> None:
        """Wait until readers that don't ask for the latest rows see what was written."""
        for kind in (*OF_DOCUMENTS, "words"):
            self._database.rows(kind, f"generation == {generation}", ["generation"], 1)


class _Counts(NamedTuple):
    """What passages contain."""

    frequencies: Counter[int]  # in how many passages each term is, and how often each word occurs, by key
    passages: int
    terms: int


def _word(key: int, generation: int, frequency: int, before: int) -> dict[str, int]:
    return {"key": key, "generation": generation, "frequency": frequency, "before": before}


def _cut(text: str) -> str:
    """Cut a text to what a field holds; terms and headings are hardly ever longer."""
    return text.encode()[:MAX_BYTES].decode(errors="ignore")

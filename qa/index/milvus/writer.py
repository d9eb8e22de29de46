"""Documents → a store in Milvus, by one writer at a time, so that whoever reads sees each of them whole."""

import json
import os
import socket
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import NamedTuple

from qa.errors import StoreError
from qa.index.milvus.database import LONGEST, ROWS, Row
from qa.index.milvus.store import STATE, STRETCH, MilvusStore, State, parts, within, word_key
from qa.index.store import Vectored, searched
from qa.text.normalization import WORD, fold
from qa.text.structure import Structure
from qa.text.terms import Analyzer
from qa.types import Document, Passage

WRITER = 1  # the key of the row that says who is writing
LEASE = 120.0  # seconds after which a writer that isn't heard of counts as dead
SETTLE = 0.2  # seconds in which two writers that begin at once have both put down their names
KEPT = 60.0  # seconds that a dropped document's rows are kept for readers
DROPPED = 1500  # documents that the state can name as dropped
OF_DOCUMENTS = ("passages", "sentences", "texts")


class Filed(NamedTuple):
    """A document to be put in: the digest of its content, and its passages."""

    document: Document
    digest: str
    items: Sequence[Vectored]


@contextmanager
def writing(store: MilvusStore, analyzer: Analyzer, waiting: Callable[[str], None]) -> Iterator["Writer"]:
    """The only writer, here and on other machines; `waiting` is told who is waited for.

    Milvus can't compare and set, so that this is Fischer's algorithm (in Lamport, A fast mutual exclusion algorithm,
    1987): write down your name, wait, and see whose name stands.
    """
    writer, database = Writer(store, analyzer), store.database
    while not writer.is_named():
        holder = database.said(WRITER)
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
    """Changes a store."""

    def __init__(self, store: MilvusStore, analyzer: Analyzer) -> None:
        self._store, self._database = store, store.database
        self._analyzer = analyzer
        self._id = uuid.uuid4().hex

    def is_named(self) -> bool:
        """Whether this is the one that may write."""
        return bool(self._database.said(WRITER).get("by") == self._id)

    def sign(self, seconds: float) -> None:
        """Write down its name, for as long as it may take until the next sign."""
        name = f"{socket.gethostname()}, process {os.getpid()}"
        self._database.say(WRITER, {"by": self._id, "name": name, "until": time.time() + seconds})

    def restore(self) -> None:
        """Undo what a writer that died has left."""
        later = f"generation > {self._store.state(latest=True).generation}"
        for kind in OF_DOCUMENTS:
            self._database.delete(kind, later)
        rows = self._database.everything("words", later, ["before"])
        self._database.write("words", [_word(row["key"], 0, row["before"], row["before"]) for row in rows])

    def replace(self, ids: Collection[str], by: Sequence[Filed]) -> None:
        """Take the documents of some ids out and put others in, all at once for whoever reads."""
        self._hold()
        state = self._without_dropped(self._store.state(latest=True))
        wanted = f"id in {json.dumps(list(ids), ensure_ascii=False)} and part == 0 and {state.visible}"
        old = [row["document"] for row in self._database.rows("texts", wanted, ["document"])]
        less, fewer, shorter = self._counted(self._passages(old))
        changes, more, longer = self._counted(item.passage for filed in by for item in filed.items)
        changes.subtract(less)
        generation, number = state.generation + 1, state.end
        rows: dict[str, list[Row]] = defaultdict(list)
        for filed in by:
            for kind, row in self._made(filed, number, generation):
                rows[kind].append(row)
            number += max(1, len(filed.items))
        for kind, of_kind in rows.items():
            self._database.write(kind, of_kind)
        self._count(changes, generation)
        self._settle(generation)
        self._hold()
        after = replace(
            state,
            generation=generation,
            end=number + 1,  # a document's two versions never stand side by side
            passages=state.passages + more - fewer,
            terms=state.terms + longer - shorter,
            dropped=[*state.dropped, *((document, int(time.time())) for document in old)],
        )
        self._database.say(STATE, asdict(after))
        self._store.state(latest=True)

    def drop_others(self) -> None:
        """Remove the indexes of other settings."""
        for name in self._database.others():
            self._database.drop(name)

    def _hold(self) -> None:
        if not self.is_named():
            raise StoreError(f"another process began to write to {self._database.uri}: run `qa index` again")
        self.sign(LEASE)

    def _made(self, filed: Filed, first: int, generation: int) -> Iterator[tuple[str, Row]]:
        """The rows of a document whose passages are numbered from `first` on, each with its collection."""
        document, of = filed.document, {"document": first, "generation": generation}
        for number, (passage, vector, vectors) in enumerate(filed.items, first):
            row = {"key": number, **of, "start": passage.start, "end": passage.end, "vector": vector}
            terms = _cut(" ".join(self._analyzer.terms(searched(passage))))
            yield "passages", {**row, "heading": _cut(passage.heading), "terms": terms}
            for i, (sentence, own) in enumerate(zip(passage.sentences, vectors, strict=True)):
                row = {"key": within(number, i), **of, "start": sentence.start, "end": sentence.end, "vector": own}
                more = {"passage": number, "list": sentence.list, "opens": sentence.opens, "page": sentence.page or 0}
                yield "sentences", {**row, **more}
        about = {**of, "id": document.id, "title": _cut(document.title), "digest": filed.digest}
        about["path"] = str(document.path) if document.path else ""
        whole = f"{document.text}\n{Structure.of(document).dumped()}"
        for part in parts(0, len(whole)):
            text = whole[part * STRETCH :][:STRETCH]
            yield "texts", {"key": within(first, part), **about, "part": part, "text": text}

    def _count(self, changes: Mapping[int, int], generation: int) -> None:
        """Change how often words are there. Their rows keep how often they were, for readers of the last generation."""
        keys = [key for key, change in changes.items() if change]
        for at in range(0, len(keys), ROWS):
            chunk = keys[at : at + ROWS]
            rows = self._database.rows("words", f"key in {chunk}", ["frequency"])
            before = Counter({row["key"]: row["frequency"] for row in rows})
            rows = [_word(key, generation, before[key] + changes[key], before[key]) for key in chunk]
            self._database.write("words", rows)

    def _counted(self, passages: Iterable[Passage]) -> tuple[Counter[int], int, int]:
        """In how many passages each term is and how often each word, by key; how many passages and terms there are."""
        counts: Counter[int] = Counter()
        number = length = 0
        for passage in passages:
            text = searched(passage)
            terms = self._analyzer.terms(text)
            counts.update(word_key("term", term) for term in set(terms))
            counts.update(word_key("word", word) for word in WORD.findall(fold(text)))
            number, length = number + 1, length + len(terms)
        return counts, number, length

    def _passages(self, documents: Sequence[int]) -> Iterator[Passage]:
        rows = self._database.everything("passages", f"document in {documents}", ["document"]) if documents else []
        for at in range(0, len(rows), ROWS):
            yield from self._store.passages([row["key"] for row in rows[at : at + ROWS]]).values()

    def _without_dropped(self, state: State) -> State:
        """The state without the documents that were dropped long ago, whose rows are deleted."""
        if len(state.dropped) > DROPPED:
            time.sleep(max(0.0, state.dropped[-1][1] + 1 + KEPT - time.time()))
        old = [document for document, when in state.dropped if when + KEPT <= time.time()]
        for kind in OF_DOCUMENTS if old else ():
            self._database.delete(kind, f"document in {old}")
        return replace(state, dropped=[item for item in state.dropped if item[0] not in old])

    def _settle(self, generation: int) -> None:
        """Wait until what was written is there for readers that don't ask for the latest."""
        for kind in (*OF_DOCUMENTS, "words"):
            self._database.rows(kind, f"generation == {generation}", ["generation"], 1)


def _word(key: int, generation: int, frequency: int, before: int) -> dict[str, int]:
    return {"key": key, "generation": generation, "frequency": frequency, "before": before}


def _cut(text: str) -> str:
    """A text as far as a field holds it; terms and headings are hardly ever longer."""
    return text.encode()[:LONGEST].decode(errors="ignore")

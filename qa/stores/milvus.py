"""Milvus: an index that many servers share, none of it held here.

Its collections are named after the settings that it was built with:

    passages    their vectors and terms, which both rankings search
    sentences   their vectors and places, with the vectors of their words
    texts       the documents, in stretches that fit into a field
    words       how often each term and each word is there
    state       one row, written last, that says what readers see; and who is writing

Rows carry the generation that brought them. Readers see those up to the state's, but for the documents that it names as
dropped, whose rows stay until no reader can be at them. So a document is seen whole, as it was or as it is, and what a
writer that died has left is never seen.
"""

import base64
import hashlib
import json
import math
import os
import socket
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qa.encoder import Vectors
from qa.errors import StoreError
from qa.stores import Candidates, Entry, Numbers, Shared, Vectored, searched
from qa.stores.engine import K1, LONGEST, SCHEMA, WRITE, B, Database, Row
from qa.terms import WORD, Analyzer, fold
from qa.types import Document, Passage, Sentence
from qa.words import unpack

STRETCH = 4000  # characters of a document in a row; at most four bytes each, of the 65,535 that a field holds
MOST = 16_384  # hits that Milvus gives to one search
ROWS = 500  # that are written at a time
FRESH = 1.0  # seconds that a reader goes by the state it has read
KEPT = 60.0  # seconds that a dropped document's rows are kept for readers
DROPPED = 3000  # documents that the state can name as dropped
LEASE = 120.0  # seconds after which a writer that isn't heard of counts as dead
SETTLE = 0.2  # seconds in which two writers that begin at once have both put down their names

STATE, WRITER = 0, 1  # keys of the rows of the collection `state`


class Filed(NamedTuple):
    """A document to be put in: the digest of its content, and its passages."""

    document: Document
    digest: str
    items: Sequence[Vectored]


@dataclass(frozen=True, slots=True)
class State:
    """What readers see: the rows up to a generation, but for dropped documents; and what they amount to."""

    settings: dict[str, str]
    generation: int = 0
    end: int = 0  # the first number that no passage has had
    passages: int = 0
    terms: int = 0
    dropped: tuple[tuple[int, float], ...] = ()  # documents, and when they were

    @property
    def visible(self) -> str:
        """The rows that readers see, as a filter."""
        documents = [document for document, _ in self.dropped]
        return f"generation <= {self.generation}" + (f" and document not in {documents}" if documents else "")


class MilvusStore:
    """A store in Milvus, as it was when it was asked, at most FRESH seconds ago. One writer at a time changes it."""

    def __init__(self, database: "Database", settings: Mapping[str, str], word_dimension: int) -> None:
        self._database = database
        self._prefix = f"qa_{hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]}_"
        self._word_dimension = word_dimension
        self._seen: tuple[float, State] | None = None
        self._me = ""

    @classmethod
    def open(cls, shared: Shared, settings: Mapping[str, str], shape: tuple[int, int]) -> "MilvusStore":
        """The store at a place, made where there is none; `shape` has the dimensions of vectors and of words' vectors.

        Raises StoreError where one that was built with other settings is there, unless that may be rebuilt.
        """
        store = cls(Database(shared), settings, shape[1])
        if not store._is_there():
            if (others := store._others()) and not shared.rebuild:
                found = store._read(others[0], "key == 0", ["value"])
                raise StoreError(
                    f"the index at {shared.uri} was built with other settings ({_differing(found, settings)}): set "
                    "the same ones, or run `qa index` to build it anew"
                )
            for kind in SCHEMA:
                store._database.create(store._prefix + kind, kind, shape[0])
            store._write("state", [{"key": STATE, "value": _json(State(dict(settings)))}])
        return store

    def close(self) -> None:
        """Let go of the connection."""
        self._database.close()

    def __len__(self) -> int:
        return self._state().passages

    @property
    def generation(self) -> str:
        """What tells the index as it is now from all others."""
        return f"{self._prefix[3:-1]}-{self._state().generation}"

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms.

        Milvus's own BM25 proposes passages; its scores depend on how it has split the collection up and on rows that
        aren't seen, so that those given here are computed anew, as the local store's are.
        """
        state, asked = self._state(), vector.tolist()
        found = self._hits("passages", "vector", asked, k, state.visible)
        if terms:
            found += self._hits("passages", "lexical", " ".join(terms), k, state.visible)
        rows = {hit["key"]: hit["entity"] for hit in found}
        numbers = sorted(rows)
        if not numbers:
            return Candidates(np.zeros(0, dtype=np.int64), *np.zeros((3, 0), dtype=np.float32))
        nearest: dict[int, float] = defaultdict(lambda: -1.0)
        for hit in self._hits("sentences", "vector", asked, MOST, f"passage in {numbers}", ["passage"]):
            number = hit["entity"]["passage"]
            nearest[number] = max(nearest[number], hit["distance"])
        return Candidates(
            numbers=np.array(numbers, dtype=np.int64),
            dense=np.array([rows[n]["vector"] for n in numbers], dtype=np.float32) @ vector,
            sentence=np.array([nearest[n] for n in numbers], dtype=np.float32),
            lexical=_bm25(terms, [rows[n]["terms"].split() for n in numbers], self.idf(terms), state),
        )

    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        """The passages of these numbers with their vectors, in their order; numbers that have none are left out."""
        fields = ["document", "heading", "start", "end"]
        found = self._rows("passages", f"key in {list(numbers)}", fields) if numbers else []
        if not found:
            return []
        rows = {row["key"]: row for row in found}
        stretches = {
            number: [_within(row["document"], part) for part in _parts(row["start"], row["end"])]
            for number, row in rows.items()
        }
        wanted = sorted({key for keys in stretches.values() for key in keys})
        texts = {row["key"]: row for row in self._rows("texts", f"key in {wanted}", ["id", "title", "text"])}
        parts = defaultdict(list)
        fields = ["passage", "start", "end", "list", "opens", "words", "vector"]
        for part in self._rows("sentences", f"passage in {list(numbers)}", fields):
            parts[part["passage"]].append(part)
        return [
            _entry(n, rows[n], [texts[key] for key in stretches[n]], parts[n], self._word_dimension)
            for n in numbers
            if n in rows
        ]

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        """How rare each term is among the passages: ln(1 + (N - n + 0.5) / (n + 0.5)), as in BM25."""
        counts, total = self._counts("term", terms), len(self)
        return {term: math.log(1 + (total - counts[term] + 0.5) / (counts[term] + 0.5)) for term in terms}

    def known(self, terms: Sequence[str]) -> set[str]:
        """Those of the terms that any passage has."""
        return set(self._counts("term", terms))

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """How often each of the words that are there at all stands in the passages, without case and accents."""
        return dict(self._counts("word", words))

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        wanted = f"id == {json.dumps(document_id, ensure_ascii=False)} and {self._state().visible}"
        rows = sorted(self._rows("texts", wanted, ["title", "path", "text"]), key=lambda row: row["key"])
        if not rows:
            return None
        path = Path(rows[0]["path"]) if rows[0]["path"] else None
        return Document(document_id, rows[0]["title"], "".join(row["text"] for row in rows), path)

    def headings(self) -> list[str]:
        """The headings that passages stand under, without those above them, or the titles where there are none.

        They are those of the first few thousand passages.
        """
        visible = self._state().visible
        rows = self._rows("passages", f"heading != '' and {visible}", ["heading"], limit=5000)
        found = [row["heading"].split(" › ")[-1] for row in sorted(rows, key=lambda row: row["key"])]
        if found:
            return list(dict.fromkeys(found))[:1000]
        rows = self._rows("texts", f"part == 0 and {visible}", ["title"], limit=1000)
        return [row["title"] for row in sorted(rows, key=lambda row: row["key"])]

    def digests(self) -> dict[str, str]:
        """The ids of the documents that are there, and the digests of their content."""
        self._seen = None
        wanted = f"part == 0 and {self._state().visible}"
        found = self._database.everything(f"{self._prefix}texts", wanted, ["id", "digest"])
        return {row["id"]: row["digest"] for row in found}

    @contextmanager
    def writing(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """Be the only writer, here and on other machines; `waiting` is told who is waited for.

        Milvus can't compare and set, so that this is Fischer's algorithm (Lamport 1987): write, wait, and see whose
        name stands.
        """
        me, name = uuid.uuid4().hex, f"{socket.gethostname()}, process {os.getpid()}"
        while self._me != me:
            found = self._rows("state", f"key == {WRITER}", ["value"])
            holder = json.loads(found[0]["value"]) if found else {"until": 0}
            if holder["until"] > time.time():
                waiting(f"{self._database.uri} is being written by {holder['name']}: waiting")
                time.sleep(1)
                continue
            self._hold(me, name, LEASE)
            time.sleep(SETTLE)
            if self._holder() == me:
                self._me = me
        try:
            self._restore()
            yield
        finally:
            if self._holder() == me:
                self._hold("", "", 0)
            self._me = ""

    def replace(self, gone: Collection[str], by: Sequence[Filed], analyzer: Analyzer) -> None:
        """Take the documents of some ids out and put others in, all at once for whoever reads."""
        self._seen = None
        state = self._delete_dropped(self._state())
        ids = json.dumps(list(gone), ensure_ascii=False)
        old = [
            r["document"] for r in self._rows("texts", f"id in {ids} and part == 0 and {state.visible}", ["document"])
        ]
        numbers = [row["key"] for row in self._rows("passages", f"document in {old}", ["document"])] if old else []
        removed = [entry.passage for entry in self.entries(numbers)]
        added = [item.passage for filed in by for item in filed.items]
        (less, shorter), (more, longer) = _counted(removed, analyzer), _counted(added, analyzer)
        more.subtract(less)
        generation, number = state.generation + 1, state.end
        for filed in by:
            self._put(filed, number, generation, analyzer)
            number += max(1, len(filed.items))
        self._count(more, generation)
        if self._holder() != self._me:
            raise StoreError(f"another process began to write to {self._database.uri}: run `qa index` again")
        self._hold(self._me, f"{socket.gethostname()}, process {os.getpid()}", LEASE)
        after = replace(
            state,
            generation=generation,
            end=number + 1,  # a document's two versions never stand side by side
            passages=state.passages + len(added) - len(removed),
            terms=state.terms + longer - shorter,
            dropped=(*state.dropped, *((document, time.time()) for document in old)),
        )
        self._settle(generation)
        self._write("state", [{"key": STATE, "value": _json(after)}])
        self._seen = None

    def drop_others(self) -> None:
        """Remove what was built with other settings."""
        for name in self._others():
            for kind in SCHEMA:
                self._database.call("drop_collection", name.removesuffix("state") + kind, seconds=WRITE)

    def _put(self, filed: Filed, first: int, generation: int, analyzer: Analyzer) -> None:
        document, both = filed.document, {"document": first, "generation": generation}
        passages, sentences = [], []
        for number, (passage, vector, vectors, words, word_sentences) in enumerate(filed.items, first):
            passages.append(
                {
                    **{"key": number, **both, "start": passage.start, "end": passage.end},
                    **{"heading": _cut(passage.heading), "terms": _cut(" ".join(analyzer.terms(searched(passage))))},
                    "vector": vector.tolist(),
                }
            )
            for i, (sentence, own) in enumerate(zip(passage.sentences, vectors.tolist(), strict=True)):
                packed = words[word_sentences == i].tobytes()[: LONGEST // 4 * 3]
                sentences.append(
                    {
                        **{"key": _within(number, i), **both, "passage": number, "vector": own},
                        **{"start": sentence.start, "end": sentence.end, "list": sentence.list},
                        **{"opens": sentence.opens, "words": base64.b64encode(packed).decode()},
                    }
                )
        self._write("passages", passages)
        self._write("sentences", sentences)
        about = {"id": document.id, "title": _cut(document.title), "digest": filed.digest}
        about["path"] = str(document.path) if document.path else ""
        self._write(
            "texts",
            [
                {"key": _within(first, n), **both, "part": n, **about, "text": document.text[n * STRETCH :][:STRETCH]}
                for n in _parts(0, len(document.text))
            ],
        )

    def _count(self, changes: Mapping[int, int], generation: int) -> None:
        """Change how often words are there. Rows keep what they said before, for readers of the last generation."""
        keys = [key for key, change in changes.items() if change]
        for at in range(0, len(keys), ROWS):
            chunk = keys[at : at + ROWS]
            before = Counter(
                {row["key"]: row["frequency"] for row in self._rows("words", f"key in {chunk}", ["frequency"])}
            )
            self._write(
                "words",
                [
                    {"key": k, "generation": generation, "frequency": before[k] + changes[k], "before": before[k]}
                    for k in chunk
                ],
            )

    def _counts(self, kind: str, words: Sequence[str]) -> Counter[str]:
        """How often each of the words that are there at all is, at the generation that is seen."""
        keys, generation = {_key(kind, word): word for word in words}, self._state().generation
        if not keys:
            return Counter()
        rows = self._rows("words", f"key in {list(keys)}", ["generation", "frequency", "before"])
        counts = {row["key"]: row["before" if row["generation"] > generation else "frequency"] for row in rows}
        return Counter({keys[key]: count for key, count in counts.items() if count})

    def _restore(self) -> None:
        """Undo what a writer that died has left."""
        self._seen = None
        later = f"generation > {self._state().generation}"
        for kind in ("passages", "sentences", "texts"):
            self._delete(kind, later)
        rows = self._rows("words", later, ["before"])
        self._write("words", [{**row, "generation": 0, "frequency": row["before"]} for row in rows])

    def _delete_dropped(self, state: State) -> State:
        """The state without the documents that were dropped long ago, whose rows are deleted."""
        if len(state.dropped) > DROPPED:
            time.sleep(max(0.0, state.dropped[-1][1] + KEPT - time.time()))
        old = [document for document, when in state.dropped if when + KEPT <= time.time()]
        for kind in ("passages", "sentences", "texts") if old else ():
            self._delete(kind, f"document in {old}")
        return replace(state, dropped=tuple(item for item in state.dropped if item[0] not in old))

    def _settle(self, generation: int) -> None:
        """Wait until what was written is there for readers that don't ask for the latest."""
        for kind in ("passages", "sentences", "texts", "words"):
            self._rows(kind, f"generation == {generation}", ["generation"], limit=1)

    def _state(self) -> State:
        if self._seen is None or self._seen[0] + FRESH < time.monotonic():
            now, rows = time.monotonic(), self._rows("state", f"key == {STATE}", ["value"])
            if not rows:
                raise StoreError(f"the index at {self._database.uri} isn't complete: run `qa index`")
            value = json.loads(rows[0]["value"])
            self._seen = now, State(**{**value, "dropped": tuple(map(tuple, value["dropped"]))})
        return self._seen[1]

    def _is_there(self) -> bool:
        name = f"{self._prefix}state"
        return name in self._database.names() and bool(self._read(name, f"key == {STATE}", ["value"]))

    def _others(self) -> list[str]:
        names = (name for name in self._database.names() if name.startswith("qa_") and name.endswith("_state"))
        return sorted(name for name in names if name != f"{self._prefix}state")

    def _holder(self) -> str:
        rows = self._rows("state", f"key == {WRITER}", ["value"])
        return str(json.loads(rows[0]["value"])["by"]) if rows else ""

    def _hold(self, by: str, name: str, seconds: float) -> None:
        value = {"by": by, "name": name, "until": time.time() + seconds}
        self._write("state", [{"key": WRITER, "value": json.dumps(value)}])

    def _rows(self, kind: str, which: str, fields: list[str], limit: int | None = None) -> list[Row]:
        return self._read(self._prefix + kind, which, fields, limit)

    def _read(self, name: str, which: str, fields: list[str], limit: int | None = None) -> list[Row]:
        level = "Strong" if self._me or name.endswith("state") else "Bounded"
        asked: Row = {"filter": which, "output_fields": ["key", *fields], "consistency_level": level}
        if limit:
            asked["limit"] = limit
        return [dict(row) for row in self._database.call("query", name, **asked)]

    def _hits(
        self, kind: str, by: str, what: object, k: int, which: str, fields: Sequence[str] = ("terms", "vector")
    ) -> list[Row]:
        asked: Row = {"data": [what], "anns_field": by, "limit": k, "filter": which, "output_fields": list(fields)}
        return list(self._database.call("search", self._prefix + kind, consistency_level="Bounded", **asked)[0])

    def _write(self, kind: str, rows: Sequence[Row]) -> None:
        more = {} if kind in ("passages", "sentences") else {"vector": [0.0, 0.0]}
        for at in range(0, len(rows), ROWS):
            chunk = [{**row, **more} for row in rows[at : at + ROWS]]
            self._database.call("upsert", self._prefix + kind, chunk, seconds=WRITE)

    def _delete(self, kind: str, which: str) -> None:
        self._database.call("delete", self._prefix + kind, filter=which, seconds=WRITE)


def _json(state: State) -> str:
    return json.dumps({name: getattr(state, name) for name in State.__slots__}, ensure_ascii=False)


def _differing(found: list[Row], settings: Mapping[str, str]) -> str:
    there = json.loads(found[0]["value"])["settings"] if found else {}
    return ", ".join(f"{k} {str(there.get(k))[:40]}, here {v[:40]}" for k, v in settings.items() if there.get(k) != v)


def _bm25(terms: Sequence[str], texts: list[list[str]], idf: Mapping[str, float], state: State) -> Vectors:
    """BM25 in Lucene's form, every text counted as one term longer than it is, as the local store does."""
    average = state.terms / max(1, state.passages) + 1
    scores = np.zeros(len(texts), dtype=np.float32)
    for number, text in enumerate(texts):
        counts, norm = Counter(text), K1 * (1 - B + B * (len(text) + 1) / average)
        scores[number] = sum(idf[term] * counts[term] / (counts[term] + norm) for term in terms)
    return scores


def _counted(passages: Iterable[Passage], analyzer: Analyzer) -> tuple[Counter[int], int]:
    """In how many passages each term is, how often each word, both by key; and how many terms there are in all."""
    counts: Counter[int] = Counter()
    length = 0
    for passage in passages:
        text = searched(passage)
        terms = analyzer.terms(text)
        counts.update(_key("term", term) for term in set(terms))
        counts.update(_key("word", word) for word in WORD.findall(fold(text)))
        length += len(terms)
    return counts, length


def _key(kind: str, word: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{kind} {word}".encode(), digest_size=8).digest(), signed=True)


def _within(number: int, part: int) -> int:
    """The key of a part of what has a number."""
    return number << 20 | part


def _parts(start: int, end: int) -> range:
    """The stretches that a place lies in; an empty document has one."""
    return range(start // STRETCH, max(start, end - 1) // STRETCH + 1)


def _cut(text: str) -> str:
    return text.encode()[:LONGEST].decode(errors="ignore")


def _entry(number: int, row: Row, stretches: list[Row], parts: list[Row], word_dimension: int) -> Entry:
    start, end, parts = row["start"], row["end"], sorted(parts, key=lambda part: int(part["key"]))
    first = start // STRETCH * STRETCH
    text = "".join(stretch["text"] for stretch in stretches)[start - first : end - first]
    sentences = tuple(
        Sentence(p["start"], p["end"], text[p["start"] - start : p["end"] - start], p["list"], p["opens"])
        for p in parts
    )
    words = [np.frombuffer(base64.b64decode(p["words"]), np.int8).reshape(-1, word_dimension) for p in parts]
    places: Numbers = np.repeat(np.arange(len(parts)), [len(own) for own in words]).astype(np.int64)
    about = stretches[0]["id"], stretches[0]["title"], row["heading"]
    return Entry(
        number=number,
        passage=Passage(*about, start, end, text, sentences),
        sentences=np.array([part["vector"] for part in parts], dtype=np.float32),
        words=unpack(np.concatenate(words)),
        word_sentences=places,
    )

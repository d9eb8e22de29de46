"""A store in Milvus, shared by many servers, which hold none of it themselves. Its collections:

    passages    their vectors and terms, for both rankings
    sentences   their vectors and places
    texts       the documents, in stretches that fit into a field
    words       the document frequency of each term, and how often each word occurs
    state       one row that says what readers see, written last; another that says who is writing

Each write has a number, its generation, and so have its rows. Readers see the rows up to the generation in `state`, but
for those of dropped documents, which are deleted when no reader can need them any more. So a document is always seen
whole, as it was or as it is, and what a dead writer has left is never seen.
"""

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from typing_extensions import override

from qa.encoder.base import Vectors
from qa.errors import StoreError, StoreUnavailable
from qa.index.local.lexical import idf, length_norms
from qa.index.milvus.database import MAX_HITS, Database, Row
from qa.index.store import Candidates, MilvusOptions, Store
from qa.text.structure import Structure
from qa.types import HEADING_SEPARATOR, Document, Passage, Sentence

STRETCH = 4000  # characters of a document in a row: they fit into a field, and a passage spans few
FRESH = 1.0  # seconds until a reader reads the state again
STATE = 0  # the key of the row of `state` that says what readers see
SAMPLE = 5000  # passages whose headings are looked at


@dataclass(frozen=True, slots=True)
class State:
    """What readers see: the rows up to a generation, but for dropped documents; and how much that is."""

    settings: Mapping[str, str]
    generation: int = 0
    end: int = 0  # the smallest number that was never a passage's
    passages: int = 0
    terms: int = 0  # in all passages
    dropped: Sequence[tuple[int, int]] = ()  # documents, and when they were dropped, in seconds since 1970

    @property
    def visible(self) -> str:
        """The filter for the rows that readers see."""
        documents = [document for document, _ in self.dropped]
        return f"generation <= {self.generation}" + (f" and document not in {documents}" if documents else "")


class MilvusStore(Store):
    """A store in Milvus as it was a few seconds ago at most. qa.index.milvus.writer changes it."""

    waits = True

    def __init__(self, database: Database, settings: Mapping[str, str]) -> None:
        self.database = database
        self._empty = State(dict(settings))
        self._seen: tuple[float, State] | None = None

    @classmethod
    def open(cls, options: MilvusOptions, settings: Mapping[str, str], dimension: int) -> "MilvusStore":
        """Open a store for vectors of a dimension, creating it where there is none.

        Raises StoreError where there is one of other settings, unless `options` say to rebuild it.
        """
        database = Database(options, settings)
        if database.name not in database.names() or not database.read_state(STATE):
            others = database.others()
            if others and not options.rebuild:
                other = database.read_state(STATE, name=others[0]).get("settings", {})
                raise StoreError(
                    f"the index at {options.uri} was built with other settings ({_differences(other, settings)}): set "
                    "the same ones, or run `qa index` to build it anew"
                )
            database.create(dimension)
        return cls(database, settings)

    @override
    def close(self) -> None:
        self.database.close()

    @override
    def __len__(self) -> int:
        return self.state().passages

    @property
    def snapshot(self) -> str:
        """The name of the index as it is now; any write changes it."""
        return f"{self.database.name}-{self.state().generation}"

    @override
    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """See Store.search. Milvus's own BM25 only proposes passages.

        Its scores depend on how Milvus divides a collection, and on rows that readers don't see. So they are computed
        anew, as in LocalStore.
        """
        state, question = self.state(), vector.tolist()
        hits = self.database.hits("passages", "vector", question, k, state.visible, ["terms", "vector"])
        if terms:
            words = " ".join(terms)
            hits += self.database.hits("passages", "lexical", words, k, state.visible, ["terms", "vector"])
        rows = {hit["key"]: hit["entity"] for hit in hits}
        numbers = sorted(rows)
        if not numbers:
            return Candidates(np.zeros(0, dtype=np.int64), *np.zeros((3, 0), dtype=np.float32))
        sentences = self.database.hits("sentences", "vector", question, MAX_HITS, f"passage in {numbers}", ["passage"])
        nearest = dict.fromkeys(numbers, sentences[-1]["distance"])  # for passages that no hit is of
        nearest |= {hit["entity"]["passage"]: hit["distance"] for hit in reversed(sentences)}
        return Candidates(
            numbers=np.array(numbers, dtype=np.int64),
            dense=np.array([rows[n]["vector"] for n in numbers], dtype=np.float32) @ vector,
            sentence=np.array([nearest[n] for n in numbers], dtype=np.float32),
            lexical=_bm25(terms, [rows[n]["terms"].split() for n in numbers], self.idf(terms), state),
        )

    @override
    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        fields = ["document", "heading", "start", "end"]
        rows = self.database.rows("passages", f"key in {list(numbers)}", fields) if numbers else []
        if not rows:
            return {}
        stretches = {r["key"]: [subkey(r["document"], n) for n in stretches_of(r["start"], r["end"])] for r in rows}
        wanted = sorted({key for keys in stretches.values() for key in keys})
        texts = {text["key"]: text for text in self.database.rows("texts", f"key in {wanted}", ["id", "title", "text"])}
        sentences = self._sentences(list(numbers), ["start", "end", "list", "opens", "page"])
        if len(texts) < len(wanted) or len(sentences) < len(rows):
            raise self._incomplete()
        passages = {}
        for row in rows:
            passages[row["key"]] = _passage(row, [texts[key] for key in stretches[row["key"]]], sentences[row["key"]])
        return {number: passages[number] for number in numbers if number in passages}

    @override
    def similarities(self, passages: Mapping[int, Passage], vector: Vectors) -> list[Vectors]:
        sentences = self._sentences(list(passages), ["vector"])
        if any(len(sentences[number]) < len(passage.sentences) for number, passage in passages.items()):
            raise self._incomplete()
        vectors = [[sentence["vector"] for sentence in sentences[number]] for number in passages]
        return [np.array(of_passage, dtype=np.float32) @ vector for of_passage in vectors]

    @override
    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        frequencies, total = self._frequencies("term", terms), len(self)
        return {term: idf(frequencies[term], total) for term in terms}

    @override
    def known(self, terms: Sequence[str]) -> set[str]:
        return set(self._frequencies("term", terms))

    @override
    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        return dict(self._frequencies("word", words))

    @override
    def document(self, document_id: str) -> Document | None:
        wanted = f"id == {json.dumps(document_id, ensure_ascii=False)} and {self.state().visible}"
        rows = sorted(self.database.rows("texts", wanted, ["title", "path", "text"]), key=_by_key)
        if not rows:
            return None
        path = Path(rows[0]["path"]) if rows[0]["path"] else None
        text, _, structure = "".join(row["text"] for row in rows).rpartition("\n")
        return Structure.from_json(structure).document(document_id, rows[0]["title"], text, path)

    @override
    def headings(self) -> list[str]:
        visible = self.state().visible
        rows = self.database.rows("passages", f"heading != '' and {visible}", ["heading"], SAMPLE)
        headings = [row["heading"].split(HEADING_SEPARATOR)[-1] for row in sorted(rows, key=_by_key)]
        if not headings:
            rows = self.database.rows("texts", f"part == 0 and {visible}", ["title"], SAMPLE)
            headings = [row["title"] for row in sorted(rows, key=_by_key)]
        return list(dict.fromkeys(headings))[:1000]

    def digests(self) -> dict[str, str]:
        """Return the hashes of the documents in the store, as hashes_of gives them, by their ids."""
        rows = self.database.all_rows("texts", f"part == 0 and {self.state(latest=True).visible}", ["id", "digest"])
        return {row["id"]: row["digest"] for row in rows}

    def state(self, latest: bool = False) -> State:
        """Return what readers see: the `latest`, or at most FRESH seconds old, and as a node of Milvus knows it."""
        if latest or self._seen is None or self._seen[0] + FRESH < time.monotonic():
            now, value = time.monotonic(), self.database.read_state(STATE, latest=latest or self._seen is None)
            state = State(**value) if value else self._empty
            if self._seen and state.generation < self._seen[1].generation:  # this node of Milvus is behind
                state = self._seen[1]
            self._seen = now, state
        return self._seen[1]

    def _sentences(self, numbers: list[int], fields: Sequence[str]) -> dict[int, list[Row]]:
        """Return the rows of the sentences of passages, in order, by the numbers of the passages."""
        sentences = defaultdict(list)
        for row in sorted(self.database.rows("sentences", f"passage in {numbers}", ["passage", *fields]), key=_by_key):
            sentences[row["passage"]].append(row)
        return sentences

    def _incomplete(self) -> StoreUnavailable:
        return StoreUnavailable(f"the store {self.database.uri} gave half of a passage: try again in a moment")

    def _frequencies(self, kind: str, words: Sequence[str]) -> Counter[str]:
        """Return the frequency of each known word or term. A row has it for the last two generations."""
        keys, generation = {word_key(kind, word): word for word in words}, self.state().generation
        if not keys:
            return Counter()
        rows = self.database.rows("words", f"key in {list(keys)}", ["generation", "frequency", "before"])
        frequencies = {row["key"]: row["before" if row["generation"] > generation else "frequency"] for row in rows}
        return Counter({keys[key]: frequency for key, frequency in frequencies.items() if frequency})


def indexes(options: MilvusOptions) -> dict[str, State]:
    """Return the indexes in Milvus by their names: one, and a second while `qa index` builds it anew."""
    database = Database(options, {})
    values = {name: database.read_state(STATE, name=name) for name in database.names()}
    return {name: State(**value) for name, value in values.items() if value}


def word_key(kind: str, word: str) -> int:
    """Return the key of a term or a word: a hash of 63 bits, as words may be longer than a key of text."""
    return int.from_bytes(hashlib.blake2b(f"{kind} {word}".encode(), digest_size=8).digest()) >> 1


def subkey(number: int, part: int) -> int:
    """Return the key of a sentence of a passage, or of a stretch of a document, by the numbers of both."""
    return number << 20 | part


def stretches_of(start: int, end: int) -> range:
    """Return the numbers of the stretches that a span lies in; an empty document has one stretch."""
    return range(start // STRETCH, max(start, end - 1) // STRETCH + 1)


def _by_key(row: Row) -> int:
    return int(row["key"])


def _differences(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    return ", ".join(f"{k} {str(there.get(k))[:40]}, here {v[:40]}" for k, v in here.items() if there.get(k) != v)


def _bm25(terms: Sequence[str], texts: list[list[str]], idf: Mapping[str, float], state: State) -> Vectors:
    """Return the score of each text, given by its terms, by the formula of qa.index.local.lexical."""
    average_length = state.terms / max(1, state.passages) + 1
    norms = length_norms(np.array([len(text) for text in texts]), average_length)
    scores = np.zeros(len(texts), dtype=np.float32)
    for number, (text, norm) in enumerate(zip(texts, norms, strict=True)):
        counts = Counter(text)
        scores[number] = sum(idf[term] * counts[term] / (counts[term] + norm) for term in terms)
    return scores


def _passage(row: Row, stretches: list[Row], sentences: list[Row]) -> Passage:
    start, end = row["start"], row["end"]
    first = start // STRETCH * STRETCH
    text = "".join(stretch["text"] for stretch in stretches)[start - first : end - first]
    places = ((s["start"], s["end"], text[s["start"] - start : s["end"] - start]) for s in sentences)
    made = (
        Sentence(*place, s["list"], s["opens"], s["page"] or None) for place, s in zip(places, sentences, strict=True)
    )
    return Passage(stretches[0]["id"], stretches[0]["title"], row["heading"], start, end, text, tuple(made))

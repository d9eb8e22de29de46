"""A store in Milvus that many servers share, none of it held here. Its collections:

    passages    their vectors and terms, which both rankings search
    sentences   their vectors and places
    texts       the documents, in stretches that fit into a field
    words       how often each term and each word is there
    state       one row, written last, that says what readers see; and another that says who is writing

Rows carry the generation that brought them. Readers see those up to the state's, but for the documents that it names as
dropped, whose rows stay until no reader can be at them. So a document is seen whole, as it was or as it is, and what a
writer that died has left is never seen.
"""

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa.encoder import Vectors
from qa.errors import StoreError, StoreUnavailable
from qa.stores import Candidates, Shared
from qa.stores.engine import K1, MOST, B, Database, Row
from qa.stores.lexical import rarity
from qa.structure import Structure
from qa.types import Document, Passage, Sentence

STRETCH = 4000  # characters of a document in a row: a field holds 65,535 bytes, and a passage needs few
FRESH = 1.0  # seconds that a reader goes by the state it has read
STATE = 0  # its key
SOME = 5000  # passages whose headings are looked at


@dataclass(frozen=True, slots=True)
class State:
    """What readers see: the rows up to a generation, but for dropped documents; and what they amount to."""

    settings: Mapping[str, str]
    generation: int = 0
    end: int = 0  # the first number that no passage has had
    passages: int = 0
    terms: int = 0
    dropped: Sequence[tuple[int, int]] = ()  # documents, and when they were

    @property
    def visible(self) -> str:
        """The rows that readers see, as a filter."""
        documents = [document for document, _ in self.dropped]
        return f"generation <= {self.generation}" + (f" and document not in {documents}" if documents else "")


class MilvusStore:
    """A store in Milvus, as it was a few seconds ago at most; qa.stores.writer changes it."""

    waits = True

    def __init__(self, database: Database, settings: Mapping[str, str]) -> None:
        self.database = database
        self._empty = State(dict(settings))
        self._seen: tuple[float, State] | None = None

    @classmethod
    def open(cls, shared: Shared, settings: Mapping[str, str], dimension: int) -> "MilvusStore":
        """The store at a place, made where there is none, for vectors of a dimension.

        Raises StoreError where one that was built with other settings is there, unless that may be rebuilt.
        """
        database = Database(shared, settings)
        if database.name not in database.names() or not database.said(STATE):
            others = database.others()
            if others and not shared.rebuild:
                other = database.said(STATE, name=others[0]).get("settings", {})
                raise StoreError(
                    f"the index at {shared.uri} was built with other settings ({_differing(other, settings)}): set the "
                    "same ones, or run `qa index` to build it anew"
                )
            database.create(dimension)
        return cls(database, settings)

    def close(self) -> None:
        """Let go of the connection."""
        self.database.close()

    def __len__(self) -> int:
        return self.state().passages

    @property
    def generation(self) -> str:
        """What tells the index as it is from all others."""
        return f"{self.database.name}-{self.state().generation}"

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms.

        Milvus's own BM25 proposes passages. Its scores depend on how Milvus has split a collection up, and on rows that
        aren't seen, so that those given here are computed anew, as the local store's are.
        """
        state, asked = self.state(), vector.tolist()
        found = self.database.hits("passages", "vector", asked, k, state.visible, ["terms", "vector"])
        if terms:
            words = " ".join(terms)
            found += self.database.hits("passages", "lexical", words, k, state.visible, ["terms", "vector"])
        rows = {hit["key"]: hit["entity"] for hit in found}
        numbers = sorted(rows)
        if not numbers:
            return Candidates(np.zeros(0, dtype=np.int64), *np.zeros((3, 0), dtype=np.float32))
        sentences = self.database.hits("sentences", "vector", asked, MOST, f"passage in {numbers}", ["passage"])
        nearest = dict.fromkeys(numbers, sentences[-1]["distance"])  # where there are more than MOST
        nearest |= {hit["entity"]["passage"]: hit["distance"] for hit in reversed(sentences)}
        return Candidates(
            numbers=np.array(numbers, dtype=np.int64),
            dense=np.array([rows[n]["vector"] for n in numbers], dtype=np.float32) @ vector,
            sentence=np.array([nearest[n] for n in numbers], dtype=np.float32),
            lexical=_bm25(terms, [rows[n]["terms"].split() for n in numbers], self.idf(terms), state),
        )

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """The passages of these numbers, in their order; numbers that have none are left out."""
        fields = ["document", "heading", "start", "end"]
        found = self.database.rows("passages", f"key in {list(numbers)}", fields) if numbers else []
        if not found:
            return {}
        stretches = {r["key"]: [within(r["document"], n) for n in parts(r["start"], r["end"])] for r in found}
        wanted = sorted({key for keys in stretches.values() for key in keys})
        texts = {row["key"]: row for row in self.database.rows("texts", f"key in {wanted}", ["id", "title", "text"])}
        sentences = self._sentences(list(numbers), ["start", "end", "list", "opens", "page"])
        if len(texts) < len(wanted) or len(sentences) < len(found):
            raise self._half()
        made = {}
        for row in found:
            made[row["key"]] = _passage(row, [texts[key] for key in stretches[row["key"]]], sentences[row["key"]])
        return {number: made[number] for number in numbers if number in made}

    def similarities(self, passages: Mapping[int, Passage], vector: Vectors) -> list[Vectors]:
        """The cosine of a unit vector and each sentence of passages that are given by their numbers."""
        found = self._sentences(list(passages), ["vector"])
        if any(len(found[number]) < len(passage.sentences) for number, passage in passages.items()):
            raise self._half()
        return [np.array([row["vector"] for row in found[number]], dtype=np.float32) @ vector for number in passages]

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        """How rare each term is among the passages: ln(1 + (N - n + 0.5) / (n + 0.5)), as in BM25."""
        counts, total = self._counts("term", terms), len(self)
        return {term: rarity(counts[term], total) for term in terms}

    def known(self, terms: Sequence[str]) -> set[str]:
        """Those of the terms that any passage has."""
        return set(self._counts("term", terms))

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """How often each of the words that are there at all stands in the passages, without case and accents."""
        return dict(self._counts("word", words))

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        wanted = f"id == {json.dumps(document_id, ensure_ascii=False)} and {self.state().visible}"
        rows = sorted(self.database.rows("texts", wanted, ["title", "path", "text"]), key=_by_key)
        if not rows:
            return None
        path = Path(rows[0]["path"]) if rows[0]["path"] else None
        text, _, structure = "".join(row["text"] for row in rows).rpartition("\n")
        return Document(document_id, rows[0]["title"], text, path=path, **Structure.loaded(structure)._asdict())

    def headings(self) -> list[str]:
        """The headings that some passages stand under, without those above them, or the titles where there are none."""
        visible = self.state().visible
        rows = self.database.rows("passages", f"heading != '' and {visible}", ["heading"], SOME)
        found = [row["heading"].split(" › ")[-1] for row in sorted(rows, key=_by_key)]
        if not found:
            rows = self.database.rows("texts", f"part == 0 and {visible}", ["title"], SOME)
            found = [row["title"] for row in sorted(rows, key=_by_key)]
        return list(dict.fromkeys(found))[:1000]

    def digests(self) -> dict[str, str]:
        """The ids of the documents that are there, and the digests of their content."""
        rows = self.database.everything("texts", f"part == 0 and {self.state(latest=True).visible}", ["id", "digest"])
        return {row["id"]: row["digest"] for row in rows}

    def state(self, latest: bool = False) -> State:
        """What readers see; it may be FRESH seconds old and what Milvus takes to spread it, but not the `latest`."""
        if latest or self._seen is None or self._seen[0] + FRESH < time.monotonic():
            now, found = time.monotonic(), self.database.said(STATE, latest=latest or self._seen is None)
            state = State(**found) if found else self._empty
            if self._seen and state.generation < self._seen[1].generation:  # another of Milvus's nodes is behind
                state = self._seen[1]
            self._seen = now, state
        return self._seen[1]

    def _sentences(self, numbers: list[int], fields: Sequence[str]) -> dict[int, list[Row]]:
        """The rows of the sentences of passages, in order, by the passages' numbers."""
        found = defaultdict(list)
        for row in sorted(self.database.rows("sentences", f"passage in {numbers}", ["passage", *fields]), key=_by_key):
            found[row["passage"]].append(row)
        return found

    def _half(self) -> StoreUnavailable:
        return StoreUnavailable(f"the store {self.database.uri} gave half of a passage: try again in a moment")

    def _counts(self, kind: str, words: Sequence[str]) -> Counter[str]:
        """How often each of the words is that are there at all. Rows know it for the last two generations."""
        keys, generation = {word_key(kind, word): word for word in words}, self.state().generation
        if not keys:
            return Counter()
        rows = self.database.rows("words", f"key in {list(keys)}", ["generation", "frequency", "before"])
        counts = {row["key"]: row["before" if row["generation"] > generation else "frequency"] for row in rows}
        return Counter({keys[key]: count for key, count in counts.items() if count})


def indexes(shared: Shared) -> dict[str, State]:
    """The indexes at a place, by their names: one, and another while `qa index` builds it anew."""
    database = Database(shared, {})
    said = {name: database.said(STATE, name=name) for name in database.names()}
    return {name: State(**found) for name, found in said.items() if found}


def word_key(kind: str, word: str) -> int:
    """The key of a term or a word: a hash of 63 bits, as it may be longer than a key of text can be."""
    return int.from_bytes(hashlib.blake2b(f"{kind} {word}".encode(), digest_size=8).digest()) >> 1


def within(number: int, part: int) -> int:
    """The key of a part of what has a number."""
    return number << 20 | part


def parts(start: int, end: int) -> range:
    """The stretches that a place lies in; an empty document has one."""
    return range(start // STRETCH, max(start, end - 1) // STRETCH + 1)


def _by_key(row: Row) -> int:
    return int(row["key"])


def _differing(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    return ", ".join(f"{k} {str(there.get(k))[:40]}, here {v[:40]}" for k, v in here.items() if there.get(k) != v)


def _bm25(terms: Sequence[str], texts: list[list[str]], idf: Mapping[str, float], state: State) -> Vectors:
    """BM25 in Lucene's form, every text counted as one term longer than it is, as the local store does."""
    average = state.terms / max(1, state.passages) + 1
    scores = np.zeros(len(texts), dtype=np.float32)
    for number, text in enumerate(texts):
        counts, norm = Counter(text), K1 * (1 - B + B * (len(text) + 1) / average)
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

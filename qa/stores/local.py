"""FAISS, BM25 and SQLite, in memory or in a folder: the embedded default, and the only module that imports faiss."""

import errno
import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.errors import StoreError
from qa.stores import Candidates, Entry, Numbers, Vectored, searched
from qa.terms import WORD, Analyzer, fold
from qa.types import Document, Passage, Sentence
from qa.words import Packed, unpack

DATABASE, LEXICAL, PASSAGE_VECTORS, ARRAYS = "passages.sqlite", "lexical", "vectors.faiss", "arrays"

DAMAGE = (sqlite3.Error, ValueError, TypeError, IndexError, KeyError, OverflowError)  # what damaged files lead to

SCHEMA = """
CREATE TABLE documents (id TEXT PRIMARY KEY, title TEXT, path TEXT, text TEXT);
CREATE TABLE words (word TEXT PRIMARY KEY, frequency INTEGER) WITHOUT ROWID;
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, document TEXT, heading TEXT, start INTEGER, end INTEGER, text TEXT, sentences TEXT
);
"""
PASSAGES = """
SELECT * FROM passages JOIN (SELECT id, title FROM documents) ON id = document
WHERE number IN (SELECT value FROM json_each(?))
"""


class LocalStore:
    """A store that was built from passages and their vectors, or opened from the folder that it was saved in."""

    def __init__(self, database: sqlite3.Connection, passages: Any, lexical: Any, parts: "_Parts") -> None:
        self._database = database
        self._passages = passages
        self._lexical = lexical
        self._parts = parts

    @classmethod
    def build(
        cls, documents: Iterable[Document], items: Sequence[Vectored], analyzer: Analyzer, folder: Path | None = None
    ) -> "LocalStore":
        """A store of at least one passage, kept in `folder` if one is given."""
        database = _connect(str(folder / DATABASE) if folder else ":memory:")
        texts = [searched(item.passage) for item in items]
        with database:
            _fill(database, documents, [item.passage for item in items], texts)
        passages = _flat(np.stack([item.vector for item in items]))
        lexical = _bm25([analyzer.terms(text) for text in texts])
        parts = _Parts(
            first_sentences=np.cumsum([0, *(len(item.sentences) for item in items)]),
            first_words=np.cumsum([0, *(len(item.words) for item in items)]),
            sentences=np.concatenate([item.sentences for item in items]).astype(np.float16),
            words=np.concatenate([item.words for item in items]),
            word_sentences=np.concatenate([item.word_sentences for item in items]).astype(np.uint16),
        )
        store = cls(database, passages, lexical, parts)
        if folder is None:
            return store
        _save(folder, passages, lexical, parts)
        store.close()
        try:
            return cls.open(folder)
        except StoreError as error:  # not every library tells that it couldn't write
            raise OSError(errno.EIO, "what was written can't be read") from error

    @classmethod
    def open(cls, folder: Path) -> "LocalStore":
        """The store that was built in a folder; raises StoreError where a part of it is missing or can't be read."""
        import bm25s
        import faiss

        try:
            database = _connect(f"{(folder / DATABASE).resolve().as_uri()}?mode=ro", uri=True)
            database.execute("SELECT count(*) FROM passages").fetchone()
            pages, size = database.execute("SELECT * FROM pragma_page_count, pragma_page_size").fetchone()
            if pages * size != (folder / DATABASE).stat().st_size:
                raise ValueError("not all of the database is there")
            passages = faiss.read_index(str(folder / PASSAGE_VECTORS))
            lexical = bm25s.BM25.load(folder / LEXICAL, show_progress=False)
            names = ((name, folder / ARRAYS / f"{name}.npy") for name in _Parts._fields)
            parts = _Parts(**{name: np.load(path, mmap_mode="r").view(np.ndarray) for name, path in names})
            parts.check()
        except (*DAMAGE, EOFError, RuntimeError, OSError, TokenError, MemoryError) as error:
            raise StoreError(f"the index in {folder} is damaged: delete that folder and run `qa index`") from error
        return cls(database, passages, lexical, parts)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; the store can't be used afterwards."""
        self._database.close()

    def __len__(self) -> int:
        return int(self._passages.ntotal)

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms."""
        with _reading():
            k = min(k, len(self))
            _, nearest = self._passages.search(vector.reshape(1, -1), k)
            bm25 = self._bm25_scores(terms)
            best = np.argpartition(-bm25, k - 1)[:k]
            numbers = np.unique(np.concatenate([nearest[0], best[bm25[best] > 0]]))
            return Candidates(
                numbers=numbers,
                dense=self._passages.reconstruct_batch(numbers) @ vector,
                sentence=self._nearest_sentences(numbers, vector),
                lexical=bm25[numbers],
            )

    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        """The passages of these numbers with their vectors, in their order; numbers that have none are left out."""
        with _reading():
            rows = {row["number"]: row for row in self._database.execute(PASSAGES, (json.dumps(list(numbers)),))}
            return [self._entry(number, _passage(rows[number])) for number in numbers if 0 <= number < len(self)]

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        """How rare each term is among the passages: ln(1 + (N - n + 0.5) / (n + 0.5)), as in BM25."""
        counts = {term: self._passages_with(term) for term in terms}
        return {term: math.log(1 + (len(self) - n + 0.5) / (n + 0.5)) for term, n in counts.items()}

    def known(self, terms: Sequence[str]) -> set[str]:
        """Those of the terms that any passage has."""
        return {term for term in terms if self._passages_with(term)}

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """How often each of the words that are there at all stands in the passages, without case and accents."""
        query = "SELECT word, frequency FROM words WHERE word IN (SELECT value FROM json_each(?))"
        with _reading():
            return dict(map(tuple, self._database.execute(query, (json.dumps(words),))))

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        with _reading():
            row = self._database.execute("SELECT * FROM documents WHERE id = ?", (document_id,)).fetchone()
        return row and Document(row["id"], row["title"], row["text"], Path(row["path"]) if row["path"] else None)

    def headings(self) -> list[str]:
        """The headings that passages stand under, without those above them, or the titles where there are none."""
        query = "SELECT DISTINCT heading FROM passages WHERE heading != '' ORDER BY number LIMIT 1000"
        titles = "SELECT title FROM documents ORDER BY rowid LIMIT 1000"
        with _reading():
            found = [heading.split(" › ")[-1] for (heading,) in self._database.execute(query)]
            return list(dict.fromkeys(found)) or [title for (title,) in self._database.execute(titles)]

    def _entry(self, number: int, passage: Passage) -> Entry:
        sentences = slice(*self._parts.first_sentences[number : number + 2])
        words = slice(*self._parts.first_words[number : number + 2])
        if np.any(self._parts.word_sentences[words] >= len(passage.sentences)):
            raise ValueError("a word stands in no sentence")
        return Entry(
            number=number,
            passage=passage,
            sentences=self._parts.sentences[sentences].astype(np.float32),
            words=unpack(self._parts.words[words]),
            word_sentences=self._parts.word_sentences[words].astype(np.int64),
        )

    def _nearest_sentences(self, numbers: Numbers, vector: Vectors) -> Vectors:
        """The cosine of a vector and the nearest sentence of each passage."""
        first = self._parts.first_sentences[numbers]
        counts = self._parts.first_sentences[numbers + 1] - first
        begin = np.cumsum(counts) - counts
        rows = np.repeat(first - begin, counts) + np.arange(counts.sum())
        nearest: Vectors = np.maximum.reduceat(self._parts.sentences[rows].astype(np.float32) @ vector, begin)
        return nearest

    def _bm25_scores(self, terms: Sequence[str]) -> Vectors:
        known = [term for term in terms if term in self._lexical.vocab_dict]
        return self._lexical.get_scores(known) if known else np.zeros(len(self), dtype=np.float32)

    def _passages_with(self, term: str) -> int:
        column = self._lexical.vocab_dict.get(term)
        return 0 if column is None else int(np.diff(self._lexical.scores["indptr"][column : column + 2])[0])


class _Parts(NamedTuple):
    """Where each passage's sentences and words begin, with the end behind them; their vectors; the words' sentences.

    All but what is needed stays on the disk.
    """

    first_sentences: Numbers
    first_words: Numbers
    sentences: npt.NDArray[np.float16]
    words: Packed
    word_sentences: npt.NDArray[np.uint16]

    def check(self) -> None:
        """Raise ValueError where they don't fit together."""
        for first, parts in ((self.first_sentences, self.sentences), (self.first_words, self.words)):
            if first[0] != 0 or first[-1] != len(parts) or np.any(np.diff(first) < 0):
                raise ValueError("its parts are of different lengths")
        if len(self.word_sentences) != len(self.words):
            raise ValueError("its words are of different numbers")


@contextmanager
def _reading() -> Iterator[None]:
    """Turn what a damaged file leads to into a StoreError."""
    try:
        yield
    except DAMAGE as error:
        raise StoreError("the index is damaged: `qa status --verify` says where") from error


def _connect(location: str, uri: bool = False) -> sqlite3.Connection:
    database = sqlite3.connect(location, uri=uri, check_same_thread=False)
    database.row_factory = sqlite3.Row
    return database


def _fill(
    database: sqlite3.Connection, documents: Iterable[Document], passages: Iterable[Passage], texts: Iterable[str]
) -> None:
    database.executescript(SCHEMA)
    words = Counter(word for text in texts for word in WORD.findall(fold(text)))
    database.executemany("INSERT INTO words VALUES (?, ?)", words.items())
    database.executemany(
        "INSERT INTO documents VALUES (?, ?, ?, ?)",
        ((d.id, d.title, str(d.path) if d.path else None, d.text) for d in documents),
    )
    database.executemany(
        "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (n, p.document_id, p.heading, p.start, p.end, p.text, json.dumps([_place(s) for s in p.sentences]))
            for n, p in enumerate(passages)
        ),
    )


def _place(sentence: Sentence) -> tuple[int, int, int, bool, int | None]:
    return sentence.start, sentence.end, sentence.list, sentence.opens, sentence.page


def _passage(row: sqlite3.Row) -> Passage:
    start, text = row["start"], row["text"]
    places = json.loads(row["sentences"])
    sentences = tuple(Sentence(s, e, text[s - start : e - start], *others) for s, e, *others in places)
    return Passage(row["document"], row["title"], row["heading"], start, row["end"], text, sentences)


def _flat(vectors: Vectors) -> Any:
    """An exact index by inner product, which for unit vectors is the cosine."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _bm25(terms: Sequence[Sequence[str]]) -> Any:
    import bm25s

    lexical = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    # a corpus of stop words alone would have no vocabulary, which bm25s can't index
    lexical.index([[*words, ""] for words in terms], show_progress=False)
    return lexical


def _save(folder: Path, passages: Any, lexical: Any, parts: _Parts) -> None:
    import faiss

    try:
        faiss.write_index(passages, str(folder / PASSAGE_VECTORS))
    except RuntimeError as error:
        raise OSError(errno.EIO, "the vectors could not be written") from error
    lexical.save(folder / LEXICAL, show_progress=False)
    (folder / ARRAYS).mkdir()
    for name, array in parts._asdict().items():
        np.save(folder / ARRAYS / name, array)

"""FAISS, BM25 and SQLite, in memory or in a folder: the embedded default, and the only module that imports faiss."""

import errno
import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.errors import StoreError
from qa.stores import Candidates, Entry, Numbers, Vectored, searched
from qa.terms import WORD, Analyzer, fold
from qa.types import Document, Passage, Sentence
from qa.words import Packed, unpack

DATABASE, LEXICAL, WORDS = "passages.sqlite", "lexical", "words.npz"
PASSAGE_VECTORS, SENTENCE_VECTORS = "vectors.faiss", "sentences.faiss"

SCHEMA = """
CREATE TABLE documents (id TEXT PRIMARY KEY, title TEXT, path TEXT, text TEXT);
CREATE TABLE words (word TEXT PRIMARY KEY, frequency INTEGER) WITHOUT ROWID;
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, document TEXT, heading TEXT, start INTEGER, end INTEGER, text TEXT, sentences TEXT
);
"""
PASSAGE = "SELECT * FROM passages JOIN (SELECT id, title FROM documents) ON id = document WHERE number = ?"


class LocalStore:
    """A store that was built from passages and their vectors, or opened from the folder that it was saved in."""

    def __init__(
        self, database: sqlite3.Connection, passages: Any, sentences: Any, lexical: Any, words: "_Words"
    ) -> None:
        self._database = database
        self._passages = passages
        self._sentences = sentences
        self._lexical = lexical
        self._words = words

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
        sentences = _flat(np.concatenate([item.sentences for item in items]))
        lexical = _bm25([analyzer.terms(text) for text in texts])
        words = _Words(
            first_sentences=np.cumsum([0, *(len(item.sentences) for item in items)]),
            first_words=np.cumsum([0, *(len(item.words) for item in items)]),
            vectors=np.concatenate([item.words for item in items]),
            sentences=np.concatenate([item.word_sentences for item in items]),
        )
        if folder:
            _save(folder, passages, sentences, lexical, words)
        return cls(database, passages, sentences, lexical, words)

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
            passages, sentences = (faiss.read_index(str(folder / n)) for n in (PASSAGE_VECTORS, SENTENCE_VECTORS))
            lexical = bm25s.BM25.load(folder / LEXICAL, show_progress=False)
            with (folder / WORDS).open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                words = _Words(**arrays)
        except (sqlite3.Error, BadZipFile, EOFError, KeyError, RuntimeError, OSError, ValueError, TypeError) as error:
            raise StoreError(f"the index in {folder} is damaged: delete that folder and run `qa index`") from error
        return cls(database, passages, sentences, lexical, words)

    def close(self) -> None:
        """Let go of the files; the store can't be used afterwards."""
        self._database.close()

    def __len__(self) -> int:
        return int(self._passages.ntotal)

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms."""
        k = min(k, len(self))
        _, nearest = self._passages.search(vector.reshape(1, -1), k)
        bm25 = self._bm25_scores(terms)
        best = np.argpartition(-bm25, k - 1)[:k]
        numbers = np.unique(np.concatenate([nearest[0], best[bm25[best] > 0]]))
        return Candidates(
            numbers=numbers,
            dense=self._passages.reconstruct_batch(numbers) @ vector,
            sentence=np.array([(self._sentence_vectors(n) @ vector).max() for n in numbers.tolist()], dtype=np.float32),
            lexical=bm25[numbers],
        )

    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        """The passages of these numbers with their vectors, in their order; numbers that have none are left out."""
        return [self._entry(number) for number in numbers if 0 <= number < len(self)]

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
        return dict(map(tuple, self._database.execute(query, (json.dumps(words),))))

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        row = self._database.execute("SELECT * FROM documents WHERE id = ?", (document_id,)).fetchone()
        return row and Document(row["id"], row["title"], row["text"], Path(row["path"]) if row["path"] else None)

    def headings(self) -> list[str]:
        """The headings that passages stand under, without those above them, or the titles where there are none."""
        query = "SELECT DISTINCT heading FROM passages WHERE heading != '' ORDER BY number LIMIT 1000"
        found = [heading.split(" › ")[-1] for (heading,) in self._database.execute(query)]
        titles = "SELECT title FROM documents ORDER BY rowid LIMIT 1000"
        return list(dict.fromkeys(found)) or [title for (title,) in self._database.execute(titles)]

    def _entry(self, number: int) -> Entry:
        words = slice(*self._words.first_words[number : number + 2])
        return Entry(
            number=number,
            passage=_passage(self._database.execute(PASSAGE, (number,)).fetchone()),
            sentences=self._sentence_vectors(number),
            words=unpack(self._words.vectors[words]),
            word_sentences=self._words.sentences[words].astype(np.int64),
        )

    def _sentence_vectors(self, number: int) -> Vectors:
        first, end = self._words.first_sentences[number : number + 2].tolist()
        vectors: Vectors = self._sentences.reconstruct_n(first, end - first)
        return vectors

    def _bm25_scores(self, terms: Sequence[str]) -> Vectors:
        known = [term for term in terms if term in self._lexical.vocab_dict]
        return self._lexical.get_scores(known) if known else np.zeros(len(self), dtype=np.float32)

    def _passages_with(self, term: str) -> int:
        column = self._lexical.vocab_dict.get(term)
        return 0 if column is None else int(np.diff(self._lexical.scores["indptr"][column : column + 2])[0])


class _Words(NamedTuple):
    """Where each passage's sentences and words begin, with the end behind them; the words' vectors and sentences."""

    first_sentences: Numbers
    first_words: Numbers
    vectors: Packed
    sentences: npt.NDArray[np.uint16]


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


def _place(sentence: Sentence) -> tuple[int, int, int, bool]:
    return sentence.start, sentence.end, sentence.list, sentence.opens


def _passage(row: sqlite3.Row) -> Passage:
    start, text = row["start"], row["text"]
    places = json.loads(row["sentences"])
    sentences = tuple(Sentence(s, e, text[s - start : e - start], number, opens) for s, e, number, opens in places)
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


def _save(folder: Path, passages: Any, sentences: Any, lexical: Any, words: _Words) -> None:
    import faiss

    try:
        faiss.write_index(passages, str(folder / PASSAGE_VECTORS))
        faiss.write_index(sentences, str(folder / SENTENCE_VECTORS))
    except RuntimeError as error:
        raise OSError(errno.EIO, "the vectors could not be written") from error
    lexical.save(folder / LEXICAL, show_progress=False)
    np.savez(folder / WORDS, **words._asdict())

"""FAISS, BM25 and SQLite, in memory or in a folder: the embedded default, and the only module that imports faiss."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.errors import StoreError
from qa.stores import Candidates
from qa.terms import Analyzer
from qa.types import Document, Passage, Sentence

DATABASE, PASSAGE_VECTORS, SENTENCE_VECTORS, LEXICAL = "passages.sqlite", "vectors.faiss", "sentences.faiss", "lexical"

SCHEMA = """
CREATE TABLE documents (id TEXT PRIMARY KEY, title TEXT, path TEXT, text TEXT);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, document TEXT, heading TEXT, start INTEGER, end INTEGER, text TEXT, sentences TEXT
);
"""
PASSAGE = "SELECT * FROM passages JOIN (SELECT id, title FROM documents) ON id = document WHERE number = ?"


class LocalStore:
    """A store that was built from passages and their vectors, or opened from the folder that it was saved in.

    `first_sentences` has the number of each passage's first sentence, and the number of sentences at its end.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        passage_index: Any,
        sentence_index: Any,
        lexical: Any,
        first_sentences: npt.NDArray[np.int64],
    ) -> None:
        self._database = database
        self._passage_index = passage_index
        self._sentence_index = sentence_index
        self._lexical = lexical
        self._first_sentences = first_sentences

    @classmethod
    def build(
        cls,
        documents: Iterable[Document],
        passages: Sequence[Passage],
        passage_vectors: Vectors,
        sentence_vectors: Vectors,
        analyzer: Analyzer,
        folder: Path | None = None,
    ) -> "LocalStore":
        """A store of these passages, kept in `folder` if one is given.

        `passage_vectors` has shape (passages, dimension), `sentence_vectors` (sentences of all passages, dimension).
        """
        database = _connect(str(folder / DATABASE) if folder else ":memory:")
        with database:
            _fill(database, documents, passages)
        indexes = _flat(passage_vectors), _flat(sentence_vectors)
        lexical = _bm25([analyzer.terms(f"{p.title} {p.heading} {p.text}") for p in passages])
        if folder:
            _save(folder, indexes, lexical)
        return cls(database, *indexes, lexical, _first_sentences(len(p.sentences) for p in passages))

    @classmethod
    def open(cls, folder: Path) -> "LocalStore":
        """The store that was built in a folder; raises StoreError where a part of it is missing or can't be read."""
        import bm25s
        import faiss

        try:
            database = _connect(f"{(folder / DATABASE).resolve().as_uri()}?mode=ro", uri=True)
            rows = database.execute("SELECT json_array_length(sentences) FROM passages ORDER BY number")
            first_sentences = _first_sentences(count for (count,) in rows)
            indexes = [faiss.read_index(str(folder / name)) for name in (PASSAGE_VECTORS, SENTENCE_VECTORS)]
            lexical = bm25s.BM25.load(folder / LEXICAL, show_progress=False)
        except (sqlite3.Error, RuntimeError, OSError, ValueError) as error:
            raise StoreError(f"the index in {folder} is damaged: delete that folder and run `qa index`") from error
        return cls(database, indexes[0], indexes[1], lexical, first_sentences)

    def close(self) -> None:
        """Let go of the files; the store can't be used afterwards."""
        self._database.close()

    def __len__(self) -> int:
        return len(self._first_sentences) - 1

    def search(self, vector: Vectors, terms: Sequence[str], k: int) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms."""
        question = vector.reshape(1, -1)
        k = min(k, len(self))
        _, nearest = self._passage_index.search(question, k)
        _, sentences = self._sentence_index.search(question, min(2 * k, self._sentence_index.ntotal))
        of_sentences = np.searchsorted(self._first_sentences, sentences[0], side="right") - 1
        bm25 = self._bm25_scores(terms)
        best = np.argpartition(-bm25, k - 1)[:k]
        numbers = np.unique(np.concatenate([nearest[0], of_sentences, best[bm25[best] > 0]]))
        return Candidates(
            numbers=numbers,
            dense=self._passage_index.reconstruct_batch(numbers) @ vector,
            sentence=np.array([(self.sentence_vectors(n) @ vector).max() for n in numbers], dtype=np.float32),
            lexical=bm25[numbers],
        )

    def passages(self, numbers: Sequence[int]) -> list[Passage]:
        """The passages of these numbers, in their order."""
        return [_passage(self._database.execute(PASSAGE, (int(number),)).fetchone()) for number in numbers]

    def sentence_vectors(self, number: int) -> Vectors:
        """The unit vectors of a passage's sentences, shape (sentences, dimension)."""
        first, end = (int(n) for n in self._first_sentences[number : number + 2])
        vectors: Vectors = self._sentence_index.reconstruct_n(first, end - first)
        return vectors

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

    def _bm25_scores(self, terms: Sequence[str]) -> Vectors:
        known = [term for term in terms if term in self._lexical.vocab_dict]
        return self._lexical.get_scores(known) if known else np.zeros(len(self), dtype=np.float32)


def _connect(location: str, uri: bool = False) -> sqlite3.Connection:
    database = sqlite3.connect(location, uri=uri, check_same_thread=False)
    database.row_factory = sqlite3.Row
    return database


def _fill(database: sqlite3.Connection, documents: Iterable[Document], passages: Iterable[Passage]) -> None:
    database.executescript(SCHEMA)
    database.executemany(
        "INSERT INTO documents VALUES (?, ?, ?, ?)",
        ((d.id, d.title, str(d.path) if d.path else None, d.text) for d in documents),
    )
    database.executemany(
        "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (n, p.document_id, p.heading, p.start, p.end, p.text, json.dumps([(s.start, s.end) for s in p.sentences]))
            for n, p in enumerate(passages)
        ),
    )


def _passage(row: sqlite3.Row) -> Passage:
    start, text = row["start"], row["text"]
    spans = json.loads(row["sentences"])
    sentences = tuple(Sentence(s, e, text[s - start : e - start]) for s, e in spans)
    return Passage(row["document"], row["title"], row["heading"], start, row["end"], text, sentences)


def _first_sentences(counts: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *counts], dtype=np.int64)


def _flat(vectors: Vectors) -> Any:
    """An exact index by inner product, which for unit vectors is the cosine."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _bm25(terms: Sequence[Sequence[str]]) -> Any:
    import bm25s

    lexical = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    # a corpus of stop words alone would have no vocabulary, which bm25s can't index
    lexical.index([[*words, ""] for words in terms], show_progress=False)
    return lexical


def _save(folder: Path, indexes: tuple[Any, Any], lexical: Any) -> None:
    import faiss

    for index, name in zip(indexes, (PASSAGE_VECTORS, SENTENCE_VECTORS), strict=True):
        faiss.write_index(index, str(folder / name))
    lexical.save(folder / LEXICAL, show_progress=False)

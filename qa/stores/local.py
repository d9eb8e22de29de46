"""FAISS, BM25 and SQLite, in memory or in a folder: the embedded default."""

import errno
import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from qa.encoder import Vectors
from qa.errors import StoreError
from qa.mapped import Mapped
from qa.stores import Candidates, Vectored, searched
from qa.stores.columns import Columns, Parts, floats, is_mapped
from qa.stores.lexical import Lexical, Terms, rarity
from qa.stores.nearest import Nearest
from qa.structure import Structure
from qa.terms import WORD, Analyzer, fold
from qa.types import Document, Passage, Sentence

DATABASE, LEXICAL, ARRAYS = "passages.sqlite", "lexical", "arrays"
MOST = 10_000  # passages that are read at a time

# what damaged files lead to
DAMAGE = (sqlite3.Error, zlib.error, ValueError, TypeError, IndexError, KeyError, OverflowError, RuntimeError)

SCHEMA = """
CREATE TABLE documents (id TEXT PRIMARY KEY, title TEXT, path TEXT, text TEXT, structure BLOB);
CREATE TABLE words (word TEXT PRIMARY KEY, frequency INTEGER) WITHOUT ROWID;
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, document TEXT, heading TEXT, start INTEGER, end INTEGER, text TEXT, sentences TEXT
);
CREATE INDEX passages_of ON passages (document);
"""
PASSAGES = """
SELECT passages.*, title FROM passages JOIN documents ON id = document
WHERE number IN ({})
"""
NUMBERS = "SELECT number FROM passages WHERE document = ?"
HEADINGS = """
SELECT DISTINCT heading FROM passages
WHERE heading != '' AND document NOT IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT 1000
"""
TITLES = "SELECT title FROM documents WHERE id NOT IN (SELECT value FROM json_each(?)) ORDER BY rowid LIMIT 1000"


class LocalStore:
    """A store that was built from passages and their vectors, or opened from the folder that it was saved in.

    It is as if documents that are `gone` had never been there, but that their words still count.
    """

    waits = False

    def __init__(
        self,
        database: sqlite3.Connection,
        nearest: Nearest,
        lexical: Lexical,
        parts: Parts,
        gone: Collection[str] = (),
        without: Sequence[int] = (),
        mapped: Sequence[Path] = (),
    ) -> None:
        self._database = database
        self._nearest = nearest
        self._lexical = lexical
        self._parts = parts
        self.gone = frozenset(gone)
        self._without = frozenset(without)  # the numbers of their passages
        self._left_out = np.array(without, dtype=np.int64)
        self._mapped = Mapped({path: path.stat().st_size for path in mapped})

    @classmethod
    def build(
        cls,
        documents: Iterable[Document],
        items: Iterable[Vectored],
        analyzer: Analyzer,
        folder: Path | None = None,
        average: float | None = None,
    ) -> "LocalStore":
        """A store of at least one passage, kept in `folder` if one is given, and not in memory but for its terms.

        `average` is the length of a passage that BM25 takes for neither long nor short, the mean if none is given.
        """
        database = _connect(str(folder / DATABASE) if folder else ":memory:")
        columns = Columns(folder / ARRAYS if folder else None)
        terms = Terms()
        with database:
            _fill(database, documents, _taken(items, columns, terms, analyzer))
        parts = columns.done()
        lexical = terms.done(average)
        nearest = Nearest.build(parts.vectors, folder)
        if folder is None:
            return cls(database, nearest, lexical, parts)
        lexical.save(folder / LEXICAL)
        database.close()
        try:
            return cls.open(folder)
        except StoreError as error:  # not every library tells that it couldn't write
            raise OSError(errno.EIO, "what was written can't be read") from error

    @classmethod
    def open(cls, folder: Path, gone: Collection[str] = ()) -> "LocalStore":
        """The store that was built in a folder, without the documents of some ids.

        Raises StoreError where a part of it is missing or can't be read.
        """
        try:
            database = _connect(f"{(folder / DATABASE).resolve().as_uri()}?mode=ro", uri=True)
            pages, size = database.execute("SELECT * FROM pragma_page_count, pragma_page_size").fetchone()
            if pages * size != (folder / DATABASE).stat().st_size:
                raise ValueError("not all of the database is there")
            parts = Parts.open(folder / ARRAYS)
            (last,) = database.execute("SELECT max(number) FROM passages").fetchone()
            if last != len(parts.vectors) - 1:
                raise ValueError("the passages are of different numbers")
            without = sorted(number for id_ in gone for (number,) in database.execute(NUMBERS, (id_,)))
            nearest = Nearest.open(parts.vectors, folder, without)
            lexical = Lexical.open(folder / LEXICAL)
            mapped = [path for path in folder.rglob("*") if path.name != DATABASE and is_mapped(path)]
        except (*DAMAGE, EOFError, OSError, TokenError, MemoryError) as error:
            raise StoreError(f"the index in {folder} is damaged: delete that folder and run `qa index`") from error
        return cls(database, nearest, lexical, parts, gone, without, mapped)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; the store can't be used afterwards."""
        self._database.close()

    def __len__(self) -> int:
        return self.size - len(self._without)

    @property
    def size(self) -> int:
        """How many passages there are with those that are left out; each has a smaller number than that."""
        return len(self._parts.vectors)

    @property
    def average(self) -> float:
        """The length of a passage that BM25 takes for neither long nor short."""
        return float(self._lexical.average[0])

    @property
    def kind(self) -> str:
        """How vectors are searched, for the manifest."""
        return self._nearest.kind

    def search(
        self, vector: Vectors, terms: Sequence[str], k: int, idf: Mapping[str, float] | None = None
    ) -> Candidates:
        """The k best passages by each ranking, for a question's unit vector, shape (dimension,), and its terms.

        `idf` says how rare they are, where there is more than this store.
        """
        with _reading():
            if not self._mapped.are_whole():
                raise ValueError("a file of the index has been cut")
            k = min(k, len(self))
            lexical = self._lexical.scores(idf or self.idf(terms), self.size)
            lexical[self._left_out] = 0
            near, having = self._nearest(vector, k).tolist(), self._lexical.best(terms, lexical, k).tolist()
            numbers = np.array(sorted({*near, *having}))
            return Candidates(
                numbers=numbers,
                dense=floats(self._parts.vectors[numbers]) @ vector,
                sentence=self._parts.nearest_sentences(numbers, vector),
                lexical=lexical[numbers],
            )

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """The passages of these numbers, in their order; numbers that have none are left out."""
        with _reading():
            query = PASSAGES.format(",".join("?" * len(numbers)))  # twice as fast as with json_each
            rows = self._database.execute(query, numbers).fetchall()
            places = json.loads(f"[{','.join(row['sentences'] for row in rows)}]")  # at once, which is faster
            found = {row["number"]: _passage(row, own) for row, own in zip(rows, places, strict=True)}
            return {n: found[n] for n in numbers if 0 <= n < self.size and n not in self._without}

    def similarities(self, passages: Mapping[int, Passage], vector: Vectors) -> list[Vectors]:
        """The cosine of a unit vector and each sentence of passages that are given by their numbers."""
        with _reading():
            found = [self._parts.similarities(number, vector) for number in passages]
            if [len(own) for own in found] != [len(passage.sentences) for passage in passages.values()]:
                raise ValueError("the sentences are of different numbers")
            return found

    def contents(self) -> tuple[list[Passage], Parts]:
        """All passages in order, and their vectors."""
        numbers = np.array([number for number in range(self.size) if number not in self._without], dtype=np.int64)
        chunks = [numbers[at : at + MOST].tolist() for at in range(0, len(numbers), MOST)]
        return [p for chunk in chunks for p in self.passages(chunk).values()], self._parts.of(numbers)

    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        """How rare each term is among the passages: ln(1 + (N - n + 0.5) / (n + 0.5)), as in BM25."""
        return {term: rarity(n, self.size) for term, n in self.counts(terms).items()}

    def counts(self, terms: Sequence[str]) -> dict[str, int]:
        """How many passages have each term."""
        with _reading():
            return {term: self._lexical.count(term) for term in dict.fromkeys(terms)}

    def known(self, terms: Sequence[str]) -> set[str]:
        """Those of the terms that any passage has."""
        return {term for term, count in self.counts(terms).items() if count}

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """How often each of the words that are there at all stands in the passages, without case and accents."""
        query = "SELECT word, frequency FROM words WHERE word IN (SELECT value FROM json_each(?))"
        with _reading():
            return dict(map(tuple, self._database.execute(query, (json.dumps(words),))))

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        if document_id in self.gone:
            return None
        with _reading():
            row = self._database.execute("SELECT * FROM documents WHERE id = ?", (document_id,)).fetchone()
            if row is None:
                return None
            blocks, links, pages, address, scanned = Structure.loaded(zlib.decompress(row["structure"]).decode())
            path = Path(row["path"]) if row["path"] else None
            return Document(
                row["id"], row["title"], row["text"], blocks, path, links, pages, address=address, scanned=scanned
            )

    def headings(self) -> list[str]:
        """The headings that passages stand under, without those above them, or the titles where there are none."""
        gone = json.dumps(list(self.gone))
        with _reading():
            found = [heading.split(" › ")[-1] for (heading,) in self._database.execute(HEADINGS, (gone,))]
            return list(dict.fromkeys(found)) or [title for (title,) in self._database.execute(TITLES, (gone,))]


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


def _taken(
    items: Iterable[Vectored], columns: Columns, terms: Terms, analyzer: Analyzer
) -> Iterator[tuple[Passage, str]]:
    """The passages with the texts they are found by, while all else of them is put where it belongs."""
    for item in items:
        text = searched(item.passage)
        columns.append(item)
        terms.append(analyzer.terms(text))
        yield item.passage, text


def _fill(database: sqlite3.Connection, documents: Iterable[Document], passages: Iterable[tuple[Passage, str]]) -> None:
    database.executescript(SCHEMA)
    database.executemany(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?)",
        ((d.id, d.title, str(d.path) if d.path else None, d.text, _packed(d)) for d in documents),
    )
    words: Counter[str] = Counter()
    for number, (p, text) in enumerate(passages):
        words.update(WORD.findall(fold(text)))
        places = json.dumps([_place(sentence) for sentence in p.sentences])
        row = number, p.document_id, p.heading, p.start, p.end, p.text, places
        database.execute("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    database.executemany("INSERT INTO words VALUES (?, ?)", words.items())


def _packed(document: Document) -> bytes:
    return zlib.compress(Structure.of(document).dumped().encode(), 1)


def _place(sentence: Sentence) -> tuple[int, int, int, bool, int | None]:
    return sentence.start, sentence.end, sentence.list, sentence.opens, sentence.page


def _passage(row: sqlite3.Row, places: list[list[Any]]) -> Passage:
    start, text = row["start"], row["text"]
    sentences = tuple(Sentence(s, e, text[s - start : e - start], *others) for s, e, *others in places)
    return Passage(row["document"], row["title"], row["heading"], start, row["end"], text, sentences)

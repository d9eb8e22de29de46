"""The default store: FAISS, BM25 and SQLite, in memory or in a folder."""

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
from typing_extensions import override

from qa.encoder.base import Vectors
from qa.errors import StoreError
from qa.files import MappedFiles
from qa.index.local.columns import QuantizedVectors, VectorWriter, is_mapped, to_float32
from qa.index.local.lexical import InvertedIndex, InvertedIndexBuilder, idf
from qa.index.local.nearest import NearestNeighbors
from qa.index.store import Candidates, EmbeddedPassage, Store, indexed_text
from qa.text.normalization import WORD, fold
from qa.text.structure import Structure
from qa.text.terms import Analyzer
from qa.types import HEADING_SEPARATOR, Document, Passage, Sentence

NO_FILES = MappedFiles()
CHUNK = 10_000  # passages that are read at a time
DATABASE, LEXICAL, ARRAYS = "passages.sqlite", "lexical", "arrays"

# what SQLite, zlib, numpy and FAISS raise on damaged files
DAMAGE = (sqlite3.Error, zlib.error, ValueError, TypeError, IndexError, KeyError, OverflowError, RuntimeError)

SCHEMA = """
CREATE TABLE documents (id TEXT PRIMARY KEY, title TEXT, path TEXT, text TEXT, structure BLOB, checksum INTEGER);
CREATE TABLE words (word TEXT PRIMARY KEY, frequency INTEGER) WITHOUT ROWID;
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, document TEXT, heading TEXT, start INTEGER, end INTEGER, text TEXT, sentences TEXT,
    checksum INTEGER
);
CREATE INDEX passages_of ON passages (document);
"""
PASSAGES = """
SELECT passages.*, title FROM passages JOIN documents ON id = document
WHERE number IN ({})
"""
OF_PASSAGE = ("number", "document", "heading", "start", "end", "text", "sentences", "title")
OF_DOCUMENT = ("id", "title", "path", "text", "structure")
NUMBERS = "SELECT number FROM passages WHERE document = ?"
HEADINGS = """
SELECT DISTINCT heading FROM passages
WHERE heading != '' AND document NOT IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT 1000
"""
TITLES = "SELECT title FROM documents WHERE id NOT IN (SELECT value FROM json_each(?)) ORDER BY rowid LIMIT 1000"


class LocalStore(Store):
    """A store in one process.

    Its documents `deleted` are never returned. Their words still count in frequencies, until the store is built anew.
    """

    waits = False

    def __init__(
        self,
        database: sqlite3.Connection,
        nearest: NearestNeighbors,
        lexical: InvertedIndex,
        vectors: QuantizedVectors,
        deleted: Collection[str] = (),
        deleted_passages: Sequence[int] = (),
        files: MappedFiles = NO_FILES,
    ) -> None:
        self._database = database
        self._nearest = nearest
        self._lexical = lexical
        self._vectors = vectors
        self.deleted = frozenset(deleted)
        self._deleted_passages = frozenset(deleted_passages)
        self._deleted_rows = np.array(deleted_passages, dtype=np.int64)
        self._files = files

    @classmethod
    def build(
        cls,
        documents: Iterable[Document],
        passages: Iterable[EmbeddedPassage],
        analyzer: Analyzer,
        folder: Path | None = None,
        average_length: float | None = None,
    ) -> "LocalStore":
        """Build a store of at least one passage, in memory or in a folder.

        In a folder everything is written as it comes; memory holds only the numbers of terms. `average_length` is that
        of a passage in BM25, by default the mean of these passages. Raises OSError or sqlite3.Error where the folder
        can't be written to.
        """
        database = _connect(str(folder / DATABASE) if folder else ":memory:")
        writer = VectorWriter(folder / ARRAYS if folder else None)
        builder = InvertedIndexBuilder()
        with database:
            _fill(database, documents, _distributed(passages, writer, builder, analyzer))
        vectors = writer.finish()
        lexical = builder.finish(average_length)
        nearest = NearestNeighbors.build(vectors.passages, folder)
        if folder is None:
            return cls(database, nearest, lexical, vectors)
        lexical.save(folder / LEXICAL)
        database.close()
        try:
            # numpy and FAISS don't report every failed write: reading the files back shows it before anyone uses them
            return cls._open(folder, vectors)
        except StoreError as error:
            raise OSError(errno.EIO, "what was written can't be read") from error

    @classmethod
    def open(cls, folder: Path, deleted: Collection[str] = ()) -> "LocalStore":
        """Open the store in a folder, without the documents of some ids.

        Raises StoreError where a file is missing or can't be read.
        """
        return cls._open(folder, None, deleted)

    @classmethod
    def _open(cls, folder: Path, vectors: QuantizedVectors | None, deleted: Collection[str] = ()) -> "LocalStore":
        """Open the store in a folder, around its vectors if they are open already."""
        try:
            files = MappedFiles(path for path in folder.rglob("*") if path.name == DATABASE or is_mapped(path))
            database = _connect(f"{(folder / DATABASE).resolve().as_uri()}?mode=ro", uri=True)
            pages, size = database.execute("SELECT * FROM pragma_page_count, pragma_page_size").fetchone()
            if pages * size != (folder / DATABASE).stat().st_size:
                raise ValueError("not all of the database is there")
            vectors = vectors or QuantizedVectors.open(folder / ARRAYS)
            (last,) = database.execute("SELECT max(number) FROM passages").fetchone()
            if last != len(vectors.passages) - 1:
                raise ValueError("the passages are of different numbers")
            numbers = sorted(number for id_ in deleted for (number,) in database.execute(NUMBERS, (id_,)))
            nearest = NearestNeighbors.open(vectors.passages, folder, numbers)
            lexical = InvertedIndex.open(folder / LEXICAL)
        except (*DAMAGE, EOFError, OSError, TokenError, MemoryError) as error:
            raise StoreError(f"the index in {folder} is damaged: delete that folder and run `qa index`") from error
        return cls(database, nearest, lexical, vectors, deleted, numbers, files)

    def __del__(self) -> None:
        self.close()

    @override
    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what damaged files lead to into StoreError, and what was read of a file that was written to as well."""
        try:
            self._check_files()
            yield
            self._check_files()
        except DAMAGE as error:
            raise StoreError("the index is damaged: `qa status --verify` says where") from error

    def _check_files(self) -> None:
        if not self._files.are_unchanged():
            raise ValueError("a file of the index was written to while it was in use")

    @override
    def __len__(self) -> int:
        return self.size - len(self._deleted_passages)

    @property
    def size(self) -> int:
        """The number of passages, deleted ones counted. All numbers of passages are smaller."""
        return len(self._vectors.passages)

    @property
    def average_length(self) -> float:
        """The average length of a passage in BM25."""
        return float(self._lexical.average[0])

    @property
    def kind(self) -> str:
        """How vectors are searched, for the manifest."""
        return self._nearest.kind

    @override
    def search(
        self, vector: Vectors, terms: Sequence[str], k: int, term_idf: Mapping[str, float] | None = None
    ) -> Candidates:
        """See Store.search. A LayeredStore gives the `term_idf` in all of its layers."""
        with self._reading():
            k = min(k, len(self))
            scores = self._lexical.scores(term_idf or self.idf(terms), self.size)
            scores[self._deleted_rows] = 0
            dense, lexical = self._nearest(vector, k).tolist(), self._lexical.best(terms, scores, k).tolist()
            numbers = np.array(sorted({*dense, *lexical}))
            return Candidates(
                numbers=numbers,
                dense=to_float32(self._vectors.passages[numbers]) @ vector,
                sentence=self._vectors.nearest_sentences(numbers, vector),
                lexical=scores[numbers],
            )

    @override
    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        with self._reading():
            query = PASSAGES.format(",".join("?" * len(numbers)))  # twice as fast as with json_each
            rows = self._database.execute(query, numbers).fetchall()
            for row in rows:
                _check(row, OF_PASSAGE)
            sentences = json.loads(f"[{','.join(row['sentences'] for row in rows)}]")  # at once, which is faster
            passages = {row["number"]: _passage(row, places) for row, places in zip(rows, sentences, strict=True)}
            return {n: passages[n] for n in numbers if 0 <= n < self.size and n not in self._deleted_passages}

    @override
    def similarities(self, passages: Mapping[int, Passage], vector: Vectors) -> list[Vectors]:
        with self._reading():
            similarities = [self._vectors.similarities(number, vector) for number in passages]
            if list(map(len, similarities)) != [len(passage.sentences) for passage in passages.values()]:
                raise ValueError("the sentences are of different numbers")
            return similarities

    def contents(self) -> tuple[list[Passage], QuantizedVectors]:
        """Return all passages in order, and their vectors."""
        numbers = np.array([n for n in range(self.size) if n not in self._deleted_passages], dtype=np.int64)
        chunks = [numbers[at : at + CHUNK].tolist() for at in range(0, len(numbers), CHUNK)]
        return [p for chunk in chunks for p in self.passages(chunk).values()], self._vectors.select(numbers)

    def document_frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """Return how many passages have each term, deleted passages counted."""
        with self._reading():
            return {term: self._lexical.document_frequency(term) for term in dict.fromkeys(terms)}

    @override
    def idf(self, terms: Sequence[str]) -> dict[str, float]:
        return {term: idf(frequency, self.size) for term, frequency in self.document_frequencies(terms).items()}

    @override
    def known(self, terms: Sequence[str]) -> set[str]:
        return {term for term, frequency in self.document_frequencies(terms).items() if frequency}

    @override
    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        query = "SELECT word, frequency FROM words WHERE word IN (SELECT value FROM json_each(?))"
        with self._reading():
            return dict(map(tuple, self._database.execute(query, (json.dumps(words),))))

    @override
    def document(self, document_id: str) -> Document | None:
        if document_id in self.deleted:
            return None
        with self._reading():
            row = self._database.execute("SELECT * FROM documents WHERE id = ?", (document_id,)).fetchone()
            if row is None:
                return None
            _check(row, OF_DOCUMENT)
            structure = Structure.from_json(zlib.decompress(row["structure"]).decode())
            path = Path(row["path"]) if row["path"] else None
            return structure.document(row["id"], row["title"], row["text"], path)

    @override
    def headings(self) -> list[str]:
        deleted = json.dumps(list(self.deleted))
        with self._reading():
            headings = [path.split(HEADING_SEPARATOR)[-1] for (path,) in self._database.execute(HEADINGS, (deleted,))]
            return list(dict.fromkeys(headings)) or [title for (title,) in self._database.execute(TITLES, (deleted,))]


def _connect(location: str, uri: bool = False) -> sqlite3.Connection:
    database = sqlite3.connect(location, uri=uri, check_same_thread=False)
    database.row_factory = sqlite3.Row
    return database


def _distributed(
    passages: Iterable[EmbeddedPassage], writer: VectorWriter, builder: InvertedIndexBuilder, analyzer: Analyzer
) -> Iterator[tuple[Passage, str]]:
    """Append vectors and terms where they belong; yield the passages, with their indexed texts, for the database."""
    for embedded in passages:
        text = indexed_text(embedded.passage)
        writer.append(embedded)
        builder.append(analyzer.terms(text))
        yield embedded.passage, text


def _fill(database: sqlite3.Connection, documents: Iterable[Document], passages: Iterable[tuple[Passage, str]]) -> None:
    database.executescript(SCHEMA)
    rows = ((d.id, d.title, str(d.path) if d.path else None, d.text, _packed(d)) for d in documents)
    database.executemany("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)", ((*row, _checksum(row)) for row in rows))
    words: Counter[str] = Counter()
    for number, (p, text) in enumerate(passages):
        words.update(WORD.findall(fold(text)))
        places = json.dumps([_place(sentence) for sentence in p.sentences])
        row = number, p.document_id, p.heading, p.start, p.end, p.text, places
        database.execute("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _checksum((*row, p.title))))
    database.executemany("INSERT INTO words VALUES (?, ?)", words.items())


def _checksum(row: Iterable[object]) -> int:
    """What tells whether a row is read as it was written."""
    checksum = 0
    for part in row:
        checksum = zlib.crc32(part if isinstance(part, bytes) else str(part).encode(), checksum)
    return checksum


def _check(row: sqlite3.Row, names: Sequence[str]) -> None:
    """Raise ValueError where a row was changed since it was written."""
    if row["checksum"] != _checksum(row[name] for name in names):
        raise ValueError("a row was changed")


def _packed(document: Document) -> bytes:
    return zlib.compress(Structure.of(document).to_json().encode(), 1)


def _place(sentence: Sentence) -> tuple[int, int, int, bool, int | None]:
    return sentence.start, sentence.end, sentence.list, sentence.opens, sentence.page


def _passage(row: sqlite3.Row, places: list[list[Any]]) -> Passage:
    start, text = row["start"], row["text"]
    sentences = tuple(Sentence(s, e, text[s - start : e - start], *others) for s, e, *others in places)
    return Passage(row["document"], row["title"], row["heading"], start, row["end"], text, sentences)

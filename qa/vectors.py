"""What was embedded already, kept by what it was made of: unchanged text is never embedded twice."""

import hashlib
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from qa.encoder import Vectors
from qa.stores import Numbers
from qa.types import Passage
from qa.words import Packed

HEADER = struct.Struct("<IHHHH")  # checksum of the rest, dimension, word dimension, sentences, words
SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"

Parts = tuple[Vectors, Vectors, Packed, Numbers]  # of the passage, its sentences, its words, and where those stand


class VectorCache:
    """The vectors of passages in a SQLite file, which is begun anew where it is damaged.

    `settings` is all that vectors depend on besides a passage's label and text: the encoder, the basis, the language.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        name = hashlib.sha256(settings.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.sqlite"
        try:
            self._database = _opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            for damaged in folder.glob(f"{path.name}*"):  # and what SQLite keeps beside it
                damaged.unlink()
            self._database = _opened(path)

    def get(self, keys: Sequence[bytes]) -> dict[int, Parts]:
        """The vectors that are known, by the number of their key; a damaged entry isn't."""
        found = {}
        for number, key in enumerate(keys):
            row = self._database.execute("SELECT value FROM vectors WHERE key = ?", (key,)).fetchone()
            if row and (parts := _unpacked(row[0])):
                found[number] = parts
        return found

    def put(self, items: Iterable[tuple[bytes, Parts]]) -> None:
        """Keep vectors, all of them or, if it is interrupted, none."""
        with self._database:
            rows = ((key, _packed(parts)) for key, parts in items)
            self._database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    def keep_only(self, keys: Iterable[bytes]) -> None:
        """Forget the vectors of all other passages."""
        with self._database:
            self._database.execute("CREATE TEMP TABLE used (key BLOB PRIMARY KEY)")
            self._database.executemany("INSERT OR IGNORE INTO used VALUES (?)", ((key,) for key in keys))
            self._database.execute("DELETE FROM vectors WHERE key NOT IN (SELECT key FROM used)")
        self._database.execute("DROP TABLE used")

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=60)
    try:
        if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("it is damaged")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database


def key(passage: Passage, label: str) -> bytes:
    """What a passage's vectors are kept under: its label, its text and where its sentences stand in it."""
    places = [(s.start - passage.start, s.end - passage.start) for s in passage.sentences]
    return hashlib.sha256(f"{label}\0{passage.text}\0{places}".encode()).digest()


def _packed(parts: Parts) -> bytes:
    vector, sentences, words, places = parts
    arrays = (vector, sentences, words, places.astype(np.uint16))
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return HEADER.pack(zlib.crc32(body), len(vector), words.shape[1], len(sentences), len(words)) + body


def _unpacked(value: bytes) -> Parts | None:
    if len(value) < HEADER.size:
        return None
    checksum, dimension, word_dimension, sentences, words = HEADER.unpack_from(value)
    body = value[HEADER.size :]
    if zlib.crc32(body) != checksum:
        return None
    floats = np.frombuffer(body, np.float32, dimension * (1 + sentences)).reshape(1 + sentences, dimension)
    places = np.frombuffer(body[len(body) - 2 * words :], np.uint16).astype(np.int64)
    packed = np.frombuffer(body[floats.nbytes : len(body) - 2 * words], np.int8).reshape(words, word_dimension)
    return floats[0], floats[1:], packed, places

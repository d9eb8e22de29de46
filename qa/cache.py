"""What was made of something once, kept under a hash of that in a SQLite file, so that it isn't made twice."""

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from filelock import FileLock, Timeout

SCHEMA = "CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, checksum INTEGER, value BLOB) WITHOUT ROWID"
BATCH = 500  # keys in one query


class Cache:
    """Values by their keys, in a file that is begun anew where it is damaged.

    `settings` is all that a value depends on besides its key. A `part` has a file of its own, which the whole takes in
    when it is opened after that part was closed. Raises sqlite3.OperationalError or OSError where the
    folder can't be written to.
    """

    def __init__(self, folder: Path, settings: str, part: str = "") -> None:
        name = hashlib.sha256(settings.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}{part}.sqlite"
        self._lock = FileLock(path.with_suffix(".lock")) if part else None
        if self._lock:
            self._lock.acquire()
        try:
            self._database = _opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            for damaged in folder.glob(f"{path.name}*"):  # and what SQLite keeps beside it
                damaged.unlink()
            self._database = _opened(path)
        for other in [] if part else folder.glob(f"{name}-*.sqlite"):
            self._take_in(other)

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys that have a value; a damaged value is none."""
        found: set[bytes] = set()
        for first in range(0, len(keys), BATCH):
            some = keys[first : first + BATCH]
            query = f"SELECT * FROM kept WHERE key IN ({','.join('?' * len(some))})"
            found |= {k for k, checksum, v in self._database.execute(query, some) if zlib.crc32(v) == checksum}
        return found

    def get(self, key: bytes) -> bytes:
        """The value of a key; raises KeyError where there is none."""
        row = self._database.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def put(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep values, all of them or, if it is interrupted, none."""
        with self._database:
            rows = ((key, zlib.crc32(value), value) for key, value in items)
            self._database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", rows)

    def keep_only(self, keys: Iterable[bytes]) -> None:
        """Forget the values of all other keys."""
        with self._database:
            self._database.execute("CREATE TEMP TABLE used (key BLOB PRIMARY KEY)")
            self._database.executemany("INSERT OR IGNORE INTO used VALUES (?)", ((key,) for key in keys))
            self._database.execute("DELETE FROM kept WHERE key NOT IN (SELECT key FROM used)")
        self._database.execute("DROP TABLE used")

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
        if self._lock:
            self._lock.release()

    def _take_in(self, part: Path) -> None:
        """Take what a part has kept and remove it, unless it is being written or is damaged."""
        try:
            with FileLock(part.with_suffix(".lock"), timeout=0), closing(_opened(part)) as database, self._database:
                rows = database.execute("SELECT * FROM kept")
                self._database.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", rows)
        except (Timeout, sqlite3.DatabaseError):
            return
        for file in part.parent.glob(f"{part.name}*"):
            file.unlink()


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=60)
    try:
        if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("it is damaged")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")  # after a power cut the last values may be missing
        database.execute(SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database

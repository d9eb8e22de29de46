"""A cache in a SQLite file of what takes long to compute, by a hash of what it was computed from."""

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

SCHEMA = "CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, checksum INTEGER, value BLOB) WITHOUT ROWID"
BATCH = 500  # keys in one query


class Cache:
    """Values by their keys, in a file that is begun anew where it is damaged.

    Whoever opens one names the `settings`: everything a value depends on besides its key. Other settings have another
    file. Opening raises sqlite3.OperationalError or OSError where the folder can't be written to.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = _connect(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            _remove(path)
            self._database = _connect(path)

    @classmethod
    def open(cls, folder: Path, settings: str) -> "Cache":
        """Open the cache of some settings, and move into it what its closed shards hold."""
        cache = cls(_path(folder, settings))
        for shard in folder.glob(_path(folder, settings, "-*").name):
            cache._take_in(shard)
        return cache

    @classmethod
    @contextmanager
    def open_shard(cls, folder: Path, settings: str, name: str) -> Iterator["Cache"]:
        """Open a shard of a cache: a file of its own, locked as long as it is open."""
        path = _path(folder, settings, f"-{name}")
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")), closing(cls(path)) as shard:
            yield shard

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys that have an undamaged value."""
        known: set[bytes] = set()
        for first in range(0, len(keys), BATCH):
            batch = keys[first : first + BATCH]
            query = f"SELECT * FROM kept WHERE key IN ({','.join('?' * len(batch))})"
            known |= {k for k, checksum, v in self._database.execute(query, batch) if zlib.crc32(v) == checksum}
        return known

    def get(self, key: bytes) -> bytes:
        """Return the value of a key; raise KeyError where there is none."""
        row = self._database.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def put(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep values: all of them or, where that is interrupted, none."""
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
        """Release the file."""
        self._database.close()

    def _take_in(self, path: Path) -> None:
        """Move the values of a shard here, unless it is being written or is damaged."""
        try:
            with FileLock(path.with_suffix(".lock"), timeout=0), closing(_connect(path)) as shard, self._database:
                rows = shard.execute("SELECT * FROM kept")
                self._database.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", rows)
        except (Timeout, sqlite3.DatabaseError):
            return
        _remove(path)


def _path(folder: Path, settings: str, shard: str = "") -> Path:
    return folder / f"{hashlib.sha256(settings.encode()).hexdigest()[:16]}{shard}.sqlite"


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=60)
    try:
        if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("it is damaged")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last values
        database.execute(SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _remove(path: Path) -> None:
    """Remove a database with the files that SQLite keeps beside it."""
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()

"""What visitors say of answers, in a SQLite file of its own."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from qa.errors import StoreError

Verdict = Literal["up", "down"]

MAX_MB = 100
LOCKED_S = 0.5  # that a request waits for a file which somebody else has locked

SCHEMA = "CREATE TABLE IF NOT EXISTS feedback (time TEXT, verdict TEXT, question TEXT, answer TEXT)"


class Row(NamedTuple):
    """A verdict on an answer, and when it was given: ISO 8601, in UTC."""

    time: str
    verdict: str
    question: str
    answer: str


class Feedback:
    """Verdicts in a file, which is made when the first one comes; raises StoreError where it can't be used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, question: str, answer: str, verdict: Verdict) -> None:
        """Keep one verdict; raises StoreError as well where the file has grown to MAX_MB."""
        if self._path.exists() and self._path.stat().st_size > MAX_MB * 2**20:
            raise StoreError(f"the feedback in {self._path} has grown to {MAX_MB} MB: move it away")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._open() as database:
            database.execute(SCHEMA)
            database.execute("INSERT INTO feedback VALUES (?, ?, ?, ?)", Row(now, verdict, question, answer))

    def rows(self) -> list[Row]:
        """All verdicts, oldest first."""
        if not self._path.exists():
            return []
        with self._open() as database:
            return [Row(*row) for row in database.execute("SELECT * FROM feedback ORDER BY rowid")]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            database = sqlite3.connect(self._path, timeout=LOCKED_S)
            try:
                with database:
                    yield database
            finally:
                database.close()
        except sqlite3.Error as error:
            raise StoreError(f"the feedback in {self._path} can't be used ({error}): set QA_FEEDBACK anew") from error

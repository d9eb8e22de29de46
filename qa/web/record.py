"""What was asked and what became of it, and what visitors said of answers, in a SQLite file; nothing of who asked."""

import logging
import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from qa.errors import StoreError
from qa.evaluation.usage import Asked
from qa.settings import Settings
from qa.types import Answer

Verdict = Literal["up", "down"]

MAX_MB = 100
MAX_TEXT = 2000  # characters that are kept of a question or an answer
MAX_WAITING = 1000  # questions that wait for a file which somebody else has locked
LOCKED_S = 0.5  # that a request waits for such a file …
WRITER_S = 3.0  # … and that what is written behind the requests waits
JUDGED_WITHIN = timedelta(days=1)  # after a question, for the verdict to be put beside it

COLUMNS = ", ".join(Asked._fields)
SCHEMA = """
CREATE TABLE IF NOT EXISTS asked (
    time TEXT NOT NULL,
    question TEXT NOT NULL,
    standalone TEXT NOT NULL DEFAULT '',
    outcome TEXT NOT NULL DEFAULT '',
    confidence REAL NOT NULL DEFAULT '',
    document TEXT NOT NULL DEFAULT '',
    heading TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS asked_by_time ON asked (time);
"""
VERDICT = "time, verdict, question, answer"  # the columns of a verdict alone, and all of an earlier version's file

log = logging.getLogger("qa.record")


class Span(NamedTuple):
    """How much a record holds: of how many questions and verdicts, and from when the first is, in ISO 8601."""

    questions: int
    verdicts: int
    since: str


class Record:
    """The record in a file: raises StoreError where the file can't be used.

    Questions are written behind the requests, so that no answer waits for the file. What is older than `days` goes.
    `name` is the setting that names the file, and `earlier` the file that QA_FEEDBACK names besides it.
    """

    def __init__(self, path: Path, days: int | None = None, *, name: str = "QA_RECORD", earlier: str = "") -> None:
        self.path = path
        self.days = days
        self._name = name
        self._earlier = Path(earlier) if earlier and Path(earlier).absolute() != path.absolute() else None
        self._waiting: deque[Asked] = deque(maxlen=MAX_WAITING)
        self._writer = ThreadPoolExecutor(1, "record")
        self._scheduled = False

    @classmethod
    def of(cls, settings: Settings) -> "Record | None":
        """The record that the settings want, of verdicts alone where only QA_FEEDBACK is set; None where none is."""
        if settings.record:
            return cls(Path(settings.record), settings.record_days, earlier=settings.feedback)
        return cls(Path(settings.feedback), name="QA_FEEDBACK") if settings.feedback else None

    def prepare(self) -> None:
        """Make the file, which only its owner may read, and take over the verdicts that were kept before."""
        with self._errors():
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        try:
            with self._written(WRITER_S, self._earlier) as database:
                self._take_over(database)
        except StoreError as error:
            if getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                raise
            log.warning("%s", error)  # the next start is another try

    def add(self, answer: Answer) -> None:
        """Keep what was asked and what became of it, as soon as that can be written."""
        first = answer.citations[0] if answer.citations else None
        self._waiting.append(
            Asked(
                time=_now(),
                question=_kept(answer.question),
                standalone=_kept(answer.standalone),
                outcome=outcome(answer),
                confidence=round(answer.confidence, 4),
                document=first.document_id if first else "",
                heading=first.heading if first else "",
                answer=_kept(answer.text),
            )
        )
        if not self._scheduled:
            self._scheduled = True
            with suppress(RuntimeError):  # the process ends
                self._writer.submit(self._write)

    def judge(self, question: str, answer: str, verdict: Verdict) -> None:
        """Keep a verdict, beside the question where that is recorded; waits for LOCKED_S at most."""
        question, answer = _kept(question), _kept(answer)
        with self._written(LOCKED_S) as database:
            self._keep_waiting(database)
            last = "SELECT max(rowid) FROM asked WHERE time >= ? AND question = ? AND answer = ? AND verdict = ''"
            found = database.execute(last, (_ago(JUDGED_WITHIN), question, answer)).fetchone()[0]
            if found is None:
                database.execute(
                    f"INSERT INTO asked ({VERDICT}) VALUES (?, ?, ?, ?)", (_now(), verdict, question, answer)
                )
            else:
                database.execute("UPDATE asked SET verdict = ? WHERE rowid = ?", (verdict, found))

    def rows(self, since: str = "") -> list[Asked]:
        """What was asked and judged from a time on, oldest first."""
        with self._read() as database:
            oldest = max(since, self._oldest())
            rows = database.execute(f"SELECT {COLUMNS} FROM asked WHERE time >= ? ORDER BY rowid", (oldest,))
            return [Asked(*row) for row in rows]

    def span(self) -> Span:
        """How much the record holds."""
        with self._read() as database:
            count = (
                "SELECT count(nullif(outcome, '')), count(nullif(verdict, '')), min(time) FROM asked WHERE time >= ?"
            )
            questions, verdicts, since = database.execute(count, (self._oldest(),)).fetchone()
        return Span(questions, verdicts, since or "")

    def _write(self) -> None:
        self._scheduled = False
        try:
            with self._written(WRITER_S) as database:
                self._keep_waiting(database)
        except StoreError as error:
            log.warning("questions aren't recorded: %s", error)

    @contextmanager
    def _written(self, seconds: float, earlier: Path | None = None) -> Iterator[sqlite3.Connection]:
        """A transaction, which begins by forgetting what has been kept long enough; over an earlier file as well."""
        with self._opened(f"{self.path.absolute().as_uri()}?mode=rwc", seconds) as database:
            database.execute("PRAGMA secure_delete = ON")
            if earlier and earlier.is_file():
                database.execute("ATTACH ? AS earlier", (str(earlier),))
            database.executescript(SCHEMA)
            database.execute("BEGIN IMMEDIATE")
            if self.days:
                database.execute("DELETE FROM asked WHERE time < ?", (self._oldest(),))
            yield database

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise StoreError(f"{self.path} isn't there: start the server with {self._name}, or name another file in it")
        with self._opened(f"{self.path.absolute().as_uri()}?mode=ro", WRITER_S) as database:
            yield database

    @contextmanager
    def _opened(self, uri: str, seconds: float) -> Iterator[sqlite3.Connection]:
        with self._errors():
            database = sqlite3.connect(uri, timeout=seconds, uri=True)
            try:
                with database:
                    yield database
            finally:
                database.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"{self.path} can't be used ({reason}): name another file in {self._name}") from error

    def _take_over(self, database: sqlite3.Connection) -> None:
        """Move what an earlier version kept in the file, or QA_FEEDBACK in its own, as far as it isn't too old."""
        attached = [name for _, name, _ in database.execute("PRAGMA database_list")]
        kinds = ("main", "feedback", VERDICT), ("earlier", "feedback", VERDICT), ("earlier", "asked", COLUMNS)
        for schema, table, columns in kinds:
            if schema not in attached:
                continue
            if database.execute(f"SELECT 1 FROM {schema}.sqlite_master WHERE name = ?", (table,)).fetchone():
                which = f"FROM {schema}.{table} WHERE time >= ?"
                database.execute(f"INSERT INTO main.asked ({columns}) SELECT {columns} {which}", (self._oldest(),))
                database.execute(f"DELETE {which}", (self._oldest(),))

    def _keep_waiting(self, database: sqlite3.Connection) -> None:
        """Write all that waits; raise StoreError where the file is full."""
        pages, free, size = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size > MAX_MB * 2**20:
            raise StoreError(f"{self.path} has grown to {MAX_MB} MB: move it away, or set fewer QA_RECORD_DAYS")
        places = ", ".join("?" * len(Asked._fields))
        while self._waiting:
            database.execute(f"INSERT INTO asked ({COLUMNS}) VALUES ({places})", self._waiting.popleft())

    def _oldest(self) -> str:
        return _ago(timedelta(days=self.days)) if self.days else ""


def outcome(answer: Answer) -> str:
    """What became of a question, one of OUTCOMES."""
    if answer.abstained:
        return "declined" if answer.hits else "not searched"
    return "unsure" if answer.unsure else "answered"


def _kept(text: str) -> str:
    """As much of a text as is kept, without what no file in UTF-8 can hold."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _ago(span: timedelta) -> str:
    return (datetime.now(UTC) - span).isoformat(timespec="seconds")

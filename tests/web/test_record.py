"""What is asked is recorded, whichever way it comes, with nothing of who; no request waits for the file."""

import json
import os
import re
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from serving import serving
from web.browser import CHROMIUM

from qa import Assistant, Document, Settings
from qa.encoder.base import Encoder
from qa.errors import StoreError
from qa.evaluation.usage import Asked
from qa.types import Answer, Citation, Hit, Passage
from qa.web import record as records
from qa.web.record import Record

QUESTION = "Which river is the port of Elm on?"
OFF = "Who won the 1998 World Cup?"
PASSAGE = Passage("ports.md", "Ports", "Elm", 0, 10, "The Ash is")
DECLINED = Answer("Who?", "Who?", "Not there.", (), (Hit(PASSAGE, 1.0),), 0.1, abstained=True)
ANSWERED = replace(
    DECLINED,
    text="The Ash is",
    citations=(Citation("ports.md", "Ports", "Elm", "The Ash is", 0, 10),),
    confidence=0.9,
    abstained=False,
)
OLD = "CREATE TABLE feedback (time TEXT, verdict TEXT, question TEXT, answer TEXT)"  # as an earlier version made it


@pytest.fixture(scope="module")
def assistant(encoder: Encoder) -> Assistant:
    return Assistant.from_documents([Document("ports.md", "Ports", "The port of Elm is on the Ash river.")], encoder)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.sqlite"


@pytest.fixture
def record(path: Path) -> Record:
    record = Record(path, days=90)
    record.prepare()
    return record


def until(found: Callable[[], Any], seconds: float = 20) -> Any:
    begin = time.monotonic()
    while not (value := found()):
        assert time.monotonic() - begin < seconds
        time.sleep(0.02)
    return value


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")


def written(path: Path, *statements: str, rows: list[tuple[str, ...]] | None = None) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)
        if rows:
            database.executemany(f"INSERT INTO feedback VALUES ({', '.join('?' * len(rows[0]))})", rows)


def ask_by_mcp(address: str, question: str) -> str:
    call = {"name": "ask", "arguments": {"question": question}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accept = {"Accept": "application/json, text/event-stream"}
    return httpx.post(f"{address}/gradio_api/mcp/", json=request, headers=accept, timeout=60).text


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_what_is_asked_on_the_page_by_the_api_and_by_mcp_is_recorded_and_logged_alike_and_the_page_says_so(
    assistant: Assistant, path: Path, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(record=str(path), record_days=7, log_questions=True)
    with serving(settings, lambda: assistant) as address:
        assert httpx.get(f"{address}/api/health").json()["recorded"] == 7
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        answer = httpx.post(f"{address}/api/ask", json={"question": QUESTION}).json()
        assert "Ash river" in ask_by_mcp(address, "Is the port of Elm on a river?")
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_role("main")).to_contain_text("kept for 7 days", timeout=60_000)
        page.get_by_label("Question", exact=True).fill(OFF)
        page.keyboard.press("Enter")
        expect(page.locator(".qa-answer")).to_have_count(1)
        page.close()
        verdict = {"question": QUESTION, "answer": answer["answer"], "verdict": "down"}
        assert httpx.post(f"{address}/api/feedback", json=verdict).status_code == 204
        rows = until(lambda: len(found := Record(path).rows()) == 3 and found)
    assert [row.question for row in rows] == [QUESTION, "Is the port of Elm on a river?", OFF]
    assert [row.outcome for row in rows] == ["answered", "answered", "declined"]
    assert [row.document for row in rows] == ["ports.md", "ports.md", ""]
    assert [row.verdict for row in rows] == ["down", "", ""]
    assert rows[0].answer == answer["answer"]
    assert rows[0].time > ago(0.1)
    assert all(question in caplog.text for question in (QUESTION, "Is the port of Elm on a river?", OFF))
    assert b"127.0.0.1" not in path.read_bytes()


def test_nothing_is_recorded_unless_it_is_asked_for(assistant: Assistant, path: Path) -> None:
    with serving(Settings(feedback=str(path)), lambda: assistant) as address:
        assert httpx.get(f"{address}/api/health").json()["recorded"] == 0
        page = re.search(r'id="qa-page">(.*?)</script>', httpx.get(address).text)
        assert page is not None
        assert "kept for" not in json.loads(page[1])["about"]
        httpx.post(f"{address}/api/ask", json={"question": QUESTION})
        verdict = {"question": "Who?", "answer": "Ann", "verdict": "up"}
        assert httpx.post(f"{address}/api/feedback", json=verdict).status_code == 204
    assert [(row.question, row.outcome, row.verdict) for row in Record(path).rows()] == [("Who?", "", "up")]


def test_a_locked_file_holds_no_answer_up_and_what_was_asked_then_is_written_later(
    assistant: Assistant, path: Path
) -> None:
    with serving(Settings(record=str(path)), lambda: assistant) as address:
        httpx.post(f"{address}/api/ask", json={"question": QUESTION})
        until(Record(path).rows)
        with closing(sqlite3.connect(path)) as database:
            database.execute("BEGIN EXCLUSIVE")
            for _ in range(3):
                answer = httpx.post(f"{address}/api/ask", json={"question": QUESTION})
                assert answer.status_code == 200
                assert answer.json()["took_ms"] < 1000 * records.WRITER_S
            database.rollback()
        httpx.post(f"{address}/api/ask", json={"question": OFF})
        until(lambda: len(Record(path).rows()) == 5)


def test_a_verdict_stands_beside_its_question_once_and_else_by_itself(record: Record) -> None:
    for _ in range(2):
        record.add(ANSWERED)
    record.judge("Who?", ANSWERED.text, "up")
    record.judge("Who?", ANSWERED.text, "down")
    record.judge("Who?", ANSWERED.text, "down")
    record.judge("Who?", "another answer", "down")
    found = [(row.outcome, row.verdict) for row in record.rows()]
    assert found == [("answered", "down"), ("answered", "up"), ("", "down"), ("", "down")]
    assert record.span()[:2] == (2, 4)


def test_an_answer_that_is_none_a_greeting_and_an_unsure_one_are_told_apart(record: Record) -> None:
    for answer in (DECLINED, replace(DECLINED, hits=()), replace(ANSWERED, unsure=True), ANSWERED):
        record.add(answer)
    found = until(lambda: len(rows := record.rows()) == 4 and rows)
    assert [row.outcome for row in found] == ["declined", "not searched", "unsure", "answered"]


def test_what_is_older_than_the_days_is_forgotten_for_good(path: Path) -> None:
    written(path, OLD, rows=[(ago(1), "up", "newer", "a"), (ago(8), "up", "fleeting secret", "a")])
    Record(path).prepare()
    record = Record(path, days=7)
    assert [row.question for row in record.rows()] == ["newer"]
    record.judge("now", "a", "up")
    assert [row.question for row in Record(path).rows()] == ["newer", "now"]
    assert b"fleeting" not in path.read_bytes()


def test_verdicts_of_an_earlier_version_are_taken_over_once_those_too_old_stay_where_they_are(
    path: Path, tmp_path: Path
) -> None:
    earlier = tmp_path / "it's feedback.db"
    for file in (path, earlier):
        written(file, OLD, rows=[(ago(1), "down", f"of {file.name}", "a"), (ago(99), "up", "long ago", "a")])
    settings = Settings(record=str(path), feedback=str(earlier))
    for _ in range(2):
        taking = Record.of(settings)
        assert taking
        taking.prepare()
        assert [(r.question, r.verdict) for r in taking.rows()] == [(f"of {f.name}", "down") for f in (path, earlier)]
    for file in (path, earlier):
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("SELECT question FROM feedback").fetchall() == [("long ago",)]


def test_verdicts_alone_are_taken_over_when_questions_are_recorded_as_well(path: Path, tmp_path: Path) -> None:
    earlier = Settings(feedback=str(tmp_path / "feedback.db"))
    before, after = Record.of(earlier), Record.of(replace(earlier, record=str(path)))
    assert before
    assert after
    before.prepare()
    before.judge("Who?", "Ann", "up")
    after.prepare()
    assert [(row.question, row.verdict) for row in after.rows()] == [("Who?", "up")]
    assert before.rows() == []


def test_a_full_file_takes_nothing_more_until_something_is_forgotten(
    record: Record, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(records, "MAX_MB", 0)
    record.add(ANSWERED)
    until(lambda: "has grown to 0 MB: move it away" in caplog.text)
    with pytest.raises(StoreError, match="has grown to 0 MB"):
        record.judge("Who?", "Ann", "up")
    monkeypatch.undo()
    record.judge("Who?", "Ann", "up")
    assert [row.outcome for row in record.rows()] == ["answered", ""]
    for _ in range(50):
        record.judge("x" * 9999, "y" * 9999, "up")
    assert max(len(row.question) for row in record.rows()) == records.MAX_TEXT
    assert path.stat().st_size < 50 * 3 * records.MAX_TEXT


@pytest.mark.parametrize("content", [b"not a database, but long enough to be none" * 99, None])
def test_a_file_that_cannot_be_used_is_one_line_when_the_server_starts(
    tmp_path: Path, content: bytes | None, assistant: Assistant
) -> None:
    path = tmp_path / "notes.txt" if content else tmp_path / "nowhere" / "record.sqlite"
    if content:
        path.write_bytes(content)
    for settings, name in (Settings(record=str(path)), "QA_RECORD"), (Settings(feedback=str(path)), "QA_FEEDBACK"):
        record = Record.of(settings)
        assert record
        with pytest.raises(StoreError, match=rf"{path.name} can't be used \(.*\): name another file in {name}"):
            record.prepare()
    assert not content or path.read_bytes() == content


def test_a_file_that_is_locked_when_the_server_starts_stops_nobody(path: Path) -> None:
    Record(path).prepare()
    with closing(sqlite3.connect(path)) as database:
        database.execute("BEGIN EXCLUSIVE")
        Record(path).prepare()


def test_a_text_that_is_no_unicode_is_kept_as_far_as_it_is(record: Record) -> None:
    record.add(replace(ANSWERED, question="\ud800Who?"))
    assert until(record.rows)[0] == Asked(
        record.rows()[0].time, "?Who?", "Who?", "answered", 0.9, "ports.md", "Elm", "The Ash is", ""
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_record_is_read_by_its_owner_alone(record: Record, path: Path) -> None:
    record.judge("Who?", "Ann", "up")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

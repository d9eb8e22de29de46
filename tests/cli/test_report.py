"""`qa report` and `qa feedback`, over a record that was written by the server's own class."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_cli import qa
from typer.testing import CliRunner, Result

from qa.cli.main import cli
from qa.encoder.base import Encoder
from qa.evaluation.usage import Asked
from qa.index import snapshots
from qa.web.record import COLUMNS, Record


def asked(question: str, days: int, outcome: str = "declined", **rest: str) -> Asked:
    time = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    return Asked(time, question, question, outcome, 0.5, **rest)


ROWS = [
    asked("Where is the airport?", 40),
    asked("how far is the airport?", 3),
    asked("Who is the mayor?", 2),
    asked("=1+1", 2, "answered", document="a.md", heading="Sums", answer="@SUM(A1)\x1b[2J", verdict="down"),
    asked("Who bakes?", 1, "answered", document="a.md", answer="Ann.", verdict="up"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    record = Record(tmp_path / "record.sqlite")
    record.prepare()
    with record._written(1) as database:
        database.executemany(f"INSERT INTO asked ({COLUMNS}) VALUES ({', '.join('?' * 9)})", ROWS)
    return record.path


@pytest.fixture
def run(path: Path, tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command over that record and an index of three documents, with the encoder that is loaded already."""
    monkeypatch.setattr("qa.encoder.onnx_runtime.load", lambda *_: encoder)
    about = {"documents": dict.fromkeys(("a.md", "b.md", "c.md"), "hash")}
    snapshots.create(tmp_path / "index", "one", about, lambda _: None)
    settings = {"QA_RECORD": str(path), "QA_INDEX": str(tmp_path / "index"), "QA_TITLE": "Handbook"}
    return lambda *arguments, **more: CliRunner().invoke(cli, arguments, env=settings | more)


def test_the_report_says_what_was_asked_and_what_to_write_next(run: Callable[..., Result]) -> None:
    said = run("report").stdout
    assert re.search(r"^5 questions from \S+ to \S+: 2 answered, 0 unsure, 3 declined, 0 not searched$", said, re.M)
    assert "judged right 1, wrong 1" in said
    assert "    2  Where is the airport? (and 1 like it)" in said
    assert "Never quoted:\n  b.md\n  c.md" in said
    assert "=1+1 → @SUM(A1)\\u001b[2J" in said


def test_a_time_can_be_given_in_days_weeks_or_as_a_date(run: Callable[..., Result]) -> None:
    begin = (datetime.now(UTC) - timedelta(days=10)).date().isoformat()
    for since, count in (("30d", 4), ("6w", 5), (begin, 4), ("0d", 0)):
        assert json.loads(run("report", "--json", "--since", since).stdout)["questions"] == count
    assert "nothing was asked in that time" in run("report", "--since", "0d").stdout
    for wrong in ("30", "tomorrow", "2026-02-30", "3 d", "99999w9"):
        assert "give 30d, 8w or a date as 2026-01-31" in str(run("report", "--since", wrong).exception)


def test_json_has_all_of_it(run: Callable[..., Result]) -> None:
    found = json.loads(run("report", "--json").stdout)
    assert found["outcomes"] == {"answered": 2, "unsure": 0, "declined": 3, "not searched": 0}
    assert found["unanswered"][0]["times"] == 2
    assert found["documents"] == {"a.md": 2}
    assert found["never"] == ["b.md", "c.md"]
    assert len(found["days"]) == 40


def test_csv_has_every_question_and_no_formula(run: Callable[..., Result]) -> None:
    rows = list(csv.DictReader(io.StringIO(run("report", "--csv").stdout)))
    assert [row["question"] for row in rows] == [*(row.question for row in ROWS[:3]), "'=1+1", "Who bakes?"]
    assert rows[3]["answer"].startswith("'@SUM")
    assert list(rows[0]) == list(Asked._fields)
    judged = list(csv.DictReader(io.StringIO(run("feedback").stdout)))
    assert [row["verdict"] for row in judged] == ["down", "up"]


def test_html_is_written_into_a_file_or_it_is_said_why_not(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run("report", "--html", str(tmp_path / "out.html")).exit_code == 0
    assert "What was asked: Handbook" in (tmp_path / "out.html").read_text("utf-8")
    assert "can't be written" in str(run("report", "--html", str(tmp_path / "none" / "out.html")).exception)
    assert "give one of them" in str(run("report", "--html", "x.html", "--json").exception)


@pytest.mark.parametrize("command", ["report", "feedback"])
def test_a_record_that_is_not_there_is_an_error_and_nothing_is_made(command: str, tmp_path: Path) -> None:
    for name in ("QA_RECORD", "QA_FEEDBACK"):
        done = qa(command, **{name: str(tmp_path / "typo.db")})
        assert (done.returncode, done.stdout) == (2, "")
        assert (
            done.stderr
            == f"qa: {tmp_path / 'typo.db'} isn't there: start the server with {name}, or name another file in it\n"
        )
    assert list(tmp_path.iterdir()) == []
    done = qa(command)
    assert (done.returncode, done.stderr) == (
        2,
        "qa: nothing is recorded: set QA_RECORD to the file for what is asked\n",
    )


def test_status_says_whether_questions_are_recorded_and_since_when(run: Callable[..., Result], path: Path) -> None:
    first = ROWS[0].time[:10]
    assert f"5 questions, 2 verdicts since {first} in {path}, for 90 days" in run("status").stdout
    assert f"4 questions, 2 verdicts since {ROWS[1].time[:10]}" in run("status", QA_RECORD_DAYS="30").stdout
    assert "no: neither QA_RECORD nor QA_FEEDBACK is set" in run("status", QA_RECORD="").stdout
    assert "isn't there" in run("status", QA_RECORD=str(path) + "-typo").stdout

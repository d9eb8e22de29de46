"""What documents and visitors write reaches a terminal and a spreadsheet as text, and does nothing there."""

import csv
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qa.cli.main import cli
from qa.web.record import Record

ESCAPES = "\x9b2J\u202e"  # what text files may hold of it; others are refused


@pytest.mark.parametrize("arguments", [["index"], ["ask", "When was the port built?"], ["ask", "--json", "Who?"]])
def test_no_control_character_of_a_document_reaches_the_terminal(
    tmp_path: Path, empty_index: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a\x1b[2J.txt").write_text(f"The port {ESCAPES} was built in 1912 by Ann{ESCAPES}.", "utf-8")
    (corpus / "b\x1b[2J.pdf").write_bytes(b"no PDF")
    monkeypatch.setenv("QA_CORPUS", str(corpus))
    monkeypatch.setenv("QA_INDEX", str(empty_index))
    monkeypatch.setenv("QA_THRESHOLD", "0")
    done = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert "b\\u001b[2J.pdf" in done.stderr
    for character in done.stdout + done.stderr:
        assert character == "\n" or (character.isprintable() and character not in ESCAPES[-1]), repr(character)


def test_a_cell_that_a_spreadsheet_would_compute_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(tmp_path / "feedback.db")
    for question in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "Which river?"):
        record.judge(question, "=cmd|' /C calc'!A0", "up")
    monkeypatch.setenv("QA_FEEDBACK", str(tmp_path / "feedback.db"))
    rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(cli, ["feedback"]).stdout)))
    assert [row["question"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "Which river?"]
    assert {row["answer"][0] for row in rows} == {"'"}


@pytest.mark.parametrize("arguments", [["feedback"], ["report"], ["report", "--csv"], ["report", "--json"]])
def test_no_control_character_of_a_question_reaches_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    Record(tmp_path / "asked.db").judge(f"Who?\x1b[2J{ESCAPES}\n", f"\r\x1b]0;x\x07{ESCAPES}", "down")
    monkeypatch.setenv("QA_RECORD", str(tmp_path / "asked.db"))
    said = CliRunner().invoke(cli, arguments, catch_exceptions=False).stdout
    assert "u001b[2J" in said
    for character in said:
        assert character == "\n" or (character.isprintable() and character not in ESCAPES[-1]), repr(character)

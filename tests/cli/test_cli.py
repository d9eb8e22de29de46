import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from serving import wait_until_ready
from typer.testing import CliRunner, Result

from qa.cli.main import cli
from qa.documents.convert import convert
from qa.encoder.base import Encoder
from qa.index import snapshots

ROOT = Path(__file__).parents[2]
SHAPE = ["question", "standalone", "answer", "abstained", "confidence", "unsure", "citations", "hits", "took_ms"]


def qa(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QA_")} | settings
    command = [sys.executable, "-m", "qa", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> str:
    folder = tmp_path_factory.mktemp("index")
    shutil.copytree(exported, folder / "encoder")
    return str(folder)


def test_an_answer_is_quoted_with_its_place_and_exits_with_0(index: str) -> None:
    done = qa("ask", "Which river is its port on?", QA_INDEX=index)
    assert done.returncode == 0
    assert (
        "[1] The city has a well-developed network of roads and railways, and a river port on the Tom River."
        in done.stdout
    )
    assert "[1] Novokuznetsk › Transportation and logistics (novokuznetsk.md, characters" in done.stdout


def test_the_status_of_an_index_whose_documents_are_gone_says_so(index: str, tmp_path: Path) -> None:
    for corpus in (tmp_path, tmp_path / "nowhere"):
        done = qa("status", QA_INDEX=index, QA_CORPUS=str(corpus))
        assert done.returncode == 0
        assert "none are there" in done.stdout
    assert "none are there" not in qa("status", QA_INDEX=index).stdout


def test_with_the_server_s_address_citations_link_to_their_source(index: str) -> None:
    done = qa("ask", "Which river is its port on?", QA_INDEX=index, QA_URL="https://ask.example/")
    assert "(https://ask.example/source/novokuznetsk.md?start=" in done.stdout


def test_an_abstention_exits_with_1_and_json_is_as_the_api_gives_it(index: str) -> None:
    done = qa("ask", "--json", "Who won the 1998 World Cup?", QA_INDEX=index)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer.pop("reason") == "abstained"
    assert list(answer) == SHAPE
    assert answer["abstained"] is True
    assert answer["citations"] == []
    assert list(answer["hits"][0]) == ["document", "title", "heading", "start", "end", "url", "text", "score"]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("ask", "Why?"), {"QA_CORPUS": "missing"}, "no file or folder missing"),
        (("ask", "Why?"), {"QA_ENCODER": "no/such-model"}, "the encoder 'no/such-model' can't be loaded"),
        (("status",), {"QA_PORT": "many"}, "QA_PORT is 'many'"),
    ],
)
def test_an_error_is_one_line_and_exits_with_2(
    arguments: tuple[str, ...], settings: dict[str, str], message: str
) -> None:
    done = qa(*arguments, HF_HUB_OFFLINE="1", **settings)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_wrong_usage_exits_with_2() -> None:
    assert qa("ask").returncode == 2


def test_status_says_what_is_indexed(index: str) -> None:
    qa("index", QA_INDEX=index)
    done = qa("status", QA_INDEX=index)
    assert done.returncode == 0
    assert "1 documents" in done.stdout
    assert "run `qa index`" in qa("status", QA_INDEX=index + "-none").stdout


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from qa.cli.main import cli; "
    code += "print(sorted({'torch', 'faiss', 'gradio', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, encoder: Encoder) -> Callable[..., Result]:
    """Runs the command in this process, with the encoder that is loaded already."""
    monkeypatch.setattr("qa.assistant.load", lambda *_: encoder)
    return lambda *arguments, **settings: CliRunner().invoke(cli, arguments, env=settings)


def test_the_json_of_an_answer_has_the_shape_of_the_design_and_exact_quotes(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    question = "Why is it called the City of Black Gold?"
    done = run("ask", question, "--json", QA_CORPUS=str(ROOT / "corpus"), QA_INDEX=str(tmp_path))
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert list(answer) == SHAPE
    assert answer["question"] == answer["standalone"] == question
    assert answer["abstained"] is False
    assert 0 < answer["confidence"] <= 1
    assert answer["took_ms"] > 0
    text = convert((ROOT / "corpus" / "novokuznetsk.md").read_bytes(), ".md").text
    for cited in answer["citations"]:
        assert [*cited][:7] == ["document", "title", "heading", "start", "end", "url", "quote"]
        assert cited["quote"] == text[cited["start"] : cited["end"]]
        assert cited["url"] == f"/source/novokuznetsk.md?start={cited['start']}&end={cited['end']}#quote"
    assert answer["citations"][0]["heading"] == "Coal mining"
    assert "“City of Black Gold”" in done.stdout, "text is printed as it is, not escaped"
    for hit in answer["hits"]:
        assert hit["text"] == text[hit["start"] : hit["end"]]


def test_files_that_were_skipped_are_named_and_the_rest_is_asked(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "river.md").write_text("The port of Elm is on the river Ash.", "utf-8")
    (tmp_path / "empty.md").write_text("", "utf-8")
    (tmp_path / "noise.txt").write_bytes(bytes(99))
    settings = {"QA_CORPUS": str(tmp_path), "QA_INDEX": str(tmp_path / "index")}
    done = run("ask", "--json", "Which river is the port of Elm on?", **settings)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["citations"][0]["quote"] == "The port of Elm is on the river Ash."
    skipped = [line for line in done.stderr.splitlines() if line.startswith("skipped")]
    assert skipped == ["skipped empty.md: empty", "skipped noise.txt: not text: it has bytes that no text has"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("ask",), "question"),
        (("ask", "--nothing", "Why?"), "--nothing"),
        (("nothing",), "nothing"),
        (("calibrate",), "file"),
    ],
)
def test_wrong_usage_is_one_line_that_names_what_is_wrong(arguments: tuple[str, ...], named: str) -> None:
    done = qa(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr.lower()
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"), [(None, "can't be read"), ("{}", 'line 1 has no "question"'), ("\udcff", "not UTF-8")]
)
def test_a_file_of_questions_that_cannot_be_used_is_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "questions.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    done = qa("calibrate", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(path) in done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("limit", [10, 30], ids=["the database", "the vectors"])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(empty_index: Path, limit: int) -> None:
    limited = f"ulimit -f {limit}; exec {shlex.quote(sys.executable)} -m qa index"  # KB of a file
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QA_")} | {"QA_INDEX": str(empty_index)}
    done = subprocess.run(
        ["bash", "-c", limited], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    left = {path.relative_to(empty_index).parts[0] for path in empty_index.rglob("*") if path.is_file()}
    assert left <= {"encoder", "lock", "texts", "vectors"}  # what was converted and embedded is kept
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"the index can't be written to {empty_index}" in done.stderr


def test_status_of_a_damaged_index_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "manifest.json").write_text("{", "utf-8")
    (tmp_path / "current").write_text("one\n", "utf-8")
    done = qa("status", QA_INDEX=str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "damaged" in done.stderr


@pytest.mark.parametrize("command", [[], ["index"], ["ask"], ["serve"], ["status"], ["calibrate"], ["report"]])
def test_no_help_imports_what_is_heavy(command: list[str]) -> None:
    code = f"""
import sys
from qa.cli.main import main
sys.argv = ["qa", *{command}, "--help"]
try:
    main()
finally:
    heavy = "torch transformers sentence_transformers faiss gradio fastapi numpy bm25s scipy rich".split()
    print("heavy:", sorted(set(heavy) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_ctrl_c_stops_within_a_second_and_keeps_what_was_embedded(tmp_path: Path, empty_index: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(400):
        (corpus / f"{number}.txt").write_text(f"The port number {number} is on a river. " * 30, "utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QA_")}
    environment |= {"QA_CORPUS": str(corpus), "QA_INDEX": str(empty_index)}
    program = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv = ['qa', 'index']"
    program += "; from qa.cli.main import main; main()"  # a process that runs behind others ignores Ctrl-C otherwise
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        while not (kept := _kept(empty_index)):
            assert process.poll() is None
            time.sleep(0.05)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        took = time.monotonic() - begin
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert 0 < kept <= _kept(empty_index) < 400
    assert took < 5, "a second where nothing else runs"


def _kept(index: Path) -> int:
    for path in (index / "vectors").glob("*.sqlite"):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as database:
            return int(database.execute("SELECT count(*) FROM kept").fetchone()[0])
    return 0


def test_status_shows_an_index_of_an_earlier_version(run: Callable[..., Result], tmp_path: Path) -> None:
    about = {"format": 2, "encoder": "another", "documents": {"a.md": "hash"}}
    folder = snapshots.create(tmp_path, "older", about, lambda _: None)
    done = run("status", QA_INDEX=str(tmp_path))
    assert done.exit_code == 0
    assert f"{folder.name}, of 1 documents by another" in done.stdout


def test_places_that_were_given_are_kept_to_until_others_are(
    run: Callable[..., Result], tmp_path: Path, empty_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("corpus", "others"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text(f"The port of {name} is on the river Ash.", "utf-8")
    settings = {"QA_INDEX": str(empty_index), "QA_THRESHOLD": "0"}
    assert "1 added" in run("index", "others/*.md", **settings).stdout
    assert "The port of others" in run("ask", "Which river is the port on?", **settings).stdout
    assert "1 changed" in run("index", "corpus", **settings).stdout
    assert "The port of corpus" in run("ask", "Which river is the port on?", **settings).stdout
    (empty_index / "sources").write_bytes(b"\xff")
    done = run("ask", "Why?", **settings)
    assert "can't be read" in str(done.exception)


def test_places_hold_in_the_stead_of_the_corpus_that_was_set_until_another_one_is(
    run: Callable[..., Result], tmp_path: Path, empty_index: Path
) -> None:
    for name in ("mix/one.md", "mix/two.md", "other/three.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"The port of {path.stem} is on the river Ash.", "utf-8")
    settings = {"QA_CORPUS": str(tmp_path / "mix"), "QA_INDEX": str(empty_index), "QA_THRESHOLD": "0"}
    documents = lambda: set(snapshots.manifest(snapshots.current(empty_index) or empty_index)["documents"])  # noqa: E731
    run("index", str(tmp_path / "mix" / "one.md"), **settings)
    run("ask", "Which river is the port on?", **settings)
    assert documents() == {"one.md"}
    run("ask", "Which river is the port on?", "--corpus", str(tmp_path / "mix"), **settings)
    assert documents() == {"one.md", "two.md"}
    run("ask", "Which river is the port on?", **settings)
    assert documents() == {"one.md"}, "what is asked once is no new place"
    run("ask", "Which river is the port on?", **settings | {"QA_CORPUS": str(tmp_path / "other")})
    assert documents() == {"three.md"}


def test_files_that_were_skipped_before_are_not_named_again_but_by_index_and_status(
    run: Callable[..., Result], tmp_path: Path, empty_index: Path
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.md").write_text("The port of Elm is on the river Ash.", "utf-8")
    (corpus / "broken.pdf").write_bytes(b"no PDF")
    settings = {"QA_CORPUS": str(corpus), "QA_INDEX": str(empty_index)}
    first = run("ask", "Which river?", **settings)
    assert "skipped broken.pdf: " in first.stderr
    (corpus / "empty.md").write_text("", "utf-8")
    second = run("ask", "Which river?", **settings)
    assert [line for line in second.stderr.splitlines() if "skipped" in line] == ["skipped empty.md: empty"]
    assert "skipped" not in run("ask", "Which river?", **settings).stderr
    assert "skipped broken.pdf: " in run("index", **settings).stderr
    said = run("status", **settings).stdout
    assert "skipped       broken.pdf: " in said
    assert "skipped       empty.md: empty" in said
    (corpus / "empty.md").unlink()
    run("ask", "Which river?", **settings)
    assert "empty.md" not in run("status", **settings).stdout


@pytest.mark.parametrize("command", ["index", "serve"])
def test_where_there_is_nothing_to_index_that_is_all_that_is_said(command: str, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "program.exe").write_bytes(b"x") if command == "serve" else None
    done = qa(command, QA_CORPUS=str(tmp_path / "corpus"), QA_INDEX=str(tmp_path / "index"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"qa: nothing to index in {tmp_path / 'corpus'}: put files of text there (")
    assert done.stderr.count("\n") == 1


def test_without_documents_no_address_is_told(tmp_path: Path) -> None:
    done = qa("serve", "--port", "0", QA_CORPUS=str(tmp_path / "corpus"), QA_INDEX=str(tmp_path / "index"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("qa: no file or folder")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_an_address_that_cannot_be_listened_on_is_named_once(host: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = qa("serve", "--host", host, "--port", port, QA_INDEX=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count(host) == 1
    assert done.stderr.count(port) == 1
    assert re.search(r"^qa: can't listen on \S+ port \d+ \([^()]+\): ", done.stderr)


def test_version_and_short_help_and_completion() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout.strip() == version("question-box")
    assert "Usage:" in CliRunner().invoke(cli, ["-h"]).stdout
    assert "Usage:" in CliRunner().invoke(cli, ["serve", "-h"]).stdout
    completed = qa(_QA_COMPLETE="complete_bash", COMP_WORDS="qa re", COMP_CWORD="1", _TYPER_COMPLETE_ARGS="qa re")
    assert "report" in completed.stdout.split()


def test_a_folder_is_served_where_it_is_said_and_shown_in_the_browser(tmp_path: Path, empty_index: Path) -> None:
    corpus, shown = tmp_path / "texts", tmp_path / "shown"
    corpus.mkdir()
    (corpus / "a.md").write_text("The port of Elm is on the river Ash.", "utf-8")
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shlex.quote(str(shown))}\n', "utf-8")
    browser.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QA_")}
    environment |= {"QA_INDEX": str(empty_index), "QA_PORT": "1", "BROWSER": f"{browser} %s"}
    command = [sys.executable, "-m", "qa", "serve", str(corpus), "--port", "0", "--host", "0.0.0.0", "--open"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        said = re.search(r"http://0\.0\.0\.0:(\d+) ", process.stdout.readline())
        assert said
        address = f"http://127.0.0.1:{said[1]}"
        wait_until_ready(address)
        assert shown.read_text("utf-8") == address
        answer = httpx.post(f"{address}/api/ask", json={"question": "Which river is the port of Elm on?"}, timeout=60)
        assert "river Ash" in answer.json()["answer"]
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()  # type: ignore[union-attr]


def test_settings_of_a_file_beside_the_documents_hold_unless_the_environment_has_others(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "question-box.toml").write_text('QA_TITLE = "Our handbook"\nQA_PORT = 8080\n', "utf-8")
    said = run("status", QA_PORT="9090").stdout
    assert "title         Our handbook" in said
    assert "port          9090" in said
    assert f"settings from {tmp_path / 'question-box.toml'}" in said

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def qa(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QA_")} | settings
    command = [sys.executable, "-m", "qa", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("index"))


def test_an_answer_is_quoted_with_its_place_and_exits_with_0(index: str) -> None:
    done = qa("ask", "Which river is its port on?", QA_INDEX=index)
    assert done.returncode == 0
    assert (
        "[1] The city has a well-developed network of roads and railways, and a river port on the Tom River."
        in done.stdout
    )
    assert "[1] Novokuznetsk › Transportation and logistics (novokuznetsk.md, characters" in done.stdout


def test_an_abstention_exits_with_1_and_json_is_as_the_api_gives_it(index: str) -> None:
    done = qa("ask", "--json", "Who won the 1998 World Cup?", QA_INDEX=index)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert list(answer) == [
        *("question", "standalone", "answer", "abstained", "confidence", "citations", "hits", "took_ms")
    ]
    assert answer["abstained"] is True
    assert answer["citations"] == []
    assert list(answer["hits"][0]) == ["document", "title", "heading", "text", "start", "end", "score", "url"]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("ask", "Why?"), {"QA_CORPUS": "missing"}, "no folder missing"),
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
    code = "import sys; from qa.cli import cli; print(sorted({'torch', 'faiss', 'gradio', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

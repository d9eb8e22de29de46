"""Without PyTorch and sentence-transformers all works but other encoders, and these say what they need."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from serving import wait_until_ready
from support import CORPUS, ROOT

from qa.web.server import listen

LARGE = ("torch", "transformers", "sentence_transformers", "sklearn")  # what the small install comes without
BLOCKING = f"""
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name.partition(".")[0] in {LARGE} else find(name, *rest)
"""
QUESTION, WORDS = "Which river does the city stand on?", "Tom River"
DEMO = ROOT / "docs" / "demo-questions.jsonl"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with an index of its own, whose Pythons can't import what is LARGE, nor those that they start."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "sitecustomize.py").write_text(BLOCKING, "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QA_")}
    search = os.pathsep.join([str(folder), str(ROOT)])
    own = {"PYTHONPATH": search, "QA_CORPUS": str(CORPUS), "QA_INDEX": str(folder / "index")}
    return kept | own | {"QA_RECORD": str(folder / "asked.sqlite")}


@pytest.fixture(scope="module")
def qa(environment: dict[str, str]) -> Run:
    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "qa", *arguments]
        return subprocess.run(command, env=environment | settings, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("library", LARGE)
def test_the_large_libraries_are_not_there(environment: dict[str, str], library: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {library}"], env=environment, capture_output=True, check=False
    )
    assert b"ModuleNotFoundError" in done.stderr


def test_documents_are_indexed_and_asked(qa: Run) -> None:
    done = qa("index")
    assert (done.returncode, done.stderr) == (0, "")
    assert WORDS in qa("ask", QUESTION).stdout


def test_in_eight_bits_too(qa: Run, tmp_path: Path) -> None:
    assert WORDS in qa("ask", QUESTION, QA_RUNTIME="int8", QA_INDEX=str(tmp_path / "index")).stdout


def test_answers_are_measured_and_the_confidence_is_fitted(qa: Run, tmp_path: Path) -> None:
    few = tmp_path / "questions.jsonl"
    few.write_text("".join(DEMO.read_text("utf-8").splitlines(keepends=True)[::3]), "utf-8")
    assert "unanswerable: AUROC" in qa("eval", "--json", str(few)).stdout
    assert "fitted on 66 questions" in qa("calibrate", str(DEMO)).stdout


def test_the_page_the_api_and_mcp_answer_and_what_was_asked_is_reported(qa: Run, environment: dict[str, str]) -> None:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "qa", "serve", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        wait_until_ready(address)
        assert httpx.get(address).status_code == 200
        assert httpx.get(f"{address}/widget.js").status_code == 200
        assert WORDS in httpx.post(f"{address}/api/ask", json={"question": QUESTION}, timeout=60).json()["answer"]
        call = {"name": "ask", "arguments": {"question": QUESTION}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        accept = {"Accept": "application/json, text/event-stream"}
        assert WORDS in httpx.post(f"{address}/gradio_api/mcp/", json=request, headers=accept, timeout=60).text
    finally:
        server.terminate()
        server.wait(timeout=20)
    asked = {"questions": [QUESTION], "times": 2, "answered": 2}
    assert json.loads(qa("report", "--json").stdout)["asked"] == [asked]


def test_where_nothing_can_be_written_the_encoder_is_run_all_the_same(qa: Run, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "encoder").write_text("in the way", "utf-8")
    assert WORDS in qa("ask", QUESTION, QA_INDEX=str(tmp_path / "index")).stdout


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"QA_ENCODER": "intfloat/e5-small"}, "the encoder 'intfloat/e5-small'"),
        ({"QA_ENCODER": str(CORPUS)}, f"the encoder {str(CORPUS)!r}"),
        ({"QA_RUNTIME": "torch"}, "QA_RUNTIME=torch"),
    ],
)
def test_what_needs_the_extra_says_so_in_one_line(qa: Run, settings: dict[str, str], what: str) -> None:
    done = qa("ask", QUESTION, **settings)
    assert done.returncode == 2
    wanted = f"qa: {what} needs PyTorch and sentence-transformers: pip install 'question-box[encoders]'\n"
    assert (done.stdout, done.stderr) == ("", wanted)


def test_where_onnx_runtime_cannot_run_the_default_the_reason_and_the_way_out_are_said(
    environment: dict[str, str], tmp_path: Path
) -> None:
    program = (
        "from pathlib import Path; from qa.encoder import onnx_runtime as runtime; from qa.errors import EncoderError\n"
        "runtime.LEAST_COSINE['onnx'] = 1.1\n"
        f"try: runtime.load('all-MiniLM-L6-v2', Path({str(tmp_path)!r}), 'onnx')\n"
        "except EncoderError as error: print(error)"
    )
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith("all-MiniLM-L6-v2, which ONNX Runtime can't run here (its vectors differ from sentence-")
    assert said.endswith("), needs PyTorch and sentence-transformers: pip install 'question-box[encoders]'\n")

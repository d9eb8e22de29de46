"""`qa serve --drop`: files that are dropped on its page are asked at once, and leave nothing behind."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from typer.testing import CliRunner
from web.browser import CHROMIUM, ready

from qa.cli.main import cli
from qa.web.pages.drop import MAX_FILE_MB

KETTLE = "How much does the kettle cost?"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, temporary: Path, exported: Path) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("drop")
    (folder / "index").mkdir()
    (folder / "index" / "encoder").symlink_to(exported)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QA_")} | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "qa", "serve", "--drop", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        said = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert said
        yield said[0]
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()
    assert list(folder.rglob("*")) == [folder / "index", folder / "index" / "encoder"]
    assert list(temporary.glob("question-box-*")) == []


def test_before_anything_is_dropped_questions_are_told_to_come_again(address: str) -> None:
    assert httpx.post(f"{address}/dropped/api/ask", json={"question": KETTLE}).status_code == 503
    refused = httpx.post(f"{address}/drop", timeout=60)
    assert (refused.status_code, refused.json()["error"][:39]) == (422, "nothing to index in what was dropped: p")


@pytest.mark.parametrize(
    ("name", "size", "status", "message"),
    [
        ("virus.exe", 10, 415, "files of this kind aren't read: give one of .txt, "),
        ("large.txt", MAX_FILE_MB * 2**20 + 1, 413, "too large: a file may have 20 MB"),
        (".hidden.txt", 10, 400, "give a file's name"),
        ("..%5Cup.txt", 10, 400, "give a file's name"),
        ("x" * 300 + ".txt", 10, 400, "give a file's name"),
    ],
)
def test_what_is_too_large_or_of_no_kind_that_is_read_is_refused(
    address: str, name: str, size: int, status: int, message: str
) -> None:
    refused = httpx.put(f"{address}/drop/{name}", content=b"x" * size)
    assert refused.status_code == status
    assert refused.json()["error"].startswith(message)


def test_no_other_page_may_drop_anything(address: str) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        assert httpx.put(f"{address}/drop/a.txt", content=b"x", headers=headers).status_code == 403


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_what_is_dropped_is_asked_at_once(address: str, temporary: Path, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        dropped = page.evaluate_handle(
            """() => {
                const data = new DataTransfer();
                data.items.add(new File(["# Kettle\\n\\nThe kettle costs 40 euros."], "kettle.md"));
                data.items.add(new File(["MZ"], "virus.exe"));
                data.items.add(new File(["%PDF-1.7 nothing"], "torn.pdf"));
                return data;
            }"""
        )
        page.dispatch_event("label", "drop", {"dataTransfer": dropped})
        expect(page.locator("output")).to_have_text("Ready to be asked: kettle.md", timeout=60_000)
        expect(page.locator("main li")).to_contain_text(["virus.exe: files of this kind", "torn.pdf: damaged"])
        page.get_by_label("Drop files").set_input_files(
            [{"name": "port.txt", "mimeType": "text/plain", "buffer": b"The port of Elm is on the river Ash."}]
        )
        expect(page.locator("output")).to_contain_text("kettle.md, port.txt", timeout=60_000)
        page.get_by_role("link", name="Ask them").click()
        ready(page)
        for question, answer in ((KETTLE, "40 euros"), ("Which river is the port of Elm on?", "river Ash")):
            page.get_by_placeholder("Ask a question").fill(question)
            page.keyboard.press("Enter")
            expect(page.locator(".qa-answer").last).to_contain_text(answer, timeout=30_000)
    assert list(temporary.glob("question-box-*/*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--host", "0.0.0.0"), "--drop is for this machine only: leave QA_HOST at 127.0.0.1, not 0.0.0.0"),
        (("corpus",), "--drop takes its documents from its page"),
        (("--watch",), "--drop takes its documents from its page"),
    ],
)
def test_elsewhere_and_with_other_documents_it_is_refused(arguments: tuple[str, ...], message: str) -> None:
    assert str(CliRunner().invoke(cli, ["serve", "--drop", *arguments]).exception).startswith(message)

"""Several collections in one server: each as if it was served alone, with a token and origins of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from serving import wait_until_ready
from typer.testing import CliRunner, Result
from web.browser import CHROMIUM, ready
from web.test_embedding import Site, ask, opened, script

from qa.cli.main import cli
from qa.cli.opening import Opener, collections_of, settings_of, settings_of_collections

TOKEN = "open sesame"
SESAME = {"Authorization": f"Bearer {TOKEN}"}
HOLIDAYS = "How many holidays are there a year?"
KETTLE = "How much does the kettle cost?"
TEXTS = {
    "handbook": "# Holidays\n\nThere are thirty holidays a year.",
    "products": "# Kettle\n\nThe kettle boils a litre of water. The kettle costs 40 euros.",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Path:
    """A folder with the documents of two collections, and an index with the encoder and the reader."""
    folder = tmp_path_factory.mktemp("box")
    shutil.copytree(exported, folder / "index" / "encoder", copy_function=os.link)
    for name, text in TEXTS.items():
        (folder / "docs" / name).mkdir(parents=True)
        (folder / "docs" / name / "a.md").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def address(folder: Path, site: Site) -> Iterator[str]:
    """What the command serves of both, one with a token and the site's origin."""
    sections = f'QA_RATE = 10000\n[handbook]\nQA_TITLE = "Our <handbook>"\n[products]\nQA_TOKEN = "{TOKEN}"\n'
    (folder / "question-box.toml").write_text(f'{sections}QA_ORIGINS = "{site.origin}"\n', "utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QA_")}
    command = [sys.executable, "-m", "qa", "serve", *(f"{name}=docs/{name}" for name in TEXTS), "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        said = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert said
        wait_until_ready(said[0])
        (folder / "question-box.toml").unlink()  # it was read
        yield said[0]
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def answered(address: str, question: str, headers: dict[str, str] | None = None) -> str:
    answer = httpx.post(f"{address}/api/ask", json={"question": question}, headers=headers, timeout=60)
    return str(answer.raise_for_status().json()["answer"])


def test_each_collection_answers_from_its_own_documents(address: str) -> None:
    assert "thirty" in answered(f"{address}/handbook", HOLIDAYS)
    assert "40 euros" in answered(f"{address}/products", KETTLE, SESAME)
    assert "40 euros" not in answered(f"{address}/handbook", KETTLE)


def test_the_list_names_the_collections_without_a_token(address: str) -> None:
    page = httpx.get(address).text
    assert '<a href="handbook/">Our &lt;handbook&gt;</a>' in page
    assert "products" not in page
    assert httpx.get(f"{address}/handbook").headers["location"] == "handbook/"
    assert httpx.get(f"{address}/elsewhere").json() == {"error": "Not Found"}


@pytest.mark.parametrize("path", ["", "config", "docs", "source/a.md", "gradio_api/info", "products/config"])
def test_without_its_token_a_collection_tells_nothing(address: str, path: str) -> None:
    for headers in ({}, {"Cookie": "qa-session=x"}, {"Authorization": "Bearer guessed"}):
        assert httpx.get(f"{address}/products/{path}", headers=headers).status_code == 401
    assert httpx.get(f"{address}/handbook/../products/{path}").status_code == 401


def test_the_session_of_one_collection_is_sent_to_no_other(address: str) -> None:
    cookie = httpx.post(f"{address}/products/token", data={"token": TOKEN}).headers["set-cookie"]
    assert "Path=/products;" in cookie
    assert httpx.post(f"{address}/token", data={"token": TOKEN}).status_code == 405


def test_each_collection_lets_in_its_own_origins(address: str, site: Site) -> None:
    origin = {"Origin": site.origin}
    let_in = httpx.get(f"{address}/products/api/health", headers=origin)
    assert (let_in.status_code, let_in.headers["access-control-allow-origin"]) == (200, site.origin)
    assert httpx.get(f"{address}/handbook/api/health", headers=origin).status_code == 403
    assert httpx.get(f"{address}/", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("path", ["gradio_api/upload", "handbook/gradio_api/upload", "handbook/api/ask"])
def test_what_is_closed_stays_closed_below_a_name(address: str, path: str) -> None:
    assert httpx.post(f"{address}/handbook/{path}", json={"question": HOLIDAYS}).status_code in (404, 405)


def test_limits_hold_below_a_name(address: str) -> None:
    join = {"session_hash": "s", "fn_index": 10_000, "data": []}
    refused = httpx.post(f"{address}/handbook/gradio_api/queue/join", json=join)
    assert refused.json() == {"error": "fn_index: there is no such function"}
    assert "default-src 'none'" in httpx.get(f"{address}/handbook/source/a.md").headers["content-security-policy"]


def test_pages_link_below_their_name(address: str) -> None:
    assert 'href="/handbook/source.css"' in httpx.get(f"{address}/handbook/source/a.md").text
    assert f"{address}/handbook/widget.js" in httpx.get(f"{address}/handbook/embed").text
    assert "/handbook/openapi.json" in httpx.get(f"{address}/handbook/docs").text
    for path in (
        "widget.js",
        "handbook/widget.js",
        "handbook/source.css",
        "source.css",
        "handbook/chat.js",
        "icon.svg",
    ):
        assert httpx.get(f"{address}/{path}").status_code == 200


def test_the_tool_of_each_collection_is_offered_by_mcp(address: str) -> None:
    call = {"name": "ask", "arguments": {"question": HOLIDAYS}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accept = {"Accept": "application/json, text/event-stream"}
    tool = "gradio_api/mcp/"
    assert "thirty" in httpx.post(f"{address}/handbook/{tool}", json=request, headers=accept, timeout=60).text
    assert httpx.post(f"{address}/products/{tool}", json=request, headers=accept).status_code == 401


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_the_box_asks_the_collection_that_is_named(address: str, site: Site, browser: Browser) -> None:
    with browser.new_context() as context:
        attributes = f'data-button="off" data-collection="products" data-token="{TOKEN}"'
        answer = ask(opened(context, site, f"{script(address, attributes)}<qa-box></qa-box>"), KETTLE)
        expect(answer).to_contain_text("40 euros")
        answer.locator("summary").first.click()
        source = answer.get_by_role("link", name="Open the source").first.get_attribute("href")
        assert source is not None
        assert source.startswith(f"{address}/products/source/a.md?")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_each_page_keeps_its_own_conversation(address: str, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{address}/handbook/")
        ready(page)
        page.get_by_placeholder("Ask a question").fill(HOLIDAYS)
        page.keyboard.press("Enter")
        expect(page.locator(".qa-answer")).to_contain_text("thirty", timeout=30_000)
        page.get_by_role("link", name=re.compile("source", re.IGNORECASE)).first.click()
        expect(context.pages[-1].locator("mark")).to_contain_text("thirty")
        page.goto(f"{address}/products/")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button").click()
        ready(page)
        expect(page.locator(".qa-question")).to_have_count(0)
        page.goto(f"{address}/handbook/")
        expect(page.locator(".qa-question")).to_have_text(HOLIDAYS)


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("QA_URL", "https://ask.example/")
    return lambda *arguments: CliRunner().invoke(cli, arguments)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (["handbook=docs/handbook", "docs/products"], "docs/products is in no collection: give a name to it as well"),
        (["Hand_book=docs/handbook"], "'Hand_book' can't be a collection's name: give small letters"),
        (["encoder=docs/handbook"], "'encoder' can't be a collection's name, as the server uses it"),
        (["handbook="], "handbook= names no documents: give handbook=FOLDER"),
        (["handbook=docs/missing"], "no file or folder docs/missing"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "index"])
def test_a_collection_that_can_not_be_served_is_named(
    run: Callable[..., Result], command: str, places: list[str], message: str
) -> None:
    assert message in str(run(command, *places).exception)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[handbok]\nQA_TOKEN = 'x'", "has a section [handbok], which isn't a collection: did you mean [handbook]?"),
        ("[handbook]\nQA_TOKN = 'x'", "has QA_TOKN, which isn't a setting: did you mean QA_TOKEN?"),
        ("[handbook]\nQA_PORT = 1", "has QA_PORT in [handbook], but it is the server's: set it above [handbook]"),
    ],
)
def test_a_section_that_would_not_hold_is_named(
    run: Callable[..., Result], folder: Path, section: str, message: str
) -> None:
    file = folder / "question-box.toml"
    file.write_text(section, "utf-8")
    try:
        assert message in str(run("serve", "handbook=docs/handbook").exception)
    finally:
        file.unlink()


def test_collections_share_one_encoder_and_one_reader(run: Callable[..., Result], folder: Path) -> None:
    assert "products: 1 passages are indexed" in run("index", *(f"{name}=docs/{name}" for name in TEXTS)).stdout
    settings = settings_of()
    places = collections_of([f"{name}=docs/{name}" for name in TEXTS])
    owns = settings_of_collections(places, settings)
    assert [own.url for own in owns.values()] == ["https://ask.example/handbook", "https://ask.example/products"]
    opener = Opener(settings)
    handbook, products = (opener(own, places[name]) for name, own in owns.items())
    assert handbook.encoder is products.encoder
    assert handbook.reader is products.reader
    assert "products" in run("status").stdout
    assert not (folder / "index" / "products" / "encoder").exists()

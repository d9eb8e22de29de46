"""What `qa export` writes, in Chromium: the same answers as Python's, and nothing but itself."""

import gzip
import json
import os
import re
import shutil
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import Stemmer
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from support import CORPUS, ROOT, markdown
from tokenizers import Tokenizer
from web.browser import CHROMIUM

from qa import Assistant
from qa.answer import schema
from qa.cli.main import main
from qa.encoder.base import Encoder
from qa.encoder.bundled import DEFAULT
from qa.errors import EncoderError, SettingsError, StoreError
from qa.export import LOADER, RUNTIME, WASM, Box
from qa.index.build import Indexer
from qa.index.local.layered import open_store
from qa.index.update import update
from qa.settings import DEFAULTS
from qa.text.terms import Analyzer

spec = util.spec_from_file_location("bench_export", ROOT / "bench" / "export.py")
assert spec and spec.loader
bench = util.module_from_spec(spec)
spec.loader.exec_module(bench)

has_runtime = all((RUNTIME / name).is_file() for name in (LOADER, WASM))
needs_runtime = pytest.mark.skipif(not has_runtime, reason="ONNX Runtime for browsers isn't here: run `make runtime`")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
PHONE = {"width": 390, "height": 844}
PORT = "Which river is the port on?"


@pytest.fixture(scope="module")
def index(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "index"
    shutil.copytree(exported, folder / "encoder", copy_function=os.link)
    return folder


@pytest.fixture(scope="module")
def assistant(index: Path, encoder: Encoder) -> Assistant:
    return Assistant.open(CORPUS, index, encoder)


@pytest.fixture(scope="module")
def box(assistant: Assistant, index: Path) -> Box:
    if not has_runtime:
        pytest.skip("ONNX Runtime for browsers isn't here: run `make runtime`")
    return Box(assistant, index, DEFAULT, DEFAULTS.threshold, DEFAULTS.sure, lambda *_: None)


@pytest.fixture(scope="module")
def folder(box: Box, index: Path) -> Path:
    box.write_folder(index.parent / "out", "Ask <the> city")
    return index.parent / "out"


@pytest.fixture(scope="module")
def file(box: Box, index: Path) -> Path:
    (written,) = box.write_file(index.parent / "out", "Ask <the> city")
    return Path(written)


@pytest.fixture(scope="module")
def single(browser: Browser, file: Path) -> Iterator[Page]:
    """The single file, opened from the disk without a network, with what it asked of any."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(file.as_uri())
    yield page
    context.close()


def shown(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("blockquote").last).to_be_visible(timeout=120_000)


@in_browser
def test_the_file_answers_as_python_does(single: Page, box: Box, assistant: Assistant, index: Path) -> None:
    asked = bench.questions([ROOT / "docs" / "demo-questions.jsonl"])[::6]
    asked += [("hello", []), ("Wo ist der Hafen und was macht er?", []), ("Whihc river is the prot on?", [])]
    asked += [("And its coal?", [(PORT, "The port is on the Tom River.")]), ("…", []), ("Где порт?", [])]
    same = bench.reference(box, assistant, index, index.parent / "networks")
    for question in asked:
        expected, found = schema.Answer.of(same.ask(*question), 0).as_json(), bench.ask(single, question)
        assert bench.difference(expected, found) == "", question
        assert found["confidence"] == pytest.approx(expected["confidence"], abs=0.005), question
        assert found["answer"] == expected["answer"]
        assert found["standalone"] == expected["standalone"]
        assert [hit["text"] for hit in found["hits"]] == [hit["text"] for hit in expected["hits"]]
        places = [[{**c, "url": ""} for c in one["citations"]] for one in (expected, found)]
        assert places[0] == places[1]


@in_browser
def test_the_file_asks_nothing_of_any_network(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    shown(page, PORT)
    page.close()
    assert [url for url in requests if not url.startswith("blob:")] == [file.as_uri()]


@in_browser
def test_a_quote_leads_to_its_place_in_the_document(single: Page) -> None:
    shown(single, PORT)
    single.locator("article summary").last.click()
    single.get_by_text("Open the source").last.click()
    expect(single.locator("main > article mark")).to_contain_text("Tom River")
    single.get_by_role("link", name="← Back").click()
    expect(single.locator("main > article mark")).to_have_count(0)


@in_browser
def test_reloading_keeps_the_conversation(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    page.goto(file.as_uri())
    shown(page, PORT)
    page.reload()
    expect(page.get_by_role("heading", name=PORT)).to_be_visible()
    page.close()


@in_browser
@pytest.mark.parametrize(("theme", "size"), [("light", None), ("dark", PHONE)])
def test_it_has_no_barrier_and_fits(browser: Browser, folder: Path, theme: str, size: object) -> None:
    with bench.hosting(folder) as address:
        page = browser.new_page(color_scheme=theme, viewport=size or {"width": 1200, "height": 800})
        page.goto(f"{address}/index.html")
        shown(page, PORT)
        for _ in range(2):  # the conversation, then the document beside it
            assert Axe().run(page).response["violations"] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.get_by_text("Open the source").last.dispatch_event("click")
            expect(page.locator("main > article mark")).to_be_visible()
        page.close()


@in_browser
def test_the_keyboard_reaches_everything(browser: Browser, folder: Path) -> None:
    with bench.hosting(folder) as address:
        page = browser.new_page()
        page.goto(f"{address}/index.html")
        page.get_by_label("Your question").focus()
        page.keyboard.type(PORT)
        page.keyboard.press("Enter")
        expect(page.locator("blockquote").first).to_contain_text("Tom River", timeout=120_000)
        page.locator("summary", has_text="exported on").press("Enter")
        page.locator("footer a").first.press("Enter")
        expect(page.locator("main > article h2")).to_be_visible()
        expect(page.locator("main > article")).to_be_focused()
        page.close()


@in_browser
def test_the_folder_answers_on_the_page_of_another_host_under_a_strict_policy(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    with bench.hosting(folder, {"Access-Control-Allow-Origin": "*"}) as there:
        html = f'<title>t</title><script type="module" src="{there}/widget.js" data-index="{there}/box.json"></script>'
        (tmp_path / "page.html").write_text(html)
        policy = (
            f"default-src 'none'; script-src {there} 'wasm-unsafe-eval'; worker-src blob: {there}; connect-src {there}"
        )
        with bench.hosting(tmp_path, {"Content-Security-Policy": policy}) as here:
            page = browser.new_page()
            requests: list[str] = []
            page.on("request", lambda request: requests.append(request.url))
            page.goto(f"{here}/page.html")
            assert [url for url in requests if "/parts/" in url] == []  # nothing is loaded before the box is opened
            page.get_by_role("button", name="Ask the documents").click()
            shown(page, PORT)
            expect(page.locator("blockquote").first).to_contain_text("Tom River")
            page.close()
    assert {url for url in requests if not url.startswith((here, there, "blob:"))} == set()


@in_browser
def test_it_takes_several_threads_where_the_page_is_isolated(browser: Browser, folder: Path) -> None:
    headers = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
    with bench.hosting(folder, headers) as address:
        page = browser.new_page()
        page.goto(f"{address}/index.html")
        assert page.evaluate("crossOriginIsolated")
        assert "Tom River" in bench.ask(page, (PORT, []))["answer"]
        workers = [worker.url.rpartition("/")[2] for worker in page.workers]
        page.close()
    assert workers.count("worker.js") == 1
    assert ("ort.js" in workers) == ((os.cpu_count() or 1) > 1)


@in_browser
def test_english_stems_are_snowballs(browser: Browser, folder: Path, tokenizer: Tokenizer) -> None:
    words = [word for word in tokenizer.get_vocab() if word.isascii() and word.isalpha()]
    words = [word + ending for word in words for ending in ("", "s", "ed", "ing", "ly", "ness", "ational", "izer's")]
    found = imported(browser, folder, "snowball.js", "({ stemmers }, words) => words.map(stemmers.en)", words)
    assert found == Stemmer.Stemmer("english").stemWords(words)


@in_browser
def test_texts_are_read_as_the_encoder_reads_them(browser: Browser, folder: Path, tokenizer: Tokenizer) -> None:
    vocabulary = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    texts = [path.read_text("utf-8") for path in (CORPUS / "novokuznetsk.md", ROOT / "README.md")]
    texts += [
        "Zürich, ＡＢＣ: naïve 漢字 don't re-enter 1,234.5 ½ Ελλάδα 😀 e\u0301 İstanbul",
        "[SEP] a[MASK]b",
        "",
        "x" * 101,
    ]
    code = "({ Tokenizer }, [words, texts]) => texts.map((text) => new Tokenizer(words).encode(text))"
    found = imported(browser, folder, "tokenizer.js", code, [vocabulary, texts])
    for text, one in zip(texts, found, strict=True):
        expected = tokenizer.encode(text, add_special_tokens=False)
        assert one["ids"] == expected.ids, text
        assert [tuple(span) for span in one["offsets"]] == expected.offsets, text


def imported(browser: Browser, folder: Path, module: str, code: str, given: object) -> object:
    """What a function gives of a module of the export."""
    (path,) = folder.glob(f"code-*/{module}")
    with bench.hosting(folder) as address:
        page = browser.new_page()
        page.goto(f"{address}/box.json")
        found = page.evaluate(f"async (given) => ({code})(await import('/{path.relative_to(folder)}'), given)", given)
        page.close()
    return found


def test_it_holds_no_path_and_nothing_of_the_machine(folder: Path, index: Path) -> None:
    whole = b"".join(
        data + (gzip.decompress(data) if path.suffix == ".bin" else b"")
        for path in folder.rglob("*")
        if path.is_file() and (data := path.read_bytes())
    )
    for name in (str(ROOT), str(index.parent), str(Path.home()), os.uname().nodename):
        assert len(name) < 4 or name.encode() not in whole
    manifest = json.loads((folder / "box.json").read_text())
    assert manifest["documents"] == ["novokuznetsk.md"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", manifest["date"])


def test_the_demo_is_smaller_than_60_mb(file: Path) -> None:
    assert file.stat().st_size < 60e6


def test_an_export_is_replaced_and_nothing_else_is(box: Box, tmp_path: Path) -> None:
    box.write_folder(tmp_path / "out", "One")
    box.write_folder(tmp_path / "out", "Two")
    assert "Two" in (tmp_path / "out" / "index.html").read_text()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(StoreError, match="isn't an export"):
        box.write_folder(tmp_path / "notes", "One")
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"


def test_without_the_runtime_it_says_how_to_get_it(
    assistant: Assistant, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(RUNTIME / "onnxruntime-web.json", tmp_path)
    (tmp_path / WASM).write_bytes(b"not it")
    monkeypatch.setattr("qa.export.RUNTIME", tmp_path)
    with pytest.raises(EncoderError, match="make runtime"):
        Box(assistant, index, DEFAULT, DEFAULTS.threshold, DEFAULTS.sure, lambda *_: None)


def test_the_command_says_what_it_wrote(
    box: Box, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QA_CORPUS", str(CORPUS))
    monkeypatch.setenv("QA_INDEX", str(index))
    monkeypatch.setattr("sys.argv", ["qa", "export", str(tmp_path / "city"), "--single-file"])
    with pytest.raises(SystemExit):
        main()
    assert re.fullmatch(r" +4\d\.\d MB  \S+/city\.html\n", capsys.readouterr().out)
    assert [path.name for path in tmp_path.iterdir()] == ["city.html"]


def test_an_index_in_milvus_is_refused(assistant: Assistant, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assistant, "store", object())
    with pytest.raises(SettingsError, match="QA_STORE=local"):
        Box(assistant, index, DEFAULT, DEFAULTS.threshold, DEFAULTS.sure, lambda *_: None)


def test_what_changed_since_is_among_the_contents(
    tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.index.update.LEAST_KEPT", 0)
    monkeypatch.setattr("qa.index.update.MOST_CHANGED", 1.0)
    texts = {f"{n}.md": f"Document {n} is about the port. It has a river." for n in range(6)}
    for changed in ({}, {"2.md": "The mine is old.", "7.md": "The works are new."}):
        documents = [markdown(name, name, text) for name, text in (texts | changed).items()]
        path, _ = update(documents, tmp_path, Indexer(encoder, Analyzer()))
    store = open_store(path)
    passages, parts = store.contents()
    assert sorted(p.document_id for p in passages) == sorted({**texts, **changed})
    vector = encoder.encode_questions(["Is the mine old?"], [()])[0].vector
    numbers = np.arange(len(passages))
    near = int(np.argmax(parts.nearest_sentences(numbers, vector)))
    assert passages[near].text == "The mine is old."
    assert [len(own) for own in np.split(parts.scales, parts.first_sentences[1:-1])] == [
        len(p.sentences) for p in passages
    ]

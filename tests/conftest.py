"""What several test modules share."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from filelock import FileLock
from hypothesis import settings
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from qa import Assistant, Document, Settings
from qa.answer.cross_encoder import CrossEncoder, load_reader
from qa.encoder import DEFAULT, Encoded, Encoder, SentenceEncoder, Span, Vectors, bundled_folder, unit
from qa.formats.markdown import convert_md
from qa.runtime import load
from qa.web.server import http_server, listen
from qa.web.service import Service

settings.register_profile("repeatable", derandomize=True)  # what passed once passes again
settings.load_profile("repeatable")

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
CORPUS = Path(__file__).parent.parent / "corpus"
VOCABULARY = ("river", "port", "coal", "baker")


def markdown(id_: str, title: str, text: str, path: Path | None = None) -> Document:
    """A document as a file in Markdown becomes one."""
    found = convert_md(text.encode())
    return Document(id_, title, found.text, found.blocks, path, found.links)


class WordCountEncoder:
    """An encoder whose vectors a reader can work out: how often each of four words occurs, scaled to length 1.

    A token is a word or a run of punctuation. `texts` are those that were encoded as passages.
    """

    fingerprint = "word-count"
    dimension = len(VOCABULARY)
    language = "en"

    def __init__(self, max_tokens: int = 64) -> None:
        self.max_tokens = max_tokens
        self.tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
        self.tokenizer.pre_tokenizer = Whitespace()  # type: ignore[assignment]
        self.texts: list[str] = []

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        self.texts += texts
        return self.encode_questions(texts, spans)

    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        return [
            Encoded(_counted([text])[0], _counted([text[s:e] for s, e in own]))
            for text, own in zip(texts, spans, strict=True)
        ]

    def verify(self) -> None:
        pass


def _counted(texts: Sequence[str]) -> Vectors:
    counts = [[text.lower().count(word) for word in VOCABULARY] for text in texts]
    return unit(np.array(counts, dtype=np.float32).reshape(len(texts), len(VOCABULARY)))


@pytest.fixture(scope="session")
def torch_encoder() -> SentenceEncoder:
    return SentenceEncoder()


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as an index has one, with the default encoder and the reader as they are run; one for all tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "encoder"
    with FileLock(f"{folder}.lock"):
        load(DEFAULT, folder)
        load_reader(folder)
    return folder


@pytest.fixture
def empty_index(tmp_path: Path, exported: Path) -> Path:
    """An index with nothing in it but the encoder and the reader, which take longest."""
    shutil.copytree(exported, tmp_path / "index" / "encoder", copy_function=os.link)
    return tmp_path / "index"


@pytest.fixture(scope="session")
def encoder(exported: Path) -> Encoder:
    return load(DEFAULT, exported)


@pytest.fixture(scope="session")
def reader(exported: Path) -> CrossEncoder:
    return load_reader(exported)


@pytest.fixture
def counting() -> WordCountEncoder:
    return WordCountEncoder()


@pytest.fixture
def milvus_uri(tmp_path: Path) -> Iterator[str]:
    """A file for Milvus Lite, whose server is stopped afterwards."""
    pytest.importorskip("pymilvus", reason="pymilvus isn't installed")
    manager = pytest.importorskip("milvus_lite.server_manager", reason="milvus-lite isn't installed")
    uri = str(tmp_path / "store.db")
    yield uri
    manager.server_manager_instance.release_server(uri)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    folder = bundled_folder()
    assert folder is not None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="session")
def demo(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    return Assistant.open(CORPUS, tmp_path_factory.mktemp("index"), encoder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def ready(page: Page | FrameLocator) -> None:
    """Wait until the chat page listens: what is typed before its scripts are there is lost."""
    expect(page.get_by_text("Ask a question, or begin with one of these.")).to_be_visible(timeout=60_000)


async def _server(service: Service, settings: Settings) -> uvicorn.Server:
    return http_server(service, settings)  # inside a loop, as otherwise Gradio makes some that it never closes


def wait_until_ready(address: str, seconds: float = 90) -> None:
    """Wait for a server that was started in a process of its own."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{address}/api/health").json()["status"] == "ready":
                return
        time.sleep(0.2)
    raise TimeoutError(f"nothing is served at {address}")


@contextmanager
def serving(
    settings: Settings,
    open_assistant: Callable[[], Assistant],
    *,
    ready: bool = True,
    beside: Callable[[Service], object] = lambda _: None,
) -> Iterator[str]:
    """The real server on a free port of loopback, stopped afterwards; `ready` waits for the assistant."""
    service = Service(open_assistant)
    listener = listen("127.0.0.1", 0)
    with ThreadPoolExecutor(1) as apart:  # from the loop that the browser may have here
        server = apart.submit(asyncio.run, _server(service, settings)).result()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    service.start()
    beside(service)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        while ready and httpx.get(f"{address}/api/health").json()["status"] != "ready":
            time.sleep(0.05)
        yield address
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()

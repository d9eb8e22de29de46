"""MilvusStore: updates, whoever reads meanwhile, writers that die, and a database that goes away."""

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import WordCountEncoder, markdown
from typer.testing import CliRunner

from qa import Assistant, Document, Settings
from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder
from qa.cli.main import cli
from qa.errors import CorpusError, StoreError, StoreUnavailable
from qa.index.build import Indexer
from qa.index.local.store import LocalStore
from qa.index.milvus.update import update_milvus
from qa.index.store import MilvusOptions, Store
from qa.text.terms import Analyzer
from qa.web.api import handle_errors, routes
from qa.web.service import Service

pytest.importorskip("pymilvus", reason="pymilvus isn't installed")
server = pytest.importorskip("milvus_lite.adapter.grpc.server", reason="milvus-lite isn't installed")

from qa.index.milvus import database, writer  # noqa: E402
from qa.index.milvus import store as milvus  # noqa: E402
from qa.index.milvus.store import MilvusStore  # noqa: E402

ASH = Document("ash.md", "Ash", "The river has a port. The river is wide.", path=Path("texts/ash.md"))
ELM = markdown("elm.md", "Elm", "# Trade\n\nCoal is black. Coal is cheap.")
OAK = Document("oak.md", "Oak", "The baker is here.\n\n" * 40)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PARTS = st.lists(
    st.one_of(TEXT, st.sampled_from(["# A river\n\n", "port. ", "\r\n", "coal ", "- baker\n"])), max_size=6
)
CORPORA = st.dictionaries(st.sampled_from("abcd"), PARTS.map("".join), max_size=3)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SETTLE", 0.01)
    monkeypatch.setattr(milvus, "FRESH", 0.0)


@pytest.fixture
def put(milvus_uri: str, tmp_path: Path) -> Callable[..., MilvusStore]:
    def put(documents: Sequence[Document], language: str = "en", **options: Any) -> MilvusStore:
        encoder = options.pop("encoder", WordCountEncoder())
        place = MilvusOptions(options.pop("uri", milvus_uri), **options)
        return update_milvus(place, documents, tmp_path, Indexer(encoder, Analyzer(language)))[0]

    return put


Put = Callable[..., MilvusStore]


@pytest.fixture
def remote(tmp_path: Path) -> Iterator["Remote"]:
    found = Remote(tmp_path / "remote.db")
    yield found
    found.stop()


class Remote:
    """A server of Milvus's protocol on loopback that can be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, 0
        self.start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._running = server.start_server_in_thread(str(self._folder), port=self.port)
        self.port = self._running[2]

    def stop(self) -> None:
        self._running[0].stop(grace=None).wait()
        self._running[1].close()


def rows(store: MilvusStore, kind: str) -> dict[int, int]:
    """The generation of every row, seen or not."""
    return {row["key"]: row["generation"] for row in store.database.rows(kind, "generation >= 0", ["generation"])}


def passages(store: Store, k: int = 100) -> list[Any]:
    """Everything that a search finds, without the numbers; of a local store, which keeps fewer bits, about so."""
    coarse = isinstance(store, LocalStore)

    def about(vectors: np.ndarray) -> Any:
        return pytest.approx(vectors, abs=8e-3) if coarse and vectors.size else vectors.tolist()

    vector = np.array([0.6, 0.8, 0, 0], dtype=np.float32)
    found = store.search(vector, ["river", "coal"], k)
    there = store.passages(found.numbers.tolist())
    scores = [about(row) for row in np.column_stack(found[1:])]
    return sorted(zip(there.values(), scores, strict=True), key=lambda each: (each[0].document_id, each[0].start))


def test_only_the_rows_of_documents_that_changed_are_written(put: Put) -> None:
    put([ASH, ELM, OAK])
    encoder = WordCountEncoder()
    store = put([ASH, Document("elm.md", "Elm", "Coal is red.")], encoder=encoder)
    assert encoder.texts == ["Elm. Coal is red."]
    for kind in ("passages", "sentences", "texts"):
        generations = rows(store, kind)
        assert sum(generation > 1 for generation in generations.values()) == 1
    assert len(store) == 2
    assert store.document("oak.md") is None
    assert store.known(["baker", "black", "red"]) == {"red"}


def test_nothing_is_written_and_nothing_embedded_where_nothing_changed(put: Put) -> None:
    before = put([ASH, ELM])
    encoder = WordCountEncoder()
    again = put([ELM, ASH], encoder=encoder)
    assert encoder.texts == []
    assert before.snapshot == again.snapshot


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=CORPORA)
def test_an_updated_store_is_the_one_that_would_be_built_anew(put: Put, texts: dict[str, str]) -> None:
    documents = [Document(name, f"Title {name}", text) for name, text in {"z": "One port.", **texts}.items()]
    there = put(documents)
    local = Indexer(WordCountEncoder(), Analyzer("en")).build(documents)
    assert passages(there) == passages(local)
    terms = ["river", "coal", "port", "titl", "baker", "a"]
    assert there.idf(terms) == local.idf(terms)
    assert there.known(terms) == local.known(terms)
    assert there.frequencies(terms) == local.frequencies(terms)
    assert sorted(there.headings()) == sorted(local.headings())
    assert [there.document(d.id) for d in documents] == documents
    local.close()


def test_a_document_longer_than_a_field_comes_back_whole(put: Put) -> None:
    long = markdown("long.md", "Long", "# The ключ 漢字 😀 port\n\n" + "Река 漢字 😀 port. " * 3000 + "x" * 70_000)
    store = put([long])
    assert store.document("long.md") == long
    for passage in store.passages(range(0, len(store), 7)).values():
        assert passage.text == long.text[passage.start : passage.end]


def test_readers_see_whole_documents_while_an_update_goes_on(
    put: Put, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus, "FRESH", 0.05)

    def version(number: int) -> list[Document]:
        return [ASH, Document("oak.md", "Oak", f"The baker number{number} is here and has a port.\n\n" * 30)]

    store, stopped, problems, seen = put(version(0), uri=remote.uri), threading.Event(), [], set()

    def read() -> None:
        vector = np.array([0, 0, 0, 1], dtype=np.float32)
        try:
            while not stopped.is_set():
                found = store.search(vector, ["baker"], 200)
                there = store.passages(found.numbers.tolist()).values()
                texts = [passage for passage in there if passage.document_id == "oak.md"]
                versions = {text.text.split()[2] for text in texts}
                seen.update(versions)
                if len(versions) != 1 or sum(len(text.text.split("baker")) - 1 for text in texts) != 30:
                    problems.append((versions, len(texts)))
        except Exception as error:
            problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 11):
        put(version(number), uri=remote.uri)
    stopped.set()
    reader.join(20)
    assert problems == []
    assert len(seen) > 3


def test_what_a_writer_that_died_has_left_is_never_seen(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies at its first write, then at its second, until it comes through."""
    terms = ["coal", "river", "red", "baker"]
    changed = [ASH, Document("elm.md", "Elm", "Coal is red. The coal is wide."), OAK]

    def all_of(store: Store) -> tuple[Any, ...]:
        return passages(store), store.idf(terms), len(store)

    before, after = (
        all_of(Indexer(WordCountEncoder(), Analyzer("en")).build(documents)) for documents in ([ASH, ELM], changed)
    )
    store = put([ASH, ELM])
    write, at, deaths = database.Database.write, 0, 0

    def dies(self: database.Database, kind: str, rows: Sequence[dict[str, Any]]) -> None:
        nonlocal at
        at -= 1
        if at == 0:
            write(self, kind, rows[: len(rows) // 2])
            raise KeyboardInterrupt
        write(self, kind, rows)

    monkeypatch.setattr(database.Database, "write", dies)
    while True:
        at = deaths + 1
        try:
            store = put(changed)
            break
        except KeyboardInterrupt:
            deaths += 1
            assert all_of(store) in (before, after)
    assert deaths > 5
    assert all_of(store) == after
    assert set(rows(store, "passages").values()) == {1, 2}


def test_two_that_write_at_once_take_turns(put: Put, remote: Remote) -> None:
    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(lambda documents: put(documents, uri=remote.uri), [[ASH, ELM], [ELM, ASH]]))
    assert [len(store) for store in stores] == [2, 2]
    assert rows(stores[0], "passages") == {0: 1, 1: 1}


def test_rows_of_dropped_documents_are_deleted_once_no_reader_can_be_at_them(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put([ASH, ELM])
    store = put([ASH, Document("elm.md", "Elm", "Coal is red.")])
    assert len(rows(store, "passages")) == 3
    monkeypatch.setattr(writer, "KEPT", 0.0)
    store = put([ASH, Document("elm.md", "Elm", "Coal is white.")])
    assert len(rows(store, "passages")) == 3  # the second is still named by the state
    store = put([ASH, Document("elm.md", "Elm", "Coal is grey.")])
    assert len(rows(store, "passages")) == 3
    assert len(store) == 2


def test_one_writer_waits_for_another_and_takes_over_from_a_dead_one(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    store = put([ASH])
    first = writer.Writer(store, Analyzer("en"))
    first.sign(1.0)
    waited: list[str] = []
    begin = time.monotonic()
    with writer.writing(store, Analyzer("en"), waited.append) as second:
        assert time.monotonic() - begin > 0.5
        assert len(set(waited)) == 1
        assert re.fullmatch(rf"{store.database.uri} is being written by .*, process {os.getpid()}: waiting", waited[0])
        first.sign(60)
        with pytest.raises(StoreError, match=r"another process began to write to .*: run `qa index` again"):
            second.replace(["ash.md"], [])
    assert len(store) == 1


def test_other_settings_are_a_clear_line_and_qa_index_builds_anew(put: Put) -> None:
    english = put([ASH])
    with pytest.raises(StoreError, match=r"built with other settings \(language en, here de\): .* run `qa index`"):
        put([ASH], language="de")
    german = put([ASH, ELM], language="de", rebuild=True)
    assert len(german) == 2
    with pytest.raises(StoreError, match="run `qa index`"):
        english.search(np.zeros(4, dtype=np.float32), ["river"], 1)
    with pytest.raises(StoreError, match="built with other settings"):
        put([ASH])


def test_documents_without_text_are_the_same_line_as_locally(put: Put) -> None:
    with pytest.raises(CorpusError, match="the documents hold no text"):
        put([Document("a.md", "A", " ")])
    with pytest.raises(CorpusError, match=r"two documents have the id 'ash\.md'"):
        put([ASH, ASH])


def test_a_port_that_nobody_listens_on_is_one_line_without_the_token(put: Put) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable, match=f"the store http://127.0.0.1:{port} doesn't answer") as caught:
        put([ASH], uri=f"http://127.0.0.1:{port}", token="root:s3cret")
    assert time.monotonic() - begin < database.ANSWER + 1
    assert "s3cret" not in str(caught.value) + repr(caught.value.__cause__)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in repr(MilvusOptions("x", "s3cret"))


def test_a_server_that_never_answers_is_given_up_in_time(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable, match="doesn't answer"):
            put([ASH], uri=f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert time.monotonic() - begin < database.ANSWER + 1


def test_a_lost_connection_recovers_by_itself(put: Put, remote: Remote) -> None:
    store = put([ASH, ELM], uri=remote.uri)
    before = passages(store)
    remote.stop()
    with pytest.raises(StoreUnavailable, match="doesn't answer"):
        passages(store)
    remote.start()
    assert passages(store) == before
    remote.stop()
    threading.Timer(0.5, remote.start).start()
    assert passages(store) == before  # a short loss isn't noticed


def test_the_api_says_503_while_the_store_is_away(put: Put, remote: Remote, reader: CrossEncoder) -> None:
    encoder = WordCountEncoder()
    store = put([ASH, ELM], uri=remote.uri)
    assistant = Assistant(store, encoder, Analyzer("en"), reader, Calibration.load())
    question = {"question": "Is coal black?"}
    service, app = Service(lambda: assistant), FastAPI()
    handle_errors(app)
    app.include_router(routes(service, Settings()))
    service.start()
    service.assistant()
    with TestClient(app) as client:
        assert client.post("/api/ask", json=question).status_code == 200
        remote.stop()
        answer = client.post("/api/ask", json=question)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json() == {"error": "the documents can't be reached: ask again in a moment"}
        assert client.get("/source/ash.md").status_code == 503
        remote.start()
        assert client.post("/api/ask", json=question).status_code == 200


def test_answers_are_those_of_the_local_store(put: Put, reader: CrossEncoder) -> None:
    encoder, documents = WordCountEncoder(), [ASH, ELM, OAK]
    both = [put(documents), Indexer(encoder, Analyzer("en")).build(documents)]
    for question in ("Is coal cheap?", "Is the rivr wide?", "Hello", "Where is the baker?"):
        in_milvus, local = (
            Assistant(s, encoder, Analyzer("en"), reader, Calibration.load()).ask(question) for s in both
        )
        assert in_milvus.citations == local.citations
        assert in_milvus.confidence == pytest.approx(local.confidence, abs=1e-4)
        assert in_milvus.standalone == local.standalone


def test_the_command_line_asks_the_shared_store_and_never_shows_the_token(
    milvus_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.assistant.load", lambda *_: WordCountEncoder())
    monkeypatch.setenv("QA_THRESHOLD", "0")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "ash.md").write_text("# Ash\n\nThe river Ash has a port at Elm.")
    settings = {"CORPUS": tmp_path / "corpus", "INDEX": tmp_path / "index", "STORE": f"milvus:{milvus_uri}"}
    for name, value in {**settings, "STORE_TOKEN": "s3cret"}.items():
        monkeypatch.setenv(f"QA_{name}", str(value))
    run = CliRunner().invoke
    assert "1 passages are indexed" in run(cli, ["index"], catch_exceptions=False).output
    answer = run(cli, ["ask", "Which river has a port?"], catch_exceptions=False)
    assert "The river Ash has a port at Elm." in answer.output
    status = run(cli, ["status"], catch_exceptions=False).output
    assert "store_token   set, not shown" in status
    assert re.search(r"^snapshot      [0-9a-f]{12}-1, of 1 passages by word-count", status, re.MULTILINE)
    assert "s3cret" not in answer.output + status
    monkeypatch.setenv("QA_LANGUAGE", "de")
    assert "1 passages are indexed" in run(cli, ["index"], catch_exceptions=False).output


def test_two_processes_cannot_open_one_file(put: Put, milvus_uri: str) -> None:
    import subprocess
    import sys

    put([ASH])
    code = "from qa.index.store import MilvusOptions; "
    code += "from qa.index.milvus.database import Database; Database(MilvusOptions({!r}), {{}}).names()"
    done = subprocess.run([sys.executable, "-c", code.format(milvus_uri)], capture_output=True, text=True, check=False)
    assert "StoreError" in done.stderr.splitlines()[-1]
    assert "one process at a time" in done.stderr.splitlines()[-1]

"""What happens on the owner's side while the server answers: documents that go, files that are locked or full."""

import sqlite3
import time
from pathlib import Path

import httpx
import pytest
from serving import serving

from qa import Assistant, Document, Settings
from qa.encoder.base import Encoder
from qa.errors import NoDocuments
from qa.web import record as records
from qa.web.pages import source
from qa.web.pages.source import source_html
from qa.web.service import Service
from qa.web.watch import watch

QUESTION = {"question": "Which river is the port of Elm on?"}
VERDICT = {"question": "Which river?", "answer": "The Ash.", "verdict": "up"}


@pytest.fixture(scope="module")
def assistant(encoder: Encoder) -> Assistant:
    return Assistant.from_documents([Document("ports.md", "Ports", "The port of Elm is on the Ash river.")], encoder)


def until(condition, seconds: float = 20):  # type: ignore[no-untyped-def]
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds
        time.sleep(0.05)


def test_an_emptied_corpus_is_no_longer_answered_from(
    tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr("qa.web.watch.GRACE_S", 1)
    corpus, index, said = tmp_path / "corpus", tmp_path / "index", list[str]()
    corpus.mkdir()
    (corpus / "port.md").write_text("The port of Elm is on the Ash river.", "utf-8")

    def reopen(_: object = None) -> Assistant:
        return Assistant.open(corpus, index, encoder)

    def beside(service: Service) -> None:
        arguments = (service, [corpus], index, reopen, said.append)
        threading.Thread(target=watch, args=arguments, daemon=True).start()

    with serving(Settings(rate=10_000), reopen, beside=beside) as address:
        assert httpx.post(f"{address}/api/ask", json=QUESTION).status_code == 200
        time.sleep(1)
        (corpus / "port.md").unlink()
        until(lambda: httpx.get(f"{address}/api/health").json()["status"] == "no documents")
        answer = httpx.post(f"{address}/api/ask", json=QUESTION)
        assert (answer.status_code, answer.json()["error"]) == (
            503,
            "there are no documents any more: ask again when there are",
        )
        assert "there are no documents any more: questions are refused until there are" in said
        (corpus / "port.md").write_text("The port of Elm is on the Ash river.", "utf-8")
        until(lambda: httpx.post(f"{address}/api/ask", json=QUESTION).status_code == 200)


def test_watching_ends_without_a_word_where_the_documents_could_not_be_opened(tmp_path: Path) -> None:
    def failing() -> Assistant:
        raise NoDocuments("nothing to index")

    service, said = Service(failing), list[str]()
    service.start()
    watch(service, [tmp_path], tmp_path / "index", lambda before: before, said.append)
    assert said == []
    assert isinstance(service.failure, NoDocuments)


def test_a_closed_service_says_why_until_it_is_opened_again(assistant: Assistant) -> None:
    service = Service(lambda: assistant)
    service.start()
    assert service.assistant() is assistant
    service.close(NoDocuments("none are there"))
    with pytest.raises(NoDocuments, match="none are there"):
        service.assistant()
    service.replace(assistant)
    assert service.assistant() is assistant


def test_feedback_that_is_locked_or_full_holds_nobody_up(
    tmp_path: Path, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "feedback.sqlite"
    with serving(Settings(feedback=str(path)), lambda: assistant) as address:
        assert httpx.post(f"{address}/api/feedback", json=VERDICT).status_code == 204
        with sqlite3.connect(path) as database:
            database.execute("BEGIN EXCLUSIVE")
            begun = time.monotonic()
            answer = httpx.post(f"{address}/api/feedback", json=VERDICT)
            assert (answer.status_code, answer.json()) == (503, {"error": "feedback can't be kept at the moment"})
            assert time.monotonic() - begun < 3
            database.rollback()
        monkeypatch.setattr(records, "MAX_MB", 0)
        assert httpx.post(f"{address}/api/feedback", json=VERDICT).status_code == 503


def test_a_long_document_is_shown_in_parts_around_the_quote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LONG", 1000)
    monkeypatch.setattr(source, "PART", 1000)
    text = "\n\n".join(f"Paragraph {n} is about the port." for n in range(200))
    document = Document("long.md", "Long", text)
    start = text.index("Paragraph 100 ")
    page = source_html(document, start, start + 13, "")
    assert '<mark id="quote">Paragraph 100</mark>' in page
    assert len(page) < 4000
    assert "Earlier part" in page
    assert "Later part" in page
    assert "Earlier part" not in source_html(document, 0, 5, "")
    assert "Later part" not in source_html(document, len(text) - 5, len(text), "")
    shown = "".join(source_html(document, at, at, "") for at in range(0, len(text), 1000))
    assert all(f"Paragraph {n} " in shown for n in range(200))

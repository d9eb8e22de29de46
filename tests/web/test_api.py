"""The server's routes over HTTP: answers, refusals, limits and the source pages."""

import csv
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from serving import serving
from support import markdown
from typer.testing import CliRunner

from qa import Assistant, Document, Settings
from qa.cli.main import cli
from qa.encoder.base import Encoder
from qa.errors import StoreError
from qa.types import Answer
from qa.web.guard.limits import MAX_BODY, MAX_IN_FLIGHT_CLIENT

HOSTILE = "The keeper is <script>window.bad = 1</script> <img src=x onerror='bad'> ![x](http://e.com/x.png) Quill."
PORTS = """# Ports

The port of Elm is on the Ash.

## Goods

It ships:

- coal
- steel & iron

| Year | Tons |
|---|---|
| 1912 | 40 |
"""
OTHER = "http://other.test"
QUESTION = {"question": "Which river is the port of Elm on?"}


@pytest.fixture(scope="module")
def assistant(encoder: Encoder) -> Assistant:
    documents = [markdown("a b/ports.md", "Ports", PORTS), Document("ключ.md", "Hostile <b>", HOSTILE)]
    return Assistant.from_documents(documents, encoder)


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback") / "feedback.sqlite"


@pytest.fixture(scope="module")
def client(assistant: Assistant, feedback: Path) -> Iterator[httpx.Client]:
    settings = Settings(origins=f"{OTHER} null", feedback=str(feedback), rate=100_000)
    with serving(settings, lambda: assistant) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def test_a_question_gets_an_answer_whose_citations_link_to_their_marked_source(client: httpx.Client) -> None:
    answer = client.post("/api/ask", json=QUESTION).json()
    assert answer["citations"][0]["quote"] == "The port of Elm is on the Ash."
    assert (answer["abstained"], answer["standalone"]) == (False, QUESTION["question"])
    assert list(answer) == "question standalone answer abstained confidence unsure citations hits took_ms".split()
    page = client.get(answer["citations"][0]["url"])
    assert '<mark id="quote">The port of Elm is on the Ash.</mark>' in page.text


def test_history_makes_a_follow_up_stand_alone(client: httpx.Client) -> None:
    body = {"question": "Why?", "history": [["What is the port of Elm?", "It is on the Ash."]]}
    assert "Elm" in client.post("/api/ask", json=body).json()["standalone"]


def test_the_document_in_context_is_asked_first(encoder: Encoder) -> None:
    documents = [
        markdown("elm.md", "Elm", "The mayor of the town is called Ada Quill."),
        markdown("guide/ash.md", "Ash", "The mayor of the town is called Bo Finch."),
    ]
    with serving(Settings(), lambda: Assistant.from_documents(documents, encoder)) as address:
        answers = [
            httpx.post(f"{address}/api/ask", json={"question": "Who is the mayor of the town?", "context": path}).json()
            for path in ("elm.md", "/guide/")
        ]
        long = httpx.post(f"{address}/api/ask", json={"question": "Who?", "context": "x" * 501})
    assert [answer["citations"][0]["document"] for answer in answers] == ["elm.md", "guide/ash.md"]
    assert (long.status_code, long.json()["error"].partition(":")[0]) == (422, "context")


def test_health_and_the_description_of_the_api(client: httpx.Client) -> None:
    assert client.get("/api/health").json() == {"status": "ready", "generation": "", "feedback": True, "recorded": 0}
    assert set(client.get("/openapi.json").json()["paths"]) == {
        "/api/ask",
        "/api/feedback",
        "/api/health",
        "/source/{document}",
    }
    docs = client.get("/docs").text
    assert "http://" not in docs.replace(str(client.base_url), "")
    assert "https://" not in docs


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 422, "the body: field required"),
        (b"{", 422, "1: json decode error"),
        (b"\xff\xfe", 4, ""),
        (b"[]", 422, "the body: input should be a valid dictionary"),
        (b'{"question": 1}', 422, "question: input should be a valid string"),
        (b'{"question": "\\ud800"}', 422, "question: "),
        (b'{"question": "a", "mood": "b"}', 422, "mood: extra inputs are not permitted"),
        (b'{"question": "' + b"a" * 2001 + b'"}', 422, "question: string should have at most 2000 characters"),
        (b'{"question": "a", "history": [["b"]]}', 422, "history.0.1: field required"),
        (b'{"question": "a", "history": ' + str([["b", "c"]] * 21).replace("'", '"').encode() + b"}", 422, "history"),
        (b'{"question": "' + b"a" * MAX_BODY + b'"}', 413, "the request is larger than"),
    ],
)
def test_a_wrong_request_is_named_in_one_line(client: httpx.Client, body: bytes, status: int, error: str) -> None:
    answer = client.post("/api/ask", content=body, headers={"Content-Type": "application/json"})
    assert str(answer.status_code).startswith(str(status))
    assert answer.json()["error"].startswith(error)
    assert list(answer.json()) == ["error"]


def test_a_body_that_never_says_how_long_it_is_is_cut_off(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(2 * MAX_BODY // 1000):
            yield b"a" * 1000

    with suppress(httpx.TransportError):  # it was hung up on
        assert client.post("/api/ask", content=endless()).status_code >= 400
    assert client.get("/api/health").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/ask", "/api/health", "/config", "/gradio_api/queue/join", "/widget.js"])
def test_another_origin_is_refused_everywhere_and_a_listed_one_is_let_in(client: httpx.Client, path: str) -> None:
    method = "POST" if "ask" in path or "join" in path else "GET"
    refused = client.request(method, path, headers={"Origin": "http://evil.test"}, json=QUESTION)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    for origin in (OTHER, "null"):
        allowed = client.request(method, path, headers={"Origin": origin}, json=QUESTION)
        assert allowed.status_code != 403
        assert allowed.headers["access-control-allow-origin"] == origin


def test_preflights_follow_the_same_list(client: httpx.Client) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,authorization"}
    allowed = client.options("/api/ask", headers={"Origin": OTHER, **asked})
    assert allowed.status_code == 200
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    assert client.options("/api/ask", headers={"Origin": "http://evil.test", **asked}).status_code == 403


def test_a_name_that_was_made_to_point_here_is_refused(client: httpx.Client) -> None:
    name = {"Host": "evil.test", "Origin": "http://evil.test"}
    assert client.post("/api/ask", json=QUESTION, headers=name).status_code == 403
    own = str(client.base_url).rstrip("/")
    assert client.post("/api/ask", json=QUESTION, headers={"Origin": own}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/health", "/nowhere", "/source/x", "/source/a%20b/ports.md", "/", "/widget.js", "/docs", "/embed"]
)
def test_every_answer_has_the_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].endswith(f"frame-ancestors 'self' {OTHER}")
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/source/",
        "/source/nowhere.md",
        "/source/..%2f..%2fpyproject.toml",
        "/source/%2fetc%2fpasswd",
        "/source/../../../etc/passwd",
        "/source/a%20b/ports.md%00",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/upload",
        "/static-offline-docs/..%2f..%2fMETADATA",
    ],
)
def test_nothing_but_indexed_documents_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code in (404, 405)


def test_a_source_page_shows_structure_and_marks_across_it(client: httpx.Client) -> None:
    document = markdown("a b/ports.md", "Ports", PORTS).text
    text = client.get(f"/source/a%20b/ports.md?start={document.index('It ships')}&end={document.index('Year')}").text
    assert "<h1>Ports</h1>" in text
    assert text.count("<h1>") == 1
    assert "<h2>Goods</h2>" in text
    assert '<mark id="quote">It ships:</mark>' in text
    assert "<li><p><mark>steel &amp; iron</mark></p></li>" in text
    assert text.count('id="quote"') == 1
    assert '<thead><tr><th scope="col">Year</th><th scope="col">Tons</th></tr></thead>' in text
    assert "<tr><td>1912</td><td>40</td></tr>" in text


@pytest.mark.parametrize("span", ["start=-5&end=3", "start=9999999&end=99999999999999999999", "start=30&end=2", ""])
def test_places_that_are_not_there_mark_nothing_wrong(client: httpx.Client, span: str) -> None:
    assert client.get(f"/source/a%20b/ports.md?{span}").status_code == 200


def test_a_hostile_document_is_shown_as_text(client: httpx.Client) -> None:
    page = client.get("/source/ключ.md").text
    assert "&lt;script&gt;window.bad = 1&lt;/script&gt;" in page
    assert "Hostile &lt;b&gt;" in page
    assert "<script" not in page
    assert "<img" not in page


def test_feedback_is_kept_and_exported_as_csv(
    client: httpx.Client, feedback: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = {"question": "Which, “river”?", "answer": "The\nAsh", "verdict": "up"}
    assert client.post("/api/feedback", json=verdict).status_code == 204
    assert client.post("/api/feedback", json={**verdict, "verdict": "meh"}).status_code == 422
    monkeypatch.setenv("QA_FEEDBACK", str(feedback))
    printed = CliRunner().invoke(cli, ["feedback"], catch_exceptions=False).stdout
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [(r["question"], r["answer"], r["verdict"]) for r in rows] == [("Which, “river”?", "The\nAsh", "up")]
    assert rows[0]["time"].endswith("+00:00")


def test_the_tool_ask_is_offered_by_mcp(client: httpx.Client) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    answer = client.post("/gradio_api/mcp/", json=request, headers=accept)
    assert answer.status_code == 200
    assert '"name":"ask"' in answer.text.replace(": ", ":")


def test_while_loading_the_page_is_there_and_questions_are_told_to_come_again(assistant: Assistant) -> None:
    release = threading.Event()

    def slowly() -> Assistant:
        release.wait(30)
        return assistant

    with serving(Settings(), slowly, ready=False) as address:
        try:
            assert httpx.get(address).status_code == 200
            assert httpx.get(f"{address}/api/health").json()["status"] == "loading"
            answer = httpx.post(f"{address}/api/ask", json=QUESTION)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert httpx.get(f"{address}/source/x").status_code == 503
        finally:
            release.set()


def test_a_token_is_needed_where_one_is_set(assistant: Assistant) -> None:
    with serving(Settings(token="open sesame"), lambda: assistant) as address:
        paths = ["/api/ask", "/api/feedback", "/gradio_api/call/ask", "/gradio_api/mcp/"]
        for path in paths:
            for authorization in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic open sesame"}):
                answer = httpx.post(address + path, json=QUESTION, headers=authorization)
                assert answer.status_code == 401
                assert answer.json() == {"error": "give the token, as Authorization: Bearer …"}
        right = {"Authorization": "Bearer open sesame"}
        assert httpx.post(f"{address}/api/ask", json=QUESTION, headers=right).status_code == 200
        assert httpx.post(f"{address}/api/feedback", json={}, headers=right).status_code == 422
        assert httpx.get(f"{address}/api/health").status_code == 200


def test_feedback_is_off_unless_it_is_asked_for(assistant: Assistant) -> None:
    with serving(Settings(), lambda: assistant) as address:
        verdict = {"question": "a", "answer": "b", "verdict": "up"}
        assert httpx.post(f"{address}/api/feedback", json=verdict).status_code == 404


def test_too_many_requests_a_minute_are_refused_and_the_rest_still_works(assistant: Assistant) -> None:
    with serving(Settings(rate=3), lambda: assistant) as address:
        answers = [httpx.post(f"{address}/api/ask", json=QUESTION) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert answers[-1].headers["retry-after"] == "60"
        assert httpx.get(f"{address}/api/health").status_code == 200
        assert httpx.get(address).status_code == 200


def test_too_many_questions_at_once_are_refused_and_the_server_stays_responsive(assistant: Assistant) -> None:
    release = threading.Event()

    class Slow(Assistant):
        def ask(self, question: str, history: object = (), context: str = "") -> Answer:
            release.wait(30)
            return assistant.ask(question)

    slow = Slow.__new__(Slow)
    slow.__dict__ = dict(assistant.__dict__)
    with serving(Settings(), lambda: slow) as address, ThreadPoolExecutor(MAX_IN_FLIGHT_CLIENT + 1) as pool:
        asked = [pool.submit(httpx.post, f"{address}/api/ask", json=QUESTION, timeout=30) for _ in range(9)]
        while not any(future.done() for future in asked):
            assert httpx.get(f"{address}/api/health").status_code == 200
        release.set()
        assert sorted(future.result().status_code for future in asked) == [200] * MAX_IN_FLIGHT_CLIENT + [429]


def test_an_error_of_ours_tells_nothing_of_the_machine(assistant: Assistant) -> None:
    broken = Assistant.__new__(Assistant)
    broken.__dict__ = {**assistant.__dict__, "store": None}
    with serving(Settings(), lambda: broken) as address:
        answer = httpx.post(f"{address}/api/ask", json=QUESTION)
        assert (answer.status_code, answer.json()) == (
            500,
            {"error": "something went wrong here; the server's log says what"},
        )


def test_an_index_that_is_damaged_is_one_line_of_the_log(
    assistant: Assistant, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: object) -> None:
        raise StoreError("the index is damaged: mend it")

    monkeypatch.setattr(assistant, "ask", ask)
    with serving(Settings(), lambda: assistant) as address:
        answer = httpx.post(f"{address}/api/ask", json=QUESTION)
        said = (500, {"error": "the documents can't be read; the server's log says why"})
        assert (answer.status_code, answer.json()) == said
        event = httpx.post(f"{address}/gradio_api/call/ask", json={"data": ["Which river?"]}).json()["event_id"]
        assert "event: error" in httpx.get(f"{address}/gradio_api/call/ask/{event}", timeout=30).text
    assert [(r.getMessage(), r.exc_info) for r in caplog.records] == [("the index is damaged: mend it", None)] * 2


def test_questions_are_logged_only_if_asked_for(assistant: Assistant, caplog: pytest.LogCaptureFixture) -> None:
    for log_questions in (False, True):
        with serving(replace(Settings(), log_questions=log_questions), lambda: assistant) as address:
            httpx.post(f"{address}/api/ask", json=QUESTION)
        assert ("river" in caplog.text) == log_questions

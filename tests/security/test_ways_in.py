"""The ways to answers and texts: closed without the token, to other hosts and origins, and to requests out of shape."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect
from serving import serving
from web.browser import CHROMIUM

from qa import Assistant, Document, Settings
from qa.encoder.base import Encoder
from qa.web.guard import joins, limits
from qa.web.guard.joins import MOST_UNHEARD
from qa.web.guard.limits import MAX_DEPTH, WRONG_TOKENS

TOKEN = "open sesame"
QUESTION = {"question": "Which river is the port of Elm on?"}
JOIN = "/gradio_api/queue/join"
EVIL = "evil.example"


@pytest.fixture(scope="module")
def assistant(encoder: Encoder) -> Assistant:
    return Assistant.from_documents([Document("ports.md", "Ports", "The port of Elm is on the Ash river.")], encoder)


@pytest.fixture(scope="module")
def closed(assistant: Assistant) -> Iterator[str]:
    with serving(Settings(token=TOKEN, rate=10_000), lambda: assistant) as address:
        yield address


@pytest.fixture(scope="module")
def named(assistant: Assistant) -> Iterator[str]:
    """A server for the outside, whose names are known."""
    settings = Settings(host="0.0.0.0", origins="https://site.example", url="https://ask.example", rate=10_000)
    with serving(settings, lambda: assistant) as address:
        yield address


def join(session: str | None = "s", function: object = 1, data: object = ("Which river?", None)) -> dict[str, object]:
    return {"session_hash": session, "fn_index": function, "data": data}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/config"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/source/ports.md"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/queue/data?session_hash=s"),
        ("GET", "/gradio_api/call/ask/x"),
        ("POST", JOIN),
        ("POST", "/gradio_api/call/ask"),
        ("POST", "/gradio_api/mcp/"),
        ("POST", "/api/ask"),
        ("POST", "/api/feedback"),
    ],
)
def test_nothing_is_told_without_the_token(closed: str, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic open sesame"}, {"Cookie": f"{limits.COOKIE}={TOKEN}"}):
        answer = httpx.request(method, closed + path, json=join() if method == "POST" else None, headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"error": "give the token, as Authorization: Bearer …"}


def test_with_the_token_everything_is_there_and_what_tells_nothing_is_free(closed: str) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.post(f"{closed}/api/ask", json=QUESTION, headers=right).json()["abstained"] is False
    assert httpx.get(f"{closed}/source/ports.md", headers=right).status_code == 200
    assert httpx.get(closed, headers=right).status_code == 200
    for path in ("/api/health", "/widget.js"):
        assert httpx.get(closed + path).status_code == 200


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_page_asks_for_the_token_once(closed: str, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(closed)
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button").click()
        expect(page.get_by_text("This is not the token")).to_be_visible()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button").click()
        page.get_by_placeholder("Ask a question").fill("Which river is the port of Elm on?")
        page.keyboard.press("Enter")
        expect(page.locator(".qa-answer")).to_contain_text("Ash", timeout=30_000)
        (cookie,) = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert TOKEN not in cookie["value"]
        assert context.new_page().goto(f"{closed}/source/ports.md").status == 200  # type: ignore[union-attr]


def test_with_the_token_the_tool_of_mcp_answers(closed: str) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": QUESTION}}
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{closed}/gradio_api/mcp/", json=call, headers=headers, timeout=60)
    assert answer.status_code == 200
    assert "Ash" in answer.text


def test_tokens_can_not_be_tried_out(assistant: Assistant) -> None:
    with serving(Settings(token=TOKEN), lambda: assistant) as address:
        if (left := 60 - time.time() % 60) < 10:  # tries are counted by the minute
            time.sleep(left)
        stale = {"Cookie": f"{limits.COOKIE}=of-another-token"}  # as a browser sends it with every request
        for _ in range(2 * WRONG_TOKENS):
            assert httpx.get(f"{address}/config", headers=stale).status_code == 401
        assert httpx.post(f"{address}/token", data={"token": TOKEN}).status_code == 303
        for _ in range(WRONG_TOKENS):
            wrong = {"Authorization": "Bearer guessed"}
            assert httpx.post(f"{address}/api/ask", json=QUESTION, headers=wrong).status_code == 401
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{address}/api/ask", json=QUESTION, headers=right).status_code == 401
        assert httpx.post(f"{address}/token", data={"token": TOKEN}).status_code == 401


@pytest.mark.parametrize("path", ["/", "/config", "/api/health", "/gradio_api/info", "/source/ports.md"])
def test_a_name_that_was_made_to_point_here_is_refused_on_every_address(named: str, path: str) -> None:
    assert httpx.get(named + path, headers={"Host": EVIL}).status_code == 403
    for host in ("site.example", "ask.example", "ask.example:8080", "127.0.0.1"):
        assert httpx.get(named + path, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://", "nonsense", "https://evil.example", "null", "https://a@b"])
def test_an_origin_out_of_shape_is_an_origin_of_somebody_else(named: str, origin: str) -> None:
    assert httpx.post(f"{named}/api/ask", json=QUESTION, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("origin", ["https://site.example", "HTTPS://SITE.example:443"])
def test_a_listed_origin_is_let_in_however_it_is_written(named: str, origin: str) -> None:
    assert httpx.post(f"{named}/api/ask", json=QUESTION, headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info"])
@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server", "Forwarded"])
def test_what_a_client_says_it_forwards_is_not_believed(named: str, path: str, header: str) -> None:
    assert EVIL not in httpx.get(named + path, headers={header: EVIL}).text


def test_a_named_proxy_says_whose_request_it_is(assistant: Assistant) -> None:
    for proxy, status in (("127.0.0.1", 200), ("", 429)):
        with serving(Settings(proxy=proxy, rate=1), lambda: assistant) as address:
            first, second = (
                httpx.post(f"{address}/api/ask", json=QUESTION, headers={"X-Forwarded-For": client})
                for client in ("192.0.2.1", "192.0.2.2")
            )
            assert (first.status_code, second.status_code) == (200, status)


@pytest.mark.parametrize("function", [99, -1, True, "1", None, 1.5])
def test_a_function_that_is_not_there_is_refused(named: str, function: object) -> None:
    answer = httpx.post(named + JOIN, json=join(function=function))
    assert (answer.status_code, answer.json()) == (400, {"error": "fn_index: there is no such function"})


@pytest.mark.parametrize("session", ["", "x" * 200, 5, ["a"]])
def test_a_session_out_of_shape_is_refused(named: str, session: str) -> None:
    assert httpx.post(named + JOIN, json=join(session)).status_code == 400


@pytest.mark.parametrize("path", ["/gradio_api/mcp/", "/api/ask", JOIN, "/gradio_api/call/ask", "/api/feedback"])
def test_lists_in_lists_in_lists_are_refused(named: str, path: str) -> None:
    for body in ("[" * 100_000, '{"a":' * 50_000, "[" * (MAX_DEPTH + 1)):
        answer = httpx.post(named + path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
    quoted = json.dumps({"question": "[" * 500})
    headers = {"Content-Type": "application/json"}
    assert httpx.post(f"{named}/api/ask", content=quoted, headers=headers).status_code == 200


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[joins.Joins]:
    """What servers that are started hold of their queues."""
    found: list[joins.Joins] = []
    made = joins.Joins.__init__

    def remembered(self: joins.Joins, page: object) -> None:
        made(self, page)
        found.append(self)

    monkeypatch.setattr(joins.Joins, "__init__", remembered)
    return found


def test_what_nobody_listens_for_is_dropped(
    assistant: Assistant, kept: list[joins.Joins], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Settings(rate=10_000), lambda: assistant) as address, httpx.Client(base_url=address) as client:
        found = httpx.get(f"{address}/config").json()["dependencies"]
        function = next(one["id"] for one in found if one["api_name"] == "ask")
        statuses = [client.post(JOIN, json=join(f"s{n}", function, ["Which river?"])).status_code for n in range(300)]
        assert set(statuses) <= {200, 429}
        (one,) = kept
        assert len(one._sessions) <= MOST_UNHEARD + 1
        assert len(one._queue.pending_messages_per_session) <= MOST_UNHEARD + 1
        monkeypatch.setattr(joins, "UNHEARD_S", 0)
        while client.post(JOIN, json=join("last", function, ["Which river?"])).status_code != 200:
            pass
        assert set(one._sessions) == {"last"}


def test_of_a_question_without_a_session_nothing_stays(
    assistant: Assistant, kept: list[joins.Joins], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "UNHEARD_S", 0)
    with serving(Settings(rate=10_000), lambda: assistant) as address, httpx.Client(base_url=address) as client:
        for _ in range(5):
            asked = client.post("/gradio_api/call/ask", json={"data": ["Which river?"]}).json()
            assert "event: complete" in client.get(f"/gradio_api/call/ask/{asked['event_id']}").text
        function = next(one["id"] for one in client.get("/config").json()["dependencies"] if one["api_name"] == "ask")
        for name in ("page", "last"):
            assert client.post(JOIN, json=join(name, function, ["Which river?"])).status_code == 200
            client.get(f"/gradio_api/queue/data?session_hash={name}")
        assert set(kept[0]._page.state_holder.session_data) == {"page", "last"}


def test_a_join_takes_a_question_and_no_more(named: str) -> None:
    answer = httpx.post(named + JOIN, json=join(data=["a" * 240_000, None]))
    assert (answer.status_code, "shorten" in answer.text) == (400, True)


def test_the_chat_takes_no_longer_question_than_the_api(named: str) -> None:
    answer = httpx.post(f"{named}/gradio_api/call/ask", json={"data": ["a" * 2001]}).json()
    stream = httpx.get(f"{named}/gradio_api/call/ask/{answer['event_id']}", timeout=30).text
    assert "event: error" in stream
    assert "Traceback" not in stream


def test_a_refusal_arrives_though_the_body_comes_later(closed: str) -> None:
    url = httpx.URL(closed)
    with socket.create_connection((url.host, url.port or 80), timeout=5) as connection:
        connection.sendall(b"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20000\r\n\r\n")
        time.sleep(0.2)
        connection.sendall(b"x" * 20000)
        time.sleep(0.3)
        connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"HTTP/1.1 401" in received
    assert received.rstrip().endswith(b"}")
    assert b"HTTP/1.1 200" in received

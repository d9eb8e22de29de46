"""Clients that are slow, idle or many: somebody else's question is answered meanwhile, and the server ends in time."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from serving import serving, wait_until_ready
from support import CORPUS

from qa import Assistant, Settings
from qa.web.guard import connections, limits
from qa.web.guard.connections import SHUTDOWN_S
from qa.web.server import listen

QUESTION = {"question": "Which river is its port on?"}
HEADERS = "POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
HALF = f'{HEADERS}Content-Length: 60\r\n\r\n{{"question": "Wh'


@pytest.fixture
def address(demo: Assistant, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server whose patience is short."""
    monkeypatch.setattr(connections, "HEADERS_S", 1)
    monkeypatch.setattr(limits, "BODY_S", 1)
    with serving(Settings(rate=10_000), lambda: demo) as address:
        yield address


@pytest.fixture
def opened(address: str) -> Iterator[Callable[[str], socket.socket]]:
    """Opens a connection to the server and sends something."""
    url = httpx.URL(address)
    with ExitStack() as stack:

        def connect(text: str) -> socket.socket:
            connection = stack.enter_context(socket.create_connection((url.host, url.port or 80), timeout=10))
            connection.sendall(text.encode())
            return connection

        yield connect


def is_answered(address: str) -> bool:
    return bool(httpx.post(f"{address}/api/ask", json=QUESTION, timeout=5).json()["citations"])


@pytest.mark.parametrize("sent", ["", "POST /api/ask HTTP/1.1\r\nHost: 127", "GET /api/health HTTP/1.1\r\nHost: a\r\n"])
def test_who_sends_no_request_is_not_waited_for(opened: Callable[[str], socket.socket], sent: str) -> None:
    begun = time.monotonic()
    assert opened(sent).recv(1000) == b""
    assert 0.5 < time.monotonic() - begun < 5


def is_healthy(connection: socket.socket) -> bool:
    """Ask over a connection, and take the whole answer."""
    connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(1000)
    return b" 200 " in answer


def test_half_a_body_is_no_question_in_flight(address: str, opened: Callable[[str], socket.socket]) -> None:
    slow = [opened(HALF) for _ in range(limits.MAX_IN_FLIGHT)]
    assert is_answered(address)
    for connection in slow:
        assert b" 408 " in connection.recv(1000).split(b"\r\n")[0]


def test_too_many_connections_close_those_that_have_waited_longest(
    address: str, opened: Callable[[str], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADERS_S", 60)
    monkeypatch.setattr(connections, "most_connections", lambda: 20)
    first = opened("")
    idle = [opened("") for _ in range(60)]
    assert is_answered(address)
    assert first.recv(1000) == b""
    assert is_healthy(idle[-1])


def test_who_was_answered_has_waited_for_less_long_and_who_is_being_answered_is_not_closed(
    address: str, opened: Callable[[str], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADERS_S", 60)
    monkeypatch.setattr(connections, "most_connections", lambda: 10)
    answered, idle = opened(""), opened("")
    stream = opened("GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    while b"ALIVE" not in stream.recv(1000):
        pass
    assert is_healthy(answered)
    others = [opened("") for _ in range(8)]
    assert idle.recv(1000) == b""
    assert is_healthy(answered)
    others += [opened("") for _ in range(20)]
    assert is_answered(address)
    stream.settimeout(0.2)
    with pytest.raises(TimeoutError):
        stream.recv(1000)


def test_the_log_says_the_same_once_a_minute(
    opened: Callable[[str], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        opened("no HTTP at all\r\n\r\n").recv(1000)
    assert len([record for record in caplog.records if record.name == "uvicorn.error"]) <= 2


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_in_time_with_clients_that_do_not(tmp_path: Path, empty_index: Path, sign: int) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    settings = {"QA_CORPUS": str(CORPUS), "QA_INDEX": str(empty_index), "QA_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "qa", "serve"], env=os.environ | settings, cwd=tmp_path)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address)
        with ExitStack() as stack:
            for text in ("", HALF, "GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                connection.sendall(text.encode())
            begun = time.monotonic()
            process.send_signal(sign)
            process.wait(SHUTDOWN_S + 4)
            assert time.monotonic() - begun < SHUTDOWN_S + 2
    finally:
        process.kill()
        process.wait()

"""Connections that wait, send slowly or are too many: closed, so that others are still heard."""

import asyncio
import logging
import signal
import time
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 10  # within which a request's headers have to be there
SPARE_FILES = 256  # of those that a process may have open, for the index and the libraries
MOST = 1000  # connections, where the system would let more be open
SHUTDOWN_S = 6  # for the answers under way when the server is to end
EVERY_S = 60  # at most once in which the log says the same


class Connection(H11Protocol):
    """An HTTP connection that is closed when a request's headers don't come, or when others need its place.

    `waiting` has all those of its server that wait for a request, in the order in which they began to.
    """

    def __init__(self, *args: Any, waiting: "dict[Connection, None]", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = waiting
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; the one that has waited longest is closed where there are too many."""
        super().connection_made(transport)
        self._waiting[self] = None
        self._wait()
        if len(self.connections) > most_connections():
            next(iter(self._waiting)).close("there are too many connections")

    def data_received(self, data: bytes) -> None:
        """Take more of a request."""
        if not self.is_busy:
            self._wait()
        super().data_received(data)
        if self.is_busy:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it is there already."""
        self._waiting[self] = None
        super().on_response_complete()
        if self.is_busy or self.transport.is_closing():
            self._waiting.pop(self, None)

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def close(self, reason: str) -> None:
        """Close the connection at once."""
        self.logger.warning("connections are closed: %s", reason)
        self._stop_waiting()
        self.transport.abort()

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_S, self.close, "no request came")

    def _stop_waiting(self) -> None:
        self._waiting.pop(self, None)
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """A server that ends within SHUTDOWN_S of a first signal, and at once at a second one."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal to end."""
        if self.should_exit:
            self.force_exit = True
            signal.signal(sig, signal.SIG_DFL)  # a third one ends whatever still runs
        super().handle_exit(sig, frame)


class Seldom(logging.Filter):
    """Lets a message through once in EVERY_S, so that who connects often doesn't fill the log."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged."""
        now = time.monotonic()
        if now - self._said.get(record.msg, -EVERY_S) < EVERY_S:
            return False
        self._said[record.msg] = now
        return True


def most_connections() -> int:
    """How many connections may be open at once."""
    try:
        import resource

        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except ImportError:  # not on Windows, where there is no such limit
        return MOST
    return max(1, min(MOST, files - SPARE_FILES))


def configured(app: Any) -> uvicorn.Config:
    """How the server speaks HTTP."""
    config = uvicorn.Config(
        app,
        http=partial(Connection, waiting={}),  # type: ignore[arg-type]  # whatever makes a protocol will do
        ws="none",
        log_level="warning",
        lifespan="on",
        server_header=False,
        proxy_headers=False,  # qa.web.guard.origins believes them from QA_PROXY alone
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    logging.getLogger("uvicorn.error").addFilter(Seldom())
    return config

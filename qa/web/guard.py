"""Who may use the server, and how much: origins, headers and limits, in front of every route, Gradio's as well."""

import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 256 * 1024  # bytes: the longest question with the longest history
MAX_IN_FLIGHT = 32  # questions that are being answered
MAX_IN_FLIGHT_CLIENT = 8
WHOLE = 20  # times as many requests a minute are served to all clients together as to one
LOOPBACK = ("localhost", "127.0.0.1", "::1")

ASKING = ("/api/ask", "/gradio_api/queue/join", "/gradio_api/call/", "/gradio_api/mcp")  # what answers a question
COUNTED = (*ASKING, "/api/feedback", "/source/")
WITH_TOKEN = ("/api/ask", "/api/feedback", "/gradio_api/call/", "/gradio_api/mcp")
# What the chat page and Gradio's client need of Gradio's own routes; the rest, as uploads, is closed.
GRADIO = "/gradio_api/"
OPEN = ("info", "queue/", "call/", "mcp", "heartbeat/", "startup-events", "app_id", "cancel", "reset", "login_check")

CSP = "default-src 'none'; base-uri 'none'; form-action 'none'"
PAGES = {  # what else the pages of ours load, all of it from here
    "/source/": "style-src 'self'",
    "/embed": "style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'",
    "/docs": "style-src 'self'; script-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:",
    "/api/": "",
    "/widget.js": "",
    "/openapi.json": "",
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Middleware that lets in requests of its own and the listed origins, and adds the security headers.

    `host` is the address that is listened on: on a loopback one, no other name is answered to unless it is among the
    origins, so that a page whose name is made to point here can't ask.
    """

    def __init__(self, app: App, origins: Iterable[str], host: str) -> None:
        self._app = app
        self._origins = set(origins)
        self._hosts = {urlsplit(origin).hostname for origin in self._origins} | {*LOOPBACK}
        self._any_host = host not in LOOPBACK
        self._ancestors = " ".join(["'self'", *sorted(self._origins - {"null"})])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        if scope["type"] != "http":  # nothing here speaks WebSocket
            await send({"type": "websocket.close"})
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_without_server(message["headers"]), *self._security(scope["path"])]
            await send(message)

        origin, host = headers.get("origin"), headers.get("host", "")
        if not self._any_host and _hostname(host) not in self._hosts:
            await refuse(secured, 403, "this name is not one of this server's: add its origin to QA_ORIGINS")
        elif origin is not None and urlsplit(origin).netloc != host and not {origin, "*"} & self._origins:
            await refuse(secured, 403, "pages of this origin may not use this server: add it to QA_ORIGINS")
        else:
            await self._app(scope, receive, secured)

    def _security(self, path: str) -> list[tuple[bytes, bytes]]:
        policy = next((f"{CSP}; {more}" for page, more in PAGES.items() if path.startswith(page)), "object-src 'none'")
        headers = {**HEADERS, "content-security-policy": f"{policy}; frame-ancestors {self._ancestors}"}
        return [(name.encode(), value.encode()) for name, value in headers.items()]


class Limits:
    """Middleware that refuses what is too large, too often, too much at once, or without the token.

    `rate` is of requests a minute from one client.
    """

    def __init__(self, app: App, rate: int, token: str) -> None:
        self._app = app
        self._token = token
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._of_client, self._of_all = RateLimitItemPerMinute(rate), RateLimitItemPerMinute(WHOLE * rate)
        self._in_flight: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, headers = scope["path"], _headers(scope)
        client = scope["client"][0] if scope.get("client") else ""
        if path.startswith(GRADIO) and not path.removeprefix(GRADIO).startswith(OPEN):
            await refuse(send, 404, "there is nothing here")
        elif self._token and path.startswith(WITH_TOKEN) and not self._is_authorized(headers):
            await refuse(send, 401, "give the token, as Authorization: Bearer …", {"www-authenticate": "Bearer"})
        elif _length(headers) > MAX_BODY:
            await refuse(send, 413, f"the request is larger than {MAX_BODY} bytes: shorten the question or its history")
        elif path.startswith(COUNTED) and not self._is_within_rate(client):
            await refuse(send, 429, "too many requests: wait a minute and ask again", {"retry-after": "60"})
        elif not (scope["method"] == "POST" and path.startswith(ASKING)):
            await self._app(scope, _limited(receive), send)
        elif self._in_flight.total() >= MAX_IN_FLIGHT or self._in_flight[client] >= MAX_IN_FLIGHT_CLIENT:
            await refuse(send, 429, "too many questions at once: ask again in a moment", {"retry-after": "2"})
        else:
            await self._counted(client, scope, receive, send)

    async def _counted(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._in_flight[client] += 1
        try:
            await self._app(scope, _limited(receive), send)
        finally:
            self._in_flight[client] -= 1
            if not self._in_flight[client]:
                del self._in_flight[client]

    def _is_authorized(self, headers: Mapping[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token.encode())

    def _is_within_rate(self, client: str) -> bool:
        return self._limiter.hit(self._of_client, client) and self._limiter.hit(self._of_all)


async def refuse(send: Send, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
    """Answer with an error, as the API gives it."""
    body = json.dumps({"error": error}).encode()
    all_headers = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    encoded = [(name.encode(), value.encode()) for name, value in all_headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _limited(receive: Receive) -> Receive:
    """Give no more of a body than is allowed, however long it says it is: the client then counts as gone."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > MAX_BODY else message

    return limited


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}


def _without_server(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    own = {name.encode() for name in (*HEADERS, "content-security-policy", "server")}
    return [(name, value) for name, value in headers if name.lower() not in own]


def _length(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None

"""How much the server may be asked: with the token where there is one, not too large, too often or too much at once."""

import asyncio
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.web.guard.joins import Joins
from qa.web.guard.refusals import MAX_BODY, refuse
from qa.web.pages.source import token_html

TOO_LARGE = f"the request is larger than {MAX_BODY} bytes: shorten the question or its history"
MAX_DEPTH = 32  # of lists in lists in a body
BODY_S = 10  # within which a body has to be there
MAX_IN_FLIGHT = 32  # questions that are being answered
MAX_IN_FLIGHT_CLIENT = 8
MAX_SOURCES = 4  # source pages that are being made
WHOLE = 20  # times as many requests a minute are served to all clients together as to one
WRONG_TOKENS = 10  # a minute from one client, after which none of its tokens is looked at

ASKING = ("/api/ask", "/gradio_api/queue/join", "/gradio_api/call/", "/gradio_api/mcp")  # what answers a question
JOINING = ("/gradio_api/queue/join", "/gradio_api/call/")  # what answers it later, through Gradio's queue
COUNTED = (*ASKING, "/api/feedback", "/source/")
FREE = ("/api/health", "/widget.js", "/source.css", "/embed.css")  # what needs no token
TOKEN_PAGE = "/token"  # takes the token from the page that asks for it
COOKIE = "qa-session"
NOT_KEPT = {"cache-control": "no-store"}
# What the chat page and Gradio's client need of Gradio's own routes; the rest, as uploads, is closed.
GRADIO = "/gradio_api/"
OPEN = ("info", "queue/", "call/", "mcp", "heartbeat/", "startup-events", "app_id", "cancel", "reset", "login_check")


class Limits:
    """Middleware that refuses what is too large, too slow, too often, too much at once, or without the token.

    `rate` is of requests a minute from one client; `joins` are what waits in the queue of the chat page.
    """

    def __init__(self, app: ASGIApp, rate: int, token: str, joins: Joins) -> None:
        self._app = app
        self._token = token
        self._joins = joins
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._of_client, self._of_all = RateLimitItemPerMinute(rate), RateLimitItemPerMinute(WHOLE * rate)
        self._wrong = RateLimitItemPerMinute(WRONG_TOKENS, namespace="tokens")
        self._in_flight: Counter[str] = Counter()
        self._sources = asyncio.Semaphore(MAX_SOURCES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, headers = scope["path"], Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else ""
        if path.startswith(GRADIO) and not path.removeprefix(GRADIO).startswith(OPEN):
            await refuse(scope, receive, send, 404, "there is nothing here", drain=True)
        elif _length(headers) > MAX_BODY:
            await refuse(
                scope,
                receive,
                send,
                413,
                f"the request is larger than {MAX_BODY} bytes: shorten the question or its history",
            )
        elif self._token and path == TOKEN_PAGE and scope["method"] == "POST":
            await self._take_token(client, scope, receive, send)
        elif self._token and path not in FREE and not self._is_authorized(headers, client):
            await self._ask_for_token(scope, headers, receive, send)
        elif path.startswith(COUNTED) and not self._is_within_rate(client):
            late = {"retry-after": "60"}
            await refuse(scope, receive, send, 429, "too many requests: wait a minute and ask again", late, drain=True)
        elif scope["method"] == "POST":
            await self._with_body(client, scope, receive, send)
        elif path.startswith("/source/"):
            async with self._sources:
                await self._app(scope, receive, send)
        else:
            with self._joins.listening(path, parse_qs(scope["query_string"].decode("latin-1"))):
                await self._app(scope, receive, send)

    async def _with_body(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on once its body is there; only then does it count as in flight."""
        body = await _whole(scope, receive, send)
        if body is None:
            return
        path = scope["path"]
        if _depth(body) > MAX_DEPTH:
            await refuse(
                scope,
                receive,
                send,
                400,
                f"the request has lists in more than {MAX_DEPTH} lists: send what the API describes",
            )
            return
        if path.startswith(JOINING):
            given = _object(body)
            problem = self._joins.problem(path, len(body), given)
            if problem:
                await refuse(scope, receive, send, 400, problem)
                return
            await self._joins.drop_unheard()
            session = self._joins.joined(given.get("session_hash"), client)
            body = json.dumps(given | {"session_hash": session}).encode()
            scope = {**scope, "headers": _with_length(scope["headers"], len(body))}
        if not path.startswith(ASKING):
            await self._app(scope, _again(body, receive), send)
        elif self._is_busy(client):
            await refuse(
                scope, receive, send, 429, "too many questions at once: ask again in a moment", {"retry-after": "2"}
            )
        else:
            await self._counted(client, scope, _again(body, receive), send)

    def _is_busy(self, client: str) -> bool:
        of_client = self._in_flight[client] + self._joins.waiting(client)
        return of_client >= MAX_IN_FLIGHT_CLIENT or self._in_flight.total() + self._joins.waiting() >= MAX_IN_FLIGHT

    async def _counted(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._in_flight[client] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight[client] -= 1
            if not self._in_flight[client]:
                del self._in_flight[client]

    def _is_authorized(self, headers: Mapping[str, str], client: str) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._is_right(given.strip(), self._token, client)
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self._session.encode())

    def _is_right(self, given: str, wanted: str, client: str) -> bool:
        """Whether a token is the right one; who has given too many wrong ones isn't told."""
        if not self._limiter.test(self._wrong, client):
            return False
        if hmac.compare_digest(given.encode(), wanted.encode()):
            return True
        self._limiter.hit(self._wrong, client)
        return False

    @property
    def _session(self) -> str:
        """What the cookie holds: it follows from the token, so that another token ends all sessions."""
        return hmac.new(self._token.encode(), b"session of the question box", hashlib.sha256).hexdigest()

    async def _ask_for_token(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            root = scope.get("root_path", "")
            page = token_html(root, f"{root}{TOKEN_PAGE}")
            await HTMLResponse(page, 401, NOT_KEPT)(scope, receive, send)
        else:
            wanted = {"www-authenticate": "Bearer"}
            await refuse(scope, receive, send, 401, "give the token, as Authorization: Bearer …", wanted, drain=True)

    async def _take_token(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(scope, receive, send)
        if body is None:
            return
        root = scope.get("root_path", "")
        given = parse_qs(body.decode("latin-1")).get("token", [""])[0]
        if not self._is_right(given.strip(), self._token, client):
            again = "This is not the token, or too many wrong ones were tried: wait a minute."
            page = token_html(root, f"{root}{TOKEN_PAGE}", again)
            await HTMLResponse(page, 401, NOT_KEPT)(scope, receive, send)
            return
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={self._session}; Path={root or '/'}; HttpOnly; SameSite=Strict{secure}"
        await RedirectResponse(f"{root}/", 303, {"set-cookie": cookie})(scope, receive, send)

    def _is_within_rate(self, client: str) -> bool:
        return self._limiter.hit(self._of_client, client) and self._limiter.hit(self._of_all)


async def _whole(scope: Scope, receive: Receive, send: Send) -> bytes | None:
    """A request's body, or None where it was refused as too long or too slow, or its client is gone."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MAX_BODY:
                    await refuse(scope, receive, send, 413, TOO_LARGE)
                    return None
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        await refuse(scope, receive, send, 408, f"the request wasn't there within {BODY_S} seconds: send it again")
        return None


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, and afterwards what else there is to receive."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _depth(body: bytes) -> int:
    """How deep lists and objects lie in one another in a JSON text."""
    deepest = depth = 0
    for bracket in re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _with_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    return [(n, v) for n, v in headers if n.lower() != b"content-length"] + [(b"content-length", b"%d" % length)]


def _length(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0

"""What every layer in front of the application speaks: ASGI's messages, and answers made of them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 256 * 1024  # bytes: the longest question with the longest history
TAKEN_S = 1.0  # for which a body is taken that nobody wants


def headers_of(scope: Scope) -> dict[str, str]:
    """A request's headers, their names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}


def path_of(scope: Scope) -> str:
    """A request's path as the application's routes see it: below the root that the application is mounted under."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


async def refuse(
    send: Send, status: int, error: str, headers: Mapping[str, str] | None = None, unread: Receive | None = None
) -> None:
    """Answer with an error, as the API gives it.

    A body that is still `unread` is taken first: a connection that is closed with some of it on the way is reset, and
    the answer may be lost.
    """
    if unread:
        await _take(unread)
    await _answer(send, status, json.dumps({"error": error}), {"content-type": "application/json", **(headers or {})})


async def _take(receive: Receive) -> None:
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(TAKEN_S):
            while size <= MAX_BODY:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


async def show(send: Send, status: int, html: str) -> None:
    """Answer with a page."""
    await _answer(send, status, html, {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"})


async def redirect(send: Send, to: str, headers: Mapping[str, str]) -> None:
    """Answer with another address, to be got."""
    await _answer(send, 303, "", {"location": to, **headers})


async def _answer(send: Send, status: int, text: str, headers: Mapping[str, str]) -> None:
    body = text.encode()
    all_headers = {**headers, "content-length": str(len(body))}
    encoded = [(name.encode(), value.encode()) for name, value in all_headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})

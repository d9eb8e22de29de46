"""What every layer in front of the application speaks: ASGI's messages, and answers made of them."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def headers_of(scope: Scope) -> dict[str, str]:
    """A request's headers, their names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}


async def refuse(send: Send, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
    """Answer with an error, as the API gives it."""
    await _answer(send, status, json.dumps({"error": error}), {"content-type": "application/json", **(headers or {})})


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

"""Refusals, as each layer in front of the application answers them."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

MAX_BODY = 256 * 1024  # bytes: the longest question with the longest history
DRAIN_S = 1.0  # for which an unwanted body is received


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    error: str,
    headers: Mapping[str, str] | None = None,
    *,
    drain: bool = False,
) -> None:
    """Answer with an error, in the API's form; `drain` receives the body first, where nobody has.

    A connection that is closed before its body was received is reset, and the answer may be lost.
    """
    if drain:
        await _drain(receive)
    await JSONResponse({"error": error}, status, headers)(scope, receive, send)


async def _drain(receive: Receive) -> None:
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while size <= MAX_BODY:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return

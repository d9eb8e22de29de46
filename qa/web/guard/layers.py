"""What the layers in front of the application share: the path of a request, and how one is refused."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

MAX_BODY = 256 * 1024  # bytes: the longest question with the longest history
DRAIN_S = 5.0  # for which an unwanted body is received


def path_of(scope: Scope) -> str:
    """Return a request's path as the application's routes see it: below the root where the application is mounted."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


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

"""Who may use the server: hosts, origins and proxies, and the security headers, in front of every route."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.settings import origin_of
from qa.web.guard.refusals import refuse

LOOPBACK = ("localhost", "127.0.0.1", "::1")
FORWARDED = ("forwarded", "x-forwarded-", "x-real-ip")  # what a client may claim of itself

CSP = "default-src 'none'; base-uri 'none'; form-action 'self'"
PAGES = {  # what else the pages of ours load, all of it from here
    "/source/": "style-src 'self'; img-src 'self'",
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

    `host` is the address that is listened on. On a loopback one, and wherever origins or an own `url` are named, no
    other name is answered, so that a page whose name is made to point here can't ask.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str], host: str, url: str = "") -> None:
        self._app = app
        self._origins = set(origins)
        named = {urlsplit(origin).hostname for origin in {*self._origins, url}} - {None, ""}
        self._hosts = named | {*LOOPBACK}
        self._any_host = "*" in self._origins or (host not in LOOPBACK and not named)
        self._ancestors = " ".join(["'self'", *sorted(self._origins - {"null"})])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks WebSocket
            await send({"type": "websocket.close"})
            return
        scope["headers"] = [
            one for one in scope["headers"] if not one[0].decode("latin-1").lower().startswith(FORWARDED)
        ]
        headers = Headers(scope=scope)

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_without_server(message["headers"]), *self._security(scope["path"])]
            await send(message)

        origin, host = headers.get("origin"), headers.get("host", "")
        if not self._any_host and _hostname(host) not in self._hosts:
            error = "this name is not one of this server's: add its origin to QA_ORIGINS"
            await refuse(scope, receive, secured, 403, error, drain=True)
        elif origin is not None and not self._is_let_in(origin, host):
            error = "pages of this origin may not use this server: add it to QA_ORIGINS"
            await refuse(scope, receive, secured, 403, error, drain=True)
        else:
            await self._app(scope, receive, secured)

    def _is_let_in(self, origin: str, host: str) -> bool:
        asking = origin if origin == "null" else origin_of(origin)
        own = asking and origin_of(f"{asking.partition('://')[0]}://{host}")
        return asking is not None and (asking == own or bool({asking, "*"} & self._origins))

    def _security(self, path: str) -> list[tuple[bytes, bytes]]:
        policy = next((f"{CSP}; {more}" for page, more in PAGES.items() if path.startswith(page)), "object-src 'none'")
        headers = {**HEADERS, "content-security-policy": f"{policy}; frame-ancestors {self._ancestors}"}
        return [(name.encode(), value.encode()) for name, value in headers.items()]


def _without_server(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    own = {name.encode() for name in (*HEADERS, "content-security-policy", "server")}
    return [(name, value) for name, value in headers if name.lower() not in own]


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None

"""Several collections in one server: the application of each below its name, and at / a list of those that are open."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from html import escape

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from qa.settings import DEFAULTS, Settings
from qa.web.api import handle_errors
from qa.web.guard.layers import path_of
from qa.web.guard.origins import Guard
from qa.web.pages.source import PAGE
from qa.web.service import Service
from qa.web.words import STATIC, widget_script


class Collections:
    """Passes each request on to the application of the collection that its path begins with, else to the entrance.

    Each application sees the collection's name as its root, as if it was mounted there alone.
    """

    def __init__(self, apps: Mapping[str, FastAPI], entrance: FastAPI) -> None:
        self._apps = apps
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            name, slash, _ = path_of(scope).removeprefix("/").partition("/")
            if slash and name in self._apps:
                below = {**scope, "root_path": f"{scope.get('root_path', '')}/{name}"}
                await self._apps[name](below, receive, send)
                return
        await self._entrance(scope, receive, send)


def entrance(
    settings: Settings,
    collections: Mapping[str, Settings],
    apps: Mapping[str, FastAPI],
    services: Iterable[Service],
    more: APIRouter | None = None,
) -> FastAPI:
    """What stands above the collections: their list, the widget for all of them, and whether all are loaded.

    A collection with a token isn't listed. `more` are routes that go before. The applications are served along with it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    above = FastAPI(openapi_url=None, lifespan=lifespan)
    handle_errors(above)
    origins = sorted({origin for own in (settings, *collections.values()) for origin in own.allowed_origins})
    above.add_middleware(CORSMiddleware, allow_origins=origins)
    above.add_middleware(Guard, origins=origins, host=settings.host, url=settings.url)

    if more:
        above.include_router(more)

    @above.get("/")
    def listed(request: Request) -> HTMLResponse:
        items = [_item(name, own) for name, own in collections.items() if not own.token]
        body = f"<ul>{''.join(items)}</ul>" if items else "<p>Each collection has an address of its own.</p>"
        root = escape(request.scope.get("root_path", ""))
        return HTMLResponse(PAGE.format(title=escape(settings.title), path="", links="", body=body, root=root))

    @above.get("/{name}")
    def below(name: str) -> Response:
        if name in collections:
            return RedirectResponse(f"{name}/")
        if name == "widget.js":
            return Response(widget_script(), media_type="text/javascript", headers={"Cache-Control": "max-age=600"})
        if name in ("source.css", "icon.svg", "icon.png"):
            return FileResponse(STATIC / name)
        raise HTTPException(404)

    @above.get("/api/health")
    def health() -> dict[str, str]:
        return {"status": "ready" if all(service.is_ready for service in services) else "loading"}

    return above


def _item(name: str, settings: Settings) -> str:
    title = name if settings.title == DEFAULTS.title else settings.title
    return f'<li><a href="{name}/">{escape(title)}</a><p>{escape(settings.about)}</p></li>'

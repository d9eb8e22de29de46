"""The server: the chat page and the API, there at once, while the documents are loaded behind them."""

import ctypes
import gc
import inspect
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from typing import Any, NamedTuple

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from qa.assistant import Assistant
from qa.errors import SettingsError
from qa.settings import Settings
from qa.types import Answer
from qa.web.api import handle_errors, routes
from qa.web.guard.connections import Server, configured
from qa.web.guard.joins import Joins
from qa.web.guard.limits import MAX_IN_FLIGHT, Limits
from qa.web.guard.origins import Guard
from qa.web.pages.collections import Collections, entrance
from qa.web.pages.head import Head
from qa.web.record import Record
from qa.web.service import Service
from qa.web.words import STATIC

API_VERSION = "1"
MAX_QUEUE = 64  # questions of the chat page that wait

log = logging.getLogger("qa.questions")


class Served(NamedTuple):
    """A collection of documents as it is served; `beside` is called with its service before requests come."""

    settings: Settings
    open_assistant: Callable[[], Assistant]
    beside: Callable[[Service], None] = lambda _: None


def serve(
    settings: Settings,
    collections: Mapping[str, Served],
    announce: Callable[[str], None],
    more: APIRouter | None = None,
) -> None:
    """Serve collections by their names until interrupted, one without a name at /; `announce` is told the address.

    `more` are routes above collections that have names.

    Raises SettingsError where the address can't be listened on, StoreError where the record can't be used, and what
    opening an assistant raises.
    """
    listener = listen(settings.host, settings.port)
    services = {
        name: Service(served.open_assistant, on_failure=lambda: setattr(server, "should_exit", True))
        for name, served in collections.items()
    }
    server = http_server(services, {name: served.settings for name, served in collections.items()}, settings, more)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    announce(f"http://{host}:{listener.getsockname()[1]}")
    _keep_little_memory()
    gc.collect()
    gc.freeze()  # else, among many connections, questions wait while all of what never goes is looked through again
    for name, service in services.items():
        service.start()
        threading.Thread(target=_find_examples, args=(service,), name="find-examples", daemon=True).start()
        collections[name].beside(service)
    server.run(sockets=[listener])
    for service in services.values():
        if service.failure:
            raise service.failure


def _keep_little_memory() -> None:
    """Have glibc give back what is free from a megabyte on, and threads share two pools.

    It lets each thread have a pool of its own otherwise, and learns from large blocks to keep up to 64 MB.
    """
    m_trim_threshold, m_mmap_threshold, m_arena_max = -1, -3, -8  # in malloc.h
    with suppress(AttributeError, OSError, TypeError):  # another C library
        c_library = ctypes.CDLL(None)
        c_library.mallopt(m_arena_max, 2)
        c_library.mallopt(m_mmap_threshold, 2**20)
        c_library.mallopt(m_trim_threshold, 2**20)


def _find_examples(service: Service) -> None:
    """Have the examples there before anybody looks for them."""
    with suppress(Exception):  # whoever serves says why there is no assistant
        service.examples()


def http_server(
    services: Mapping[str, Service],
    collections: Mapping[str, Settings],
    settings: Settings,
    more: APIRouter | None = None,
) -> uvicorn.Server:
    """The server of collections by their names, to be run on a socket; one without a name is all of it."""
    apps = {name: create_app(service, collections[name]) for name, service in services.items()}
    app: ASGIApp = apps.get("") or Collections(apps, entrance(settings, collections, apps, services.values(), more))
    return Server(configured(app))


def create_app(service: Service, settings: Settings) -> FastAPI:
    """The application: the chat page at /, the API, the widget and the source pages, behind one guard.

    Nothing in it asks another host for anything.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with _no_stubs():
        import gradio as gr

    # it would load Matplotlib with the first question, where that is installed
    gr.utils.MatplotlibBackendMananger = nullcontext  # type: ignore[misc, assignment]
    from qa.web.pages.chat import CSS, chat_page, theme, translations

    app = FastAPIOffline(title=settings.title, version=API_VERSION, redoc_url=None)
    handle_errors(app)
    record = Record.of(settings)
    if record:
        record.prepare()
    service.on_answer = _noting(settings, record)
    app.include_router(routes(service, settings, record))
    origins = settings.allowed_origins
    page = chat_page(service, settings.title).queue(default_concurrency_limit=MAX_IN_FLIGHT, max_size=MAX_QUEUE)
    app.add_middleware(Limits, rate=settings.rate, token=settings.token, joins=Joins(page))
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type", "Authorization"],
        expose_headers=["Retry-After"],
    )
    recorded = settings.record_days if settings.record else 0
    app.add_middleware(Head, settings=settings, recorded=recorded)
    app.add_middleware(Guard, origins=origins, host=settings.host, url=settings.url)
    if settings.proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.proxies)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        footer_links=[],
        run_history=False,
        theme=theme(),
        css_paths=CSS,
        favicon_path=settings.logo or str(STATIC / "icon.png"),
        i18n=translations(),
        show_error=False,
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
        mcp_server=True,
    )
    if settings.token:
        _authorize_mcp(page.mcp_server_obj, settings.token)
    return app


def _authorize_mcp(server: Any, token: str) -> None:
    """Have Gradio's MCP server give the token: it asks its own server, by a client that the first call makes."""
    module: Any = import_module("gradio.mcp")
    create, client = server._get_or_create_client, module.Client

    def authorized(*arguments: Any, headers: dict[str, str], **options: Any) -> Any:
        return client(*arguments, headers={**headers, "Authorization": f"Bearer {token}"}, **options)

    def create_authorized() -> Any:
        module.Client = authorized
        try:
            return create()
        finally:
            module.Client = client

    server._get_or_create_client = create_authorized


def _noting(settings: Settings, record: Record | None) -> Callable[[Answer, float], None]:
    """What is told every answer: the log and the record, where they are wanted."""

    def note(answer: Answer, took_ms: float) -> None:
        if settings.log_questions:
            log.warning("%r, confidence %.2f, %.0f ms", answer.question, answer.confidence, took_ms)
        if record and settings.record:
            record.add(answer)

    return note


@contextmanager
def _no_stubs() -> Iterator[None]:
    """Keep Gradio from writing stubs for editors beside its components, which takes longer than the rest of its import.

    It writes them whenever it is imported, for the classes whose file it can find.
    """
    find = inspect.getfile

    def find_others(of: Any) -> str:
        if str(getattr(of, "__module__", "")).startswith("gradio."):
            raise OSError("not looked for")
        return find(of)

    inspect.getfile = find_others  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = find


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an address, on any free port for 0; raises SettingsError where it can't."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # without the address once more
        raise SettingsError(
            f"can't listen on {host} port {port} ({reason}): stop what uses it, or set QA_HOST or QA_PORT"
        ) from None

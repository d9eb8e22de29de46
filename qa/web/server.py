"""The server: the chat page, there at once, while the documents are loaded behind it."""

import os
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from qa.assistant import Assistant
from qa.errors import SettingsError
from qa.settings import Settings
from qa.web.service import Service


def serve(settings: Settings, open_assistant: Callable[[], Assistant], announce: Callable[[str], None]) -> None:
    """Serve until interrupted; `announce` is told where.

    Raises SettingsError where the address can't be listened on, and what `open_assistant` raises.
    """
    listener = listen(settings.host, settings.port)
    service = Service(open_assistant, on_failure=lambda: setattr(server, "should_exit", True))
    config = uvicorn.Config(create_app(service, settings), log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    announce(f"The question box is at http://{host}:{listener.getsockname()[1]} (Ctrl-C stops it)")
    service.start()
    server.run(sockets=[listener])
    if service.failure:
        raise service.failure


def create_app(service: Service, settings: Settings) -> FastAPI:
    """The application: the chat page at /. Nothing in it asks another host for anything."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    from qa.web.chat import CSS, chat_page, theme

    app = FastAPI(title=settings.title, docs_url=None, redoc_url=None, openapi_url=None)
    page = chat_page(service, settings.title).queue(default_concurrency_limit=None)
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
        show_error=False,
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
    )
    return app


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an address, on any free port for 0; raises SettingsError where it can't."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"can't listen on {host} port {port} ({error.strerror}): stop what uses it, or set QA_HOST or QA_PORT"
        ) from None

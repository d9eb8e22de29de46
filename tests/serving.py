"""The real server on loopback."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx
import uvicorn

from qa import Assistant, Settings
from qa.web.server import http_server, listen
from qa.web.service import Service


async def _server(service: Service, settings: Settings) -> uvicorn.Server:
    # inside a loop, as otherwise Gradio makes some that it never closes
    return http_server({"": service}, {"": settings}, settings)


def wait_until_ready(address: str, seconds: float = 90) -> None:
    """Wait for a server that was started in a process of its own."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{address}/api/health").json()["status"] == "ready":
                return
        time.sleep(0.2)
    raise TimeoutError(f"nothing is served at {address}")


@contextmanager
def serving(
    settings: Settings,
    open_assistant: Callable[[], Assistant],
    *,
    ready: bool = True,
    beside: Callable[[Service], object] = lambda _: None,
) -> Iterator[str]:
    """The real server on a free port of loopback, stopped afterwards; `ready` waits for the assistant."""
    service = Service(open_assistant)
    listener = listen("127.0.0.1", 0)
    with ThreadPoolExecutor(1) as apart:  # from the loop that the browser may have here
        server = apart.submit(asyncio.run, _server(service, settings)).result()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    service.start()
    beside(service)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        while ready and httpx.get(f"{address}/api/health").json()["status"] != "ready":
            time.sleep(0.05)
        yield address
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()

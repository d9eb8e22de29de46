"""`qa serve`."""

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.console import say
from qa.cli.opening import open_assistant, remember, reopened, settings_of
from qa.documents import sources

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.web.service import Service


def serve(
    places: Annotated[
        list[str] | None, typer.Argument(help="Files, folders or patterns, instead of QA_CORPUS from now on.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on, instead of QA_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port, instead of QA_PORT.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the chat page in the browser.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Take up changes of the documents while serving.")] = False,
) -> None:
    """Serve the chat page until Ctrl-C; the index is built or updated first."""
    # said before numpy is loaded: threads that wait for its small products do so actively, on the encoder's cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from qa.documents import load
    from qa.web.server import serve as serve_page
    from qa.web.watch import watch as watch_places

    settings = settings_of(places, host=host, port=port)
    found = places or sources.of(settings.index, settings.corpus)
    load.check(found)  # before an address is told where nothing will be

    def opened() -> "Assistant":
        assistant = open_assistant(settings, found, repeat=True)
        if places:
            remember(settings, places)
        return assistant

    def announce(address: str) -> None:
        say(f"The question box is at {address} (Ctrl-C stops it)")
        if open_page:
            threading.Thread(target=_show, args=[address], name="open-page", daemon=True).start()

    def beside(service: "Service") -> None:
        if watch:
            arguments = service, found, settings.index, partial(reopened, settings, found), say
            threading.Thread(target=watch_places, args=arguments, name="watch", daemon=True).start()

    serve_page(settings, opened, announce, beside)


def _show(address: str) -> None:
    import webbrowser

    for everywhere, here in (("//0.0.0.0:", "//127.0.0.1:"), ("//[::]:", "//[::1]:")):
        address = address.replace(everywhere, here)
    webbrowser.open(address)

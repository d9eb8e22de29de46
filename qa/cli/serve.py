"""`qa serve`."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.console import say
from qa.cli.opening import (
    Opener,
    collections_of,
    networks_of,
    open_assistant,
    remember,
    reopened,
    settings_of,
    settings_of_collections,
)
from qa.documents import sources
from qa.errors import SettingsError
from qa.settings import Settings

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.types import Document, Progress
    from qa.web.service import Service


def serve(
    places: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders or patterns, instead of QA_CORPUS from now on; NAME=FOLDER for several."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on, instead of QA_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port, instead of QA_PORT.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the chat page in the browser.")] = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="Serve a page to drop documents on, on this machine only.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Take up changes of the documents while serving.")] = False,
) -> None:
    """Serve the chat page until Ctrl-C; the index is built or updated first."""
    # said before numpy is loaded: threads that wait for its small products do so actively, on the encoder's cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from qa.documents import load
    from qa.web.server import Served
    from qa.web.server import serve as serve_page

    def announce(address: str) -> None:
        say(f"The question box is at {address} (Ctrl-C stops it)")
        if open_page:
            threading.Thread(target=_show, args=[address], name="open-page", daemon=True).start()

    if drop:
        if places or watch:
            raise SettingsError("--drop takes its documents from its page: leave out the others, and --watch")
        _serve_dropped(settings_of(host=host, port=port), announce)
        return
    named = collections_of(places or [])
    first = next(iter(named.values()), places)
    settings = settings_of(first, host=host, port=port)
    found = named or {"": places or sources.of(settings.index, settings.corpus)}
    for each in found.values():
        load.check(each)  # before an address is told where nothing will be
    owns = settings_of_collections(named, settings) if named else {"": settings}
    opener = Opener(settings)

    def opened(name: str) -> "Assistant":
        if named:
            return opener(owns[name], found[name])
        assistant = open_assistant(settings, found[name], repeat=True)
        if places:
            remember(settings, places)
        return assistant

    def beside(name: str, service: "Service") -> None:
        if watch:
            _watch(service, owns[name], found[name], name)

    served = {name: Served(own, partial(opened, name), partial(beside, name)) for name, own in owns.items()}
    serve_page(settings, served, announce)


def _serve_dropped(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve what is dropped on a page; raises SettingsError where others than this machine could reach it."""
    from qa.assistant import Assistant
    from qa.web.guard.origins import LOOPBACK
    from qa.web.pages.drop import NAME, Dropped
    from qa.web.server import Served
    from qa.web.server import serve as serve_page

    if settings.host not in LOOPBACK:
        raise SettingsError(f"--drop is for this machine only: leave QA_HOST at 127.0.0.1, not {settings.host}")
    own = replace(settings, origins="", url="", proxy="", record="", feedback="")
    encoder, reader = networks_of(own)

    def opened(documents: "Sequence[Document]", progress: "Progress") -> Assistant:
        return Assistant.from_documents(
            documents, encoder, threshold=own.threshold, sure=own.sure, progress=progress, reader=reader
        )

    dropped = Dropped(opened)
    serve_page(own, {NAME: Served(own, dropped.first, dropped.begin)}, announce, dropped.routes())


def _watch(service: "Service", settings: Settings, places: Sequence[str], name: str) -> None:
    from qa.web.watch import watch

    announce = (lambda line: say(f"{name}: {line}")) if name else say
    arguments = service, places, settings.index, partial(reopened, settings, places), announce
    threading.Thread(target=watch, args=arguments, name="watch", daemon=True).start()


def _show(address: str) -> None:
    import webbrowser

    for everywhere, here in (("//0.0.0.0:", "//127.0.0.1:"), ("//[::]:", "//[::1]:")):
        address = address.replace(everywhere, here)
    webbrowser.open(address)

"""`qa serve`."""

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.console import say
from qa.cli.opening import open_assistant, reopened
from qa.documents import sources
from qa.settings import Settings

if TYPE_CHECKING:
    from qa.web.service import Service


def serve(
    watch: Annotated[bool, typer.Option("--watch", help="Take up changes of the documents while serving.")] = False,
) -> None:
    """Serve the chat page until Ctrl-C; the index is built or updated first."""
    # said before numpy is loaded: threads that wait for its small products do so actively, on the encoder's cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from qa.web.server import serve as serve_page
    from qa.web.watch import watch as watch_places

    settings = Settings.from_environment()
    places = sources.of(settings.index, settings.corpus)

    def beside(service: "Service") -> None:
        if watch:
            reopen = partial(reopened, settings, places)
            arguments = service, places, settings.index, reopen, say
            threading.Thread(target=watch_places, args=arguments, name="watch", daemon=True).start()

    serve_page(settings, lambda: open_assistant(settings, places), typer.echo, beside)

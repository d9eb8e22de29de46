"""`qa export`."""

from pathlib import Path
from typing import Annotated

import typer

from qa.cli.console import progress, say
from qa.cli.opening import open_assistant, settings_of


def export(
    out: Annotated[Path, typer.Argument(help="The folder to write, or the file.")],
    single_file: Annotated[bool, typer.Option("--single-file", help="Write one HTML file, OUT.html.")] = False,
) -> None:
    """Write a box that answers in the browser, without a server: files for any static host, or one HTML file."""
    from qa.export import Box

    settings = settings_of()
    assistant = open_assistant(settings)
    with progress() as report:
        box = Box(assistant, settings.index, settings.encoder, settings.threshold, settings.sure, report)
    written = box.write_file(out, settings.title) if single_file else box.write_folder(out, settings.title)
    say(*(f"{size / 1e6:8.1f} MB  {name}" for name, size in written.items()))

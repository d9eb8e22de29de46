"""`qa index` and `qa export`."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.console import progress, say
from qa.cli.opening import Opener, collections_of, open_assistant, remember, settings_of, settings_of_collections
from qa.documents import sources
from qa.errors import SettingsError
from qa.settings import Settings

if TYPE_CHECKING:
    from qa.assistant import Assistant


def index(
    places: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders or patterns, instead of QA_CORPUS from now on; NAME=FOLDER for several."),
    ] = None,
    shard: Annotated[
        str, typer.Option(help="Embed only a shard of the files, as 3/16, for the build that takes all shards in.")
    ] = "",
) -> None:
    """Index the documents in the corpus; what is up to date already is left alone."""
    named = collections_of(places or [])
    settings = settings_of(next(iter(named.values()), places))
    if named and shard:
        raise SettingsError("--shard is of one collection: name its places without NAME=, and set QA_INDEX")
    if named:
        opener = Opener(settings)
        for name, own in settings_of_collections(named, settings).items():
            say(*(f"{name}: {line}" for line in _changes(opener(own, named[name]))))
        return
    if shard:
        _encode_shard(settings, places, shard)
        return
    assistant = open_assistant(settings, places, rebuild=True, repeat=True)
    if places:
        remember(settings, places)
    say(*_changes(assistant))


def _encode_shard(settings: Settings, places: Sequence[str] | None, shard: str) -> None:
    from qa.documents.load import Shard
    from qa.index.shards import encode_shard

    numbers = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", shard)
    if numbers is None or int(numbers[1]) > int(numbers[2]):
        raise SettingsError(f"--shard is {shard!r}; give a shard as 3/16")
    if settings.language == "auto":
        raise SettingsError("--shard needs QA_LANGUAGE: a shard alone may look like another language")
    with progress() as report:
        passages = encode_shard(
            places or sources.of(settings.index, settings.corpus),
            settings.index,
            Shard(int(numbers[1]), int(numbers[2])),
            settings.encoder,
            language=settings.language,
            runtime=settings.runtime,
            max_file_mb=settings.max_file_mb,
            progress=report,
        )
    typer.echo(f"{passages} passages of shard {shard} are embedded")


def _changes(assistant: "Assistant") -> Iterator[str]:
    """What opening an assistant has changed in the index, in a line, and why where all of it is new."""
    changes = assistant.changes
    if changes.anew:
        yield f"built anew: {changes.anew}"
    yield f"{changes}, {len(assistant.skipped)} skipped"
    yield f"{len(assistant.store)} passages are indexed"


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

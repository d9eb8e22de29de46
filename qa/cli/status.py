"""`qa status`."""

import dataclasses
from typing import Annotated

import typer

from qa.cli.console import say
from qa.cli.opening import milvus_options
from qa.documents import sources
from qa.errors import CorpusError
from qa.settings import Settings


def status(
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every byte of the index against its checksum.")
    ] = False,
) -> None:
    """Say what is indexed, and with which settings."""
    from qa.index import snapshots

    settings = Settings.from_environment()
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        say(f"{field.name:13} {'set, not shown' if value and 'token' in field.name else value}")
    try:
        gone = not sources.files(sources.of(settings.index, settings.corpus))
    except CorpusError:
        gone = True
    if gone:
        say(f"{'documents':13} none are there: what is indexed is from before")
    if options := milvus_options(settings):
        from qa.index.milvus.store import indexes

        for name, state in indexes(options).items():
            about = f"{state.passages} passages by {state.settings['encoder']}"
            typer.echo(f"{'snapshot':13} {name}-{state.generation}, of {about}")
        return
    folder = snapshots.current(settings.index)
    if folder is None:
        typer.echo("nothing is indexed yet: run `qa index`")
        return
    snapshots.check(folder, thoroughly=verify)
    built = snapshots.manifest(folder)
    typer.echo(f"{'snapshot':13} {folder.name}, of {len(built['documents'])} documents by {built['encoder']}")
    if "search" in built:  # an index of an earlier version doesn't say
        typer.echo(f"{'search':13} {built['search']}, of {built['passage_count']} passages")

"""`qa status`."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated

import typer

from qa.cli.console import say
from qa.cli.opening import milvus_options, settings_of, skipped_files
from qa.documents import sources
from qa.errors import CorpusError, StoreError
from qa.settings import Settings, file_beside


def status(
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every byte of the index against its checksum.")
    ] = False,
) -> None:
    """Say what is indexed and what was skipped, whether questions are recorded, and with which settings."""
    from qa.documents.load import named

    settings = settings_of()
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        _say(field.name, "set, not shown" if value and "token" in field.name else value)
    if path := file_beside(os.environ):
        _say("settings from", path)
    _say("recorded", _recorded(settings))
    try:
        gone = not sources.files(sources.of(settings.index, settings.corpus))
    except CorpusError:
        gone = True
    if gone:
        _say("documents", "none are there: what is indexed is from before")
    for line in named(skipped_files(settings.index)):
        _say("skipped", line)
    _say_indexed(settings, verify)


def _say(name: str, value: object) -> None:
    say(f"{name:13} {value}")


def _say_indexed(settings: Settings, verify: bool) -> None:
    from qa.index import snapshots

    if options := milvus_options(settings):
        from qa.index.milvus.store import indexes

        for name, state in indexes(options).items():
            _say("snapshot", f"{name}-{state.generation}, of {state.passages} passages by {state.settings['encoder']}")
        return
    collections = sorted(path.parent for path in settings.index.glob(f"*/{snapshots.CURRENT}"))
    folder = snapshots.current(settings.index)
    if folder:
        _say_snapshot(folder, verify)
    elif not collections:
        say("nothing is indexed yet: run `qa index`")
    for collection in collections:
        _say("collection", collection.name)
        if below := snapshots.current(collection):
            _say_snapshot(below, verify)


def _say_snapshot(folder: Path, verify: bool) -> None:
    from qa.index import snapshots

    snapshots.check(folder, thoroughly=verify)
    built = snapshots.manifest(folder)
    _say("snapshot", f"{folder.name}, of {len(built['documents'])} documents by {built['encoder']}")
    if "search" in built:  # an index of an earlier version doesn't say
        _say("search", f"{built['search']}, of {built['passage_count']} passages")


def _recorded(settings: Settings) -> str:
    """Whether what is asked is recorded, where, how much of it, and since when."""
    from qa.web.record import Record

    record = Record.of(settings)
    if record is None:
        return "no: neither QA_RECORD nor QA_FEEDBACK is set"
    try:
        held = record.span()
    except StoreError as error:
        return str(error)
    what = f"{held.questions} questions, {held.verdicts} verdicts" if settings.record else f"{held.verdicts} verdicts"
    since = f" since {held.since[:10]}" if held.since else ""
    return f"{what}{since} in {record.path}" + (f", for {record.days} days" if record.days else "")

"""Settings → Assistant, with bars on the way and the files that were skipped named."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qa.cli.console import progress, say
from qa.documents import sources
from qa.settings import LOCAL, PREFIX, Settings
from qa.types import Progress

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.encoder.base import Encoder
    from qa.index.store import MilvusOptions

SKIPPED = "skipped.json"  # in the index: the files that were skipped when the documents were last read, and why


def settings_of(places: Sequence[str] | None = None, **given: object) -> Settings:
    """The settings: what is given on the command line, then the environment's, then those of question-box.toml.

    `places` are those of the documents, where they are given.
    """
    flags = {PREFIX + name.upper(): str(value) for name, value in given.items() if value is not None}
    return Settings.find({**os.environ, **flags}, places[0] if places else "")


def open_assistant(
    settings: Settings, places: Sequence[str] | None = None, *, rebuild: bool = False, repeat: bool = False
) -> "Assistant":
    """Open the assistant of these settings, over places that are given or remembered.

    The files that were skipped are named, those that were the last time as well only to `repeat` it.
    """
    from qa.documents.load import named

    before = {} if repeat else skipped_files(settings.index)
    with progress() as report:
        found = places or sources.of(settings.index, settings.corpus)
        assistant = _opened(settings, found, settings.encoder, report, rebuild)
    new = {name: reason for name, reason in assistant.skipped.items() if before.get(name) != reason}
    say(*(f"skipped {line}" for line in named(new)), err=True)
    return assistant


def remember(settings: Settings, places: Sequence[str]) -> None:
    """Have these places asked from now on; raises StoreError where that can't be written."""
    from qa.index import snapshots

    with snapshots.writing(settings.index):
        sources.remember(settings.index, places, settings.corpus)


def skipped_files(index: Path) -> dict[str, str]:
    """The files that were skipped when the documents of an index were last read, and why."""
    try:
        return dict(json.loads((index / SKIPPED).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _opened(
    settings: Settings,
    places: Sequence[str],
    encoder: "str | Encoder",
    progress: Progress = lambda *_: None,
    rebuild: bool = False,
) -> "Assistant":
    from qa.assistant import Assistant

    assistant = Assistant.open(
        places,
        settings.index,
        encoder,
        threshold=settings.threshold,
        sure=settings.sure,
        language=settings.language,
        runtime=settings.runtime,
        max_file_mb=settings.max_file_mb,
        source_url=settings.source_url,
        examples=settings.example_questions,
        progress=progress,
        store=milvus_options(settings, rebuild),
    )
    _keep_skipped(settings.index, assistant.skipped)
    return assistant


def reopened(settings: Settings, places: Sequence[str], before: "Assistant") -> "Assistant":
    """Open the assistant anew, with the encoder that is loaded."""
    return _opened(settings, places, before.encoder)


def milvus_options(settings: Settings, rebuild: bool = False) -> "MilvusOptions | None":
    """Return where Milvus holds the index, or None for an index on disk."""
    from qa.index.store import MilvusOptions

    if settings.store == LOCAL:
        return None
    return MilvusOptions(settings.store.removeprefix("milvus:"), settings.store_token, rebuild)


def _keep_skipped(index: Path, skipped: Mapping[str, str]) -> None:
    if skipped == skipped_files(index):
        return
    temporary = index / f"{SKIPPED}-{os.getpid()}"
    with suppress(OSError):  # where nothing can be written, they are named each time
        temporary.write_text(json.dumps(dict(skipped), indent=1), "utf-8")
        temporary.replace(index / SKIPPED)

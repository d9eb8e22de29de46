"""Settings → Assistant, with bars on the way and the files that were skipped named."""

import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qa.cli.console import progress, say
from qa.documents import sources
from qa.errors import SettingsError
from qa.settings import LOCAL, PREFIX, Settings
from qa.types import Progress

if TYPE_CHECKING:
    from qa.answer.cross_encoder import CrossEncoder
    from qa.assistant import Assistant
    from qa.encoder.base import Encoder
    from qa.index.store import MilvusOptions

SKIPPED = "skipped.json"  # in the index: the files that were skipped when the documents were last read, and why

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")  # of a collection
# at the server there is a route, or in its index a file, of that name
TAKEN = ("api", "calibration", "current", "encoder", "lock", "lock-holder", "sources", "texts", "vectors")


def collections_of(places: Sequence[str]) -> dict[str, list[str]]:
    """The places of each collection in what is given as NAME=PLACE; none where places are given without names.

    Raises SettingsError where only some have names, or a name can't be used.
    """
    named = [place for place in places if "=" in place.partition("/")[0] and not Path(place).exists()]
    if named and len(named) < len(places):
        other = next(place for place in places if place not in named)
        raise SettingsError(f"{other} is in no collection: give a name to it as well, as NAME={other}")
    found: dict[str, list[str]] = {}
    for name, _, place in (place.partition("=") for place in named):
        if not NAME.fullmatch(name):
            raise SettingsError(f"{name!r} can't be a collection's name: give small letters a to z, digits and -")
        if name in TAKEN:
            raise SettingsError(f"{name!r} can't be a collection's name, as the server uses it: give another")
        if not place:
            raise SettingsError(f"{name}= names no documents: give {name}=FOLDER")
        found.setdefault(name, []).append(place)
    return found


def settings_of_collections(collections: Mapping[str, Sequence[str]], settings: Settings) -> dict[str, Settings]:
    """The settings of each collection; raises SettingsError where the index isn't on disk."""
    if settings.store != LOCAL:
        raise SettingsError("QA_STORE holds one collection: serve several from indexes on disk, with QA_STORE=local")
    found = Settings.find_collections(collections, os.environ, next(iter(collections.values()))[0])
    return {name: replace(own, host=settings.host, port=settings.port) for name, own in found.items()}


class Networks(NamedTuple):
    """What reads documents and questions, loaded."""

    encoder: "Encoder"
    reader: "CrossEncoder"


class Opener:
    """Opens assistants, one at a time, all of them with one encoder and one reader, loaded with the first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._networks: Networks | None = None
        self._opening = threading.Lock()

    def __call__(self, settings: Settings, places: Sequence[str]) -> "Assistant":
        """Open the assistant over these places, which are asked from now on; the files that were skipped are named."""
        with self._opening:
            self._networks = self._networks or networks_of(self._settings)
            assistant = open_assistant(settings, places, repeat=True, networks=self._networks)
            remember(settings, places)
        return assistant


def settings_of(places: Sequence[str] | None = None, **given: object) -> Settings:
    """The settings: what is given on the command line, then the environment's, then those of question-box.toml.

    `places` are those of the documents, where they are given.
    """
    flags = {PREFIX + name.upper(): str(value) for name, value in given.items() if value is not None}
    return Settings.find({**os.environ, **flags}, places[0] if places else "")


def open_assistant(
    settings: Settings,
    places: Sequence[str] | None = None,
    *,
    rebuild: bool = False,
    repeat: bool = False,
    networks: Networks | None = None,
) -> "Assistant":
    """Open the assistant of these settings, over places that are given or remembered.

    The files that were skipped are named, those that were the last time as well only to `repeat` it.
    """
    from qa.documents.load import named

    before = {} if repeat else skipped_files(settings.index)
    with progress() as report:
        found = places or sources.of(settings.index, settings.corpus)
        assistant = _opened(settings, found, networks, report, rebuild)
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
    networks: Networks | None,
    progress: Progress = lambda *_: None,
    rebuild: bool = False,
) -> "Assistant":
    from qa.assistant import Assistant

    assistant = Assistant.open(
        places,
        settings.index,
        networks.encoder if networks else settings.encoder,
        threshold=settings.threshold,
        sure=settings.sure,
        language=settings.language,
        runtime=settings.runtime,
        max_file_mb=settings.max_file_mb,
        source_url=settings.source_url,
        examples=settings.example_questions,
        progress=progress,
        store=milvus_options(settings, rebuild),
        reader=networks.reader if networks else None,
    )
    _keep_skipped(settings.index, assistant.skipped)
    return assistant


def reopened(settings: Settings, places: Sequence[str], before: "Assistant") -> "Assistant":
    """Open the assistant anew, with the encoder and the reader that are loaded."""
    return _opened(settings, places, Networks(before.encoder, before.reader))


def networks_of(settings: Settings) -> Networks:
    """Load the encoder and the reader, exported into the index the first time."""
    from qa.answer.cross_encoder import load_reader
    from qa.encoder.onnx_runtime import load
    from qa.index.snapshots import ENCODER

    folder = settings.index / ENCODER
    return Networks(load(settings.encoder, folder, settings.runtime), load_reader(folder))


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

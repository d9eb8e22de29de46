"""The update of an index on disk: a new snapshot, built whole or as a layer over the store of the one before."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.cache import Cache
from qa.errors import StoreError
from qa.index import snapshots
from qa.index.build import Indexer, check_ids
from qa.index.local.layered import NEWER, link_older
from qa.index.local.store import LocalStore
from qa.text import passages
from qa.text.structure import Structure
from qa.types import Document

FORMAT = 13  # of the index on disk
DOCUMENTS = "documents.json"  # in the folder of a store: the hashes of its documents by their ids
LEAST_KEPT = 2000  # passages of a store that is worth a layer; a smaller one is built in seconds …
MOST_CHANGED = 0.2  # … and the proportion of it that may have changed


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences from the snapshot before, by the ids of documents.

    `moved` has pairs of the old id and the new one. `anew` says why everything was built anew, empty where it wasn't.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    anew: str = ""

    def __str__(self) -> str:
        kinds = ("added", "changed", "moved", "removed", "unchanged")
        return "documents: " + ", ".join(f"{len(getattr(self, kind))} {kind}" for kind in kinds)


def update(documents: Sequence[Document], index: Path, indexer: Indexer) -> tuple[Path, Changes]:
    """Bring an index up to date, and return the folder of its snapshot and what has changed.

    The name of a snapshot is a hash of all that it is built from, so that an unchanged one is recognized. Where little
    has changed in a large one, only that is built, as a layer over the store that is there. Raises CorpusError or
    StoreError.
    """
    check_ids(documents)
    settings = settings_of(indexer)
    hashes = hashes_of(documents)
    about = {**settings, "documents": hashes}
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    in_use = snapshots.current(index)
    before = _manifest_or_empty(in_use)
    changes = changes_between(before.get("documents", {}), hashes, _differences(before, settings))
    if in_use is not None and in_use.name == name and snapshots.is_whole(in_use):
        return in_use, changes
    indexer.encoder.verify()

    def fill(folder: Path) -> dict[str, Any]:
        before = snapshots.current(index)  # another process may have replaced it meanwhile
        layers = _layers(before, settings, documents, hashes, indexer) if before else None
        with closing(Cache.open(index / snapshots.VECTORS, indexer.encoder.fingerprint)) as cache:
            if before is None or layers is None:
                (folder / DOCUMENTS).write_text(json.dumps(hashes), "utf-8")
                with closing(indexer.build(documents, folder, cache)) as store:
                    return {"passage_count": len(store), "search": store.kind}
            older, newer = layers
            with closing(older):
                link_older(before, folder, older.deleted)
                count = len(older)
                if newer:
                    (folder / NEWER).mkdir()
                    with closing(indexer.build(newer, folder / NEWER, cache, over=older)) as store:
                        count += len(store)
                return {"passage_count": count, "search": older.kind}

    return snapshots.create(index, name, about, fill, lambda message: indexer.progress(message, 0, 0)), changes


def _layers(
    folder: Path,
    settings: Mapping[str, Any],
    documents: Sequence[Document],
    hashes: Mapping[str, str],
    indexer: Indexer,
) -> tuple[LocalStore, list[Document]] | None:
    """Return the older store of a snapshot without what has changed, and the documents for the newer layer.

    Return None where it is better to build everything anew.
    """
    if not snapshots.is_whole(folder) or _differences(snapshots.manifest(folder), settings):
        return None
    try:
        before = dict(json.loads((folder / DOCUMENTS).read_text("utf-8")))
        older = LocalStore.open(folder, [name for name, digest in before.items() if hashes.get(name) != digest])
    except (StoreError, OSError, ValueError, TypeError):  # damaged, so it is built anew
        return None
    newer = [d for d in documents if before.get(d.id) != hashes[d.id]]
    if (
        older.size >= LEAST_KEPT
        and len(older) >= (1 - MOST_CHANGED) * older.size
        and sum(len(d.text) for d in newer) <= MOST_CHANGED * sum(len(d.text) for d in documents)
        and (not newer or any(map(indexer.split, newer)))  # a store has at least one passage
    ):
        return older, newer
    older.close()
    return None


def settings_of(indexer: Indexer) -> dict[str, Any]:
    """Return all that an index depends on besides its documents."""
    return {
        "format": FORMAT,
        "encoder": indexer.encoder.fingerprint,
        "language": indexer.analyzer.language,
        "passages": f"version {passages.VERSION}, of {indexer.encoder.max_tokens} tokens",
    }


def hashes_of(documents: Sequence[Document]) -> dict[str, str]:
    """Return a hash of each document by its id: of its text, its structure, and its title if the file gives it."""

    def digest(document: Document) -> str:
        title = document.title if document.titled else ""
        return hashlib.sha256(f"{title}\n{Structure.of(document).to_json()}\n{document.text}".encode()).hexdigest()

    return {document.id: digest(document) for document in documents}


def _manifest_or_empty(in_use: Path | None) -> dict[str, Any]:
    """Read the manifest of the snapshot in use; empty where there is none or it can't be read.

    Raises StoreError where a newer version of this package wrote it.
    """
    try:
        before = snapshots.manifest(in_use) if in_use else {}
    except StoreError:
        return {}
    if before.get("format", 0) > FORMAT:
        raise StoreError(
            f"the index in {in_use} is of format {before['format']}, and this version knows {FORMAT} at most: "
            "install a newer one, or set QA_INDEX to another folder"
        )
    return before


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe how settings differ from those of a manifest; empty where they don't, or there is no manifest."""
    differing = [f"{name} {before.get(name)} before, now {now[name]}" for name in now if before.get(name) != now[name]]
    return "; ".join(differing) if before else ""


def changes_between(before: Mapping[str, str], now: Mapping[str, str], anew: str = "") -> Changes:
    """Compare two sets of documents, given as hashes by their ids."""
    missing = {before[name]: name for name in sorted(before.keys() - now.keys(), reverse=True)}
    moved = [(missing.pop(now[name]), name) for name in sorted(now.keys() - before.keys()) if now[name] in missing]
    old, new = {pair[0] for pair in moved}, {pair[1] for pair in moved}
    return Changes(
        added=tuple(name for name in now if name not in before and name not in new),
        changed=tuple(name for name in now if name in before and before[name] != now[name]),
        moved=tuple(moved),
        removed=tuple(name for name in before if name not in now and name not in old),
        unchanged=tuple(name for name in now if before.get(name) == now[name]),
        anew=anew,
    )

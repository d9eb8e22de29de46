"""An index brought up to date with its documents: what is new is built, over what was there where little is."""

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
from qa.index.local.layered import NEWER, link
from qa.index.local.store import LocalStore
from qa.text import passages
from qa.text.structure import Structure
from qa.types import Document

FORMAT = 13  # of the index on disk
DOCUMENTS = "documents.json"  # what a store was built from: the hashes of its documents by their ids
LEAST_KEPT = 2000  # passages of a store that is kept where little has changed; a smaller one is built in seconds …
MOST_CHANGED = 0.2  # … and one of which more is different had better be built anew


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different from the generation before, by the ids of documents; moved ones as (old id, new id).

    `anew` says why all was built anew, where it was.
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
    """Return the folder of the snapshot of these documents and these vectors, built where it isn't the one in use.

    A snapshot is named after all that it is built from. Of a large one that has changed a little only that is built,
    over what was there. Raises CorpusError or StoreError.
    """
    check_ids(documents)
    settings = settings_of(indexer)
    hashes = hashes_of(documents)
    about = {**settings, "documents": hashes}
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    in_use = snapshots.current(index)
    before = _before(in_use)
    changes = changes_between(before.get("documents", {}), hashes, _differing(before, settings))
    if in_use is not None and in_use.name == name and snapshots.is_whole(in_use):
        return in_use, changes
    indexer.encoder.verify()

    def fill(folder: Path) -> dict[str, Any]:
        before = snapshots.current(index)  # which another process may just have written
        kept = _kept(before, settings, documents, hashes, indexer) if before else None
        with closing(vector_cache(index, settings)) as cache:
            if before is None or kept is None:
                (folder / DOCUMENTS).write_text(json.dumps(hashes), "utf-8")
                with closing(indexer.build(documents, folder, cache)) as store:
                    return {"passage_count": len(store), "search": store.kind}
            older, newer = kept
            with closing(older):
                link(before, folder, older.gone)
                count = len(older)
                if newer:
                    (folder / NEWER).mkdir()
                    with closing(indexer.build(newer, folder / NEWER, cache, over=older)) as store:
                        count += len(store)
                return {"passage_count": count, "search": older.kind}

    return snapshots.create(index, name, about, fill, lambda message: indexer.progress(message, 0, 0)), changes


def _kept(
    folder: Path,
    settings: Mapping[str, Any],
    documents: Sequence[Document],
    hashes: Mapping[str, str],
    indexer: Indexer,
) -> tuple[LocalStore, list[Document]] | None:
    """Return a snapshot's older store without what is gone of it, and the documents that aren't in it.

    None where all had better be built anew.
    """
    if not snapshots.is_whole(folder) or _differing(snapshots.manifest(folder), settings):
        return None
    try:
        before = dict(json.loads((folder / DOCUMENTS).read_text("utf-8")))
        older = LocalStore.open(folder, [name for name, digest in before.items() if hashes.get(name) != digest])
    except (StoreError, OSError, ValueError, TypeError):  # damaged: it is built anew
        return None
    newer = [document for document in documents if before.get(document.id) != hashes[document.id]]
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
    """Return all that an index depends on besides the documents."""
    return {
        "format": FORMAT,
        "encoder": indexer.encoder.fingerprint,
        "language": indexer.analyzer.language,
        "passages": f"version {passages.VERSION}, of {indexer.encoder.max_tokens} tokens",
    }


def vector_cache(index: Path, settings: Mapping[str, Any], part: str = "") -> Cache:
    """What was embedded with these settings; raises OSError or sqlite3.OperationalError where it can't be written."""
    return Cache(index / snapshots.VECTORS, str(settings["encoder"]), part)


def hashes_of(documents: Sequence[Document]) -> dict[str, str]:
    """The documents' ids, each with a hash of all that is indexed of it but a title that is only its file's name."""
    titles = [document.title if document.titled else "" for document in documents]
    parts = [f"{title}\n{Structure.of(d).dumped()}\n{d.text}" for d, title in zip(documents, titles, strict=True)]
    return {d.id: hashlib.sha256(part.encode()).hexdigest() for d, part in zip(documents, parts, strict=True)}


def _before(in_use: Path | None) -> dict[str, Any]:
    """What the generation in use was built from; nothing where there is none, or where that can't be read."""
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


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    found = [f"{name} {before.get(name)} before, now {now[name]}" for name in now if before.get(name) != now[name]]
    return "; ".join(found) if before else ""


def changes_between(before: Mapping[str, str], now: Mapping[str, str], anew: str = "") -> Changes:
    """What is different between two sets of documents, given as their ids and hashes."""
    gone = {before[name]: name for name in sorted(before.keys() - now.keys(), reverse=True)}
    moved = [(gone.pop(now[name]), name) for name in sorted(now.keys() - before.keys()) if now[name] in gone]
    old, new = {pair[0] for pair in moved}, {pair[1] for pair in moved}
    return Changes(
        added=tuple(name for name in now if name not in before and name not in new),
        changed=tuple(name for name in now if name in before and before[name] != now[name]),
        moved=tuple(moved),
        removed=tuple(name for name in before if name not in now and name not in old),
        unchanged=tuple(name for name in now if before.get(name) == now[name]),
        anew=anew,
    )

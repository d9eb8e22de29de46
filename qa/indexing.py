"""Documents → Store: split, encode, and keep, in memory or on disk."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa import generations
from qa import passages as splitting
from qa.cache import Cache
from qa.encoder import Encoder
from qa.errors import CorpusError, StoreError
from qa.passages import split
from qa.stores import Vectored
from qa.stores.layered import NEWER, link, open_store
from qa.stores.local import LocalStore
from qa.structure import Structure
from qa.terms import Analyzer
from qa.types import Document, Passage
from qa.vectors import key, packed, unpacked

FORMAT = 13  # of the index on disk
DOCUMENTS = "documents.json"  # what a store was built from: the hashes of its documents by their ids
LEAST_KEPT = 2000  # passages of a store that is kept where little has changed; a smaller one is built in seconds …
MOST_CHANGED = 0.2  # … and one of which more is different had better be built anew
VECTORS = "vectors"  # the folder in the index where what was embedded is kept
BATCH = 32  # passages that are encoded at a time, and lost where that is interrupted

NO_TEXT = "the documents hold no text: give at least one that does"

Progress = Callable[[str, int, int], None]  # told what is being done, how many are done, and of how many


def split_all(documents: Sequence[Document], encoder: Encoder) -> list[Passage]:
    """The passages of all documents; raises CorpusError where two have one id, or none holds any text."""
    check_ids(documents)
    passages = [p for document in documents for p in split(document, encoder.tokenizer, encoder.max_tokens)]
    if not passages:
        raise CorpusError(NO_TEXT)
    return passages


def check_ids(documents: Sequence[Document]) -> None:
    """Raise CorpusError where two documents have one id."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise CorpusError(f"two documents have the id {document.id!r}: give each its own")
        seen.add(document.id)


def embed(
    passages: Sequence[Passage],
    encoder: Encoder,
    progress: Progress,
    cache: Cache | None = None,
    *,
    forget: bool = True,
) -> Iterator[Vectored]:
    """The vectors of each passage and its sentences, by one pass of the encoder over label and text.

    What the cache has isn't encoded, and what is encoded is put there, a batch at a time; all else it may `forget`.
    """
    keys = [key(passage) for passage in passages]
    parts: dict[bytes, bytes] = {}
    known = cache.known(keys) if cache else set()
    left = [number for number, k in enumerate(keys) if k not in known]
    order = sorted(left, key=lambda number: -len(passages[number].text))  # little padding in a batch
    for first in range(0, len(order), BATCH):
        progress("passages", first, len(order))
        batch = [passages[number] for number in order[first : first + BATCH]]
        shifts = [len(passage.label) - passage.start for passage in batch]
        spans = [
            [(s.start + shift, s.end + shift) for s in passage.sentences]
            for passage, shift in zip(batch, shifts, strict=True)
        ]
        found = encoder.encode_passages([passage.label + passage.text for passage in batch], spans)
        for number, encoded in zip(order[first : first + BATCH], found, strict=True):
            parts[keys[number]] = packed((encoded.vector, encoded.stretches))
        if cache:
            cache.put(parts.items())
            parts.clear()
    progress("passages", len(order), len(order))
    if cache and forget:
        cache.keep_only(keys)
    return _vectored(passages, keys, parts.__getitem__ if cache is None else cache.get)


def _vectored(passages: Sequence[Passage], keys: Sequence[bytes], get: Callable[[bytes], bytes]) -> Iterator[Vectored]:
    for passage, k in zip(passages, keys, strict=True):
        yield Vectored(passage, *unpacked(get(k)))


def build(
    documents: Sequence[Document],
    encoder: Encoder,
    analyzer: Analyzer,
    folder: Path | None = None,
    progress: Progress = lambda *_: None,
    cache: Cache | None = None,
    over: LocalStore | None = None,
) -> LocalStore:
    """A store of these documents, in memory or kept in a folder; raises CorpusError where they hold no text.

    It is by itself, or what is newer than the store that it lies over.
    """
    passages = split_all(documents, encoder)
    vectored = embed(passages, encoder, progress, cache, forget=over is None)
    return LocalStore.build(documents, vectored, analyzer, folder, over.average if over else None)


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


def update(
    documents: Sequence[Document], index: Path, encoder: Encoder, analyzer: Analyzer, progress: Progress
) -> tuple[Path, Changes]:
    """The folder of the generation of these documents and these vectors, built where it isn't the one in use.

    A generation is named after all that it is built from. Of a large one that has changed a little only that is built,
    over what was there. Raises CorpusError or StoreError.
    """
    check_ids(documents)
    settings = settings_of(encoder, analyzer)
    hashes = hashes_of(documents)
    about = {**settings, "documents": hashes}
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    in_use = generations.current(index)
    before = _before(in_use)
    changes = changes_between(before.get("documents", {}), hashes, _differing(before, settings))
    if in_use is not None and in_use.name == name and generations.is_whole(in_use):
        return in_use, changes
    encoder.verify()

    def fill(folder: Path) -> dict[str, Any]:
        parts = encoder, analyzer
        before = generations.current(index)  # which another process may just have written
        with closing(vector_cache(index, settings)) as cache:
            if before and (kept := _kept(before, settings, documents, hashes, encoder)):
                older, newer = kept
                with closing(older):
                    link(before, folder, older.gone)
                    if newer:
                        (folder / NEWER).mkdir()
                        build(newer, *parts, folder / NEWER, progress, cache, over=older).close()
            else:
                (folder / DOCUMENTS).write_text(json.dumps(hashes), "utf-8")
                build(documents, *parts, folder, progress, cache).close()
        with closing(open_store(folder)) as store:
            return {"passage_count": len(store), "search": store.kind}

    return generations.create(index, name, about, fill, lambda message: progress(message, 0, 0)), changes


def _kept(
    folder: Path,
    settings: Mapping[str, Any],
    documents: Sequence[Document],
    hashes: Mapping[str, str],
    encoder: Encoder,
) -> tuple[LocalStore, list[Document]] | None:
    """The older store of a generation without what is gone of it, and the documents that aren't in it.

    None where all had better be built anew.
    """
    if not generations.is_whole(folder) or _differing(generations.manifest(folder), settings):
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
        # a store has at least one passage
        and (not newer or any(split(d, encoder.tokenizer, encoder.max_tokens) for d in newer))
    ):
        return older, newer
    older.close()
    return None


def settings_of(encoder: Encoder, analyzer: Analyzer) -> dict[str, Any]:
    """All that an index depends on besides the documents."""
    return {
        "format": FORMAT,
        "encoder": encoder.fingerprint,
        "language": analyzer.language,
        "passages": f"{splitting.version()}, of {encoder.max_tokens} tokens",
    }


def vector_cache(index: Path, settings: Mapping[str, Any], part: str = "") -> Cache:
    """What was embedded with these settings; raises OSError or sqlite3.OperationalError where it can't be written."""
    return Cache(index / VECTORS, str(settings["encoder"]), part)


def hashes_of(documents: Sequence[Document]) -> dict[str, str]:
    """The documents' ids, each with a hash of all that is indexed of it but a title that is only its file's name."""
    titles = [document.title if document.titled else "" for document in documents]
    parts = [f"{title}\n{Structure.of(d).dumped()}\n{d.text}" for d, title in zip(documents, titles, strict=True)]
    return {d.id: hashlib.sha256(part.encode()).hexdigest() for d, part in zip(documents, parts, strict=True)}


def _before(in_use: Path | None) -> dict[str, Any]:
    """What the generation in use was built from; nothing where there is none, or where that can't be read."""
    try:
        before = generations.manifest(in_use) if in_use else {}
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

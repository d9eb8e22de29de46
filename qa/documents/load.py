"""Files → Documents."""

import hashlib
import math
import re
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from qa.cache import Cache
from qa.documents import sources
from qa.documents.convert import KINDS, PLAIN, VERSION
from qa.documents.converted import Converted
from qa.documents.ocr import engines
from qa.documents.sandbox import Converter
from qa.errors import ConversionFailed, CorpusError, NoDocuments
from qa.types import Document, Progress

FAILED = b"failed: "  # begins what is kept of a file whose converter failed; no compressed text begins so
UNKNOWN = "unknown kind"
REASONS = 5  # of so many skipped files, where nothing is left


class Shard(NamedTuple):
    """One of several shards of a corpus of about the same size, numbered from 1."""

    number: int
    of: int

    def has(self, name: str) -> bool:
        """Return whether a file belongs to it, by its name."""
        return zlib.crc32(name.encode("utf-8", "surrogateescape")) % self.of == self.number - 1


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents that could be read, and the files that couldn't with the reason for each."""

    documents: tuple[Document, ...]
    skipped: dict[str, str] = field(default_factory=dict)


def read(
    places: Sequence[Path | str],
    texts: Path | None = None,
    max_file_mb: float = math.inf,
    progress: Progress = lambda *_: None,
    shard: Shard | None = None,
) -> Corpus:
    """Read the files in places, each a file, a folder or a pattern, in the order of their names.

    A document's id is its path from the folder that all places are in. A file that can't be read is skipped and named
    in `skipped`. What takes long to convert is kept in the folder `texts` for the next time. With a `shard`
    only the files that belong to it are read; these may be none. Raises CorpusError where a place is missing,
    NoDocuments where nothing is left of the whole.
    """
    documents, skipped = [], {}
    reader = _Reader(texts, max_file_mb, forget=shard is None)
    found, within = sources.files(places), sources.bounds(places)
    if shard:
        found = {name: path for name, path in found.items() if shard.has(name)}
    try:
        for number, (name, path) in enumerate(found.items()):
            progress("files", number, len(found))
            readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            try:
                if reason := sources.problem(path, within):
                    raise CorpusError(reason)
                documents.append(reader.document(path, name))
            except CorpusError as error:
                skipped[readable] = str(error)
        if found:
            progress("files", len(found), len(found))
    finally:
        reader.close()
    if not documents and shard is None:
        raise _nothing(places, skipped)
    return Corpus(tuple(documents), skipped)


def check(places: Sequence[Path | str]) -> None:
    """Raise CorpusError where a place is missing, NoDocuments where none has a file of a kind that is read."""
    if not any(path.suffix.lower() in KINDS for path in sources.files(places).values()):
        raise _nothing(places, {})


def named(skipped: Mapping[str, str]) -> Iterator[str]:
    """A line for each file that couldn't be read, with the reason; one for those of an unknown kind together."""
    unknown = Counter(reason for reason in skipped.values() if reason.startswith(UNKNOWN))
    for name, reason in skipped.items():
        if unknown[reason] <= 1:
            yield f"{name}: {reason}"
    for reason, times in unknown.items():
        if times > 1:
            yield f"{times} files: {reason}"


def _nothing(places: Sequence[Path | str], skipped: Mapping[str, str]) -> NoDocuments:
    reasons = "".join(f"; {name}: {reason}" for name, reason in list(skipped.items())[:REASONS])
    where = ", ".join(map(str, places))
    return NoDocuments(f"nothing to index in {where}: put files of text there ({', '.join(KINDS)}){reasons}")


class _Reader:
    """Reads one file after the other; what has to be converted in a process of its own is kept in a folder."""

    def __init__(self, folder: Path | None, max_file_mb: float, forget: bool) -> None:
        self._forget = forget
        self._folder = folder
        self._max_file_mb = max_file_mb
        self._converter = Converter()
        self._cache: Cache | None = None
        self._used: list[bytes] = []

    def document(self, path: Path, name: str) -> Document:
        """A file as a Document with the id `name`; raises CorpusError with the reason where it can't be one."""
        try:
            name.encode()
        except UnicodeEncodeError:
            raise CorpusError("its name is not UTF-8: rename it") from None
        suffix = path.suffix.lower()
        if suffix not in KINDS:
            raise CorpusError(f"{UNKNOWN}: {suffix or 'no ending'}")
        data = self._bytes(path)
        found = self._converter.convert(data, suffix) if suffix in PLAIN else self._kept(data, suffix)
        title = found.title or re.sub(r"[\s_-]+", " ", path.stem).strip()
        return Document(
            name,
            title,
            found.text,
            found.blocks,
            path,
            found.links,
            found.pages,
            titled=found.title is not None,
            address=found.address,
            scanned=found.scanned,
            lines=found.lines,
            file_hash=hashlib.sha256(data).hexdigest() if found.lines else "",
        )

    def close(self) -> None:
        self._converter.close()
        if self._cache:
            with suppress(sqlite3.Error):
                if self._forget:
                    self._cache.keep_only(self._used)
            self._cache.close()

    def _bytes(self, path: Path) -> bytes:
        try:
            if (size := path.stat().st_size) > self._max_file_mb * 2**20:
                raise CorpusError(
                    f"too large: {size / 2**20:.0f} MB, at most {self._max_file_mb} are read (QA_MAX_FILE_MB)"
                )
            return path.read_bytes()
        except OSError as error:
            raise CorpusError(f"can't be read ({error.strerror})") from None

    def _kept(self, data: bytes, suffix: str) -> Converted:
        key = hashlib.sha256(f"{suffix}\0".encode() + data).digest()
        self._used.append(key)
        if self._cache is None and self._folder:
            with suppress(sqlite3.Error, OSError):  # where nothing can be written, all is converted each time
                self._cache = Cache.open(self._folder, f"{VERSION} {engines.version()}")
        if self._cache:
            with suppress(sqlite3.Error):
                if self._cache.known([key]):
                    value = self._cache.get(key)
                    if value.startswith(FAILED):
                        raise CorpusError(value.removeprefix(FAILED).decode())
                    return Converted.loaded(zlib.decompress(value))
        try:
            found = self._converter.convert(data, suffix)
        except ConversionFailed as error:  # as it would again, after as long
            self._keep(key, FAILED + str(error).encode())
            raise
        self._keep(key, zlib.compress(found.dumped().encode(), 1))
        return found

    def _keep(self, key: bytes, value: bytes) -> None:
        if self._cache:
            with suppress(sqlite3.Error):
                self._cache.put([(key, value)])

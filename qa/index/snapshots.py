"""The index on disk: generations, each a folder that never changes once `current` names it.

The manifest has every file's size and checksum, and `current` the manifest's own, so that no byte goes unwatched.
"""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from qa.errors import StoreError

CURRENT, MANIFEST, LOCK = "current", "manifest.json", "lock"
BUILDING = "building-"
# beside the snapshots: networks as they are run, texts that took long to convert, vectors, what `qa calibrate` fitted,
# questions to begin with
ENCODER, TEXTS, VECTORS, CALIBRATION, EXAMPLES = "encoder", "texts", "vectors", "calibration", "examples.json"
QUICKLY_CHECKED = 100 * 2**20  # bytes of a generation whose checksums are verified whenever it is opened


def current(index: Path) -> Path | None:
    """The folder of the generation in use, or None where nothing was built or its manifest is gone."""
    named = _named(index)
    folder = index / named[0] if named else None
    return folder if folder and (folder / MANIFEST).is_file() else None


def manifest(folder: Path) -> dict[str, Any]:
    """What a generation was built from; raises StoreError where that can't be read."""
    try:
        found: dict[str, Any] = dict(json.loads((folder / MANIFEST).read_text("utf-8")).items())
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(f"the manifest in {folder} is damaged: delete that folder and run `qa index`") from error
    return found


def check(folder: Path, thoroughly: bool = False) -> None:
    """Raise StoreError unless every file of the generation in use has its size and, if `thoroughly`, its checksum."""
    files, named = manifest(folder).get("files", {}), _named(folder.parent)
    if named != (folder.name, _checksum(folder / MANIFEST)):
        raise StoreError(f"the manifest in {folder} is damaged: delete that folder and run `qa index`")
    for name, (size, checksum) in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size or (thoroughly and _checksum(path) != checksum):
            raise StoreError(f"{path} is damaged: delete {folder} and run `qa index`")


def create(
    index: Path,
    name: str,
    about: dict[str, Any],
    fill: Callable[[Path], dict[str, Any] | None],
    waiting: Callable[[str], None] = lambda _: None,
) -> Path:
    """Make the generation `name` by `fill`, which writes into the folder it is given, and put it in use.

    What `fill` returns is told in the manifest besides what the generation is built from. Until it is complete it has
    another name, so that a build that dies leaves what was there in use. One process at a time does so; `waiting` is
    told which other one is waited for. Raises StoreError where the index can't be written.
    """
    building, folder = index / f"{BUILDING}{os.getpid()}", index / name
    try:
        with writing(index), _only_writer(index, waiting):
            if current(index) == folder and is_whole(folder):
                return folder  # whoever was waited for made it
            _remove(index.glob(f"{BUILDING}*"))  # of builds that died
            building.mkdir()
            found = fill(building) or {}
            files = _described(building, current(index))
            text = json.dumps({**about, **found, "files": files}, indent=1, ensure_ascii=False)
            _write(building / MANIFEST, text)
            shutil.rmtree(folder, ignore_errors=True)
            building.rename(folder)
            _replace(index / CURRENT, f"{name} {_checksum(folder / MANIFEST)}")
            _remove(path.parent for path in index.glob(f"*/{MANIFEST}") if path.parent != folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


@contextmanager
def writing(index: Path) -> Iterator[None]:
    """Make the folder of an index, and raise StoreError where anything that is done can't be written there."""
    try:
        index.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"the index can't be written to {index} ({reason}): mend that, or set QA_INDEX to another folder"
        ) from error


def _named(index: Path) -> tuple[str, str] | None:
    """The name in `current` and its manifest's checksum, or None where there is no such file."""
    try:
        name, _, checksum = (index / CURRENT).read_text("utf-8").strip().partition(" ")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a name"
        raise StoreError(f"{index / CURRENT} can't be read ({reason}): delete it and run `qa index`") from None
    if not name.isalnum() or len(name) > 64:
        raise StoreError(f"{index / CURRENT} is damaged: delete it and run `qa index`")
    return name, checksum


@contextmanager
def _only_writer(index: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the index, which the system lets go of when its holder dies."""
    lock, holder = FileLock(index / LOCK), index / f"{LOCK}-holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        by = holder.read_text("utf-8") if holder.is_file() else "another process"
        waiting(f"{index} is being written by {by}: waiting")
        lock.acquire()
    try:
        holder.write_text(f"process {os.getpid()}", "utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def is_whole(folder: Path) -> bool:
    """Whether a generation passes the checks, those of checksums only where that takes no time to speak of."""
    try:
        small = sum(path.stat().st_size for path in _files(folder)) <= QUICKLY_CHECKED
        check(folder, thoroughly=small)
    except (StoreError, OSError):
        return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _described(building: Path, before: Path | None) -> dict[str, tuple[int, str]]:
    """The size and the checksum of each file, known of those that are links to the generation before's."""
    try:
        known = manifest(before)["files"] if before else {}
    except (StoreError, KeyError):
        known = {}
    files = {path.relative_to(building).as_posix(): path for path in _files(building)}
    return {
        name: known[name] if before and name in known and _is_one(before / name, path) else _measured(path)
        for name, path in files.items()
    }


def _is_one(path: Path, other: Path) -> bool:
    return path.exists() and path.samefile(other)


def _measured(path: Path) -> tuple[int, str]:
    return path.stat().st_size, _checksum(path)


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    """Write a file and see it on the disk."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}-{os.getpid()}")
    _write(temporary, text + "\n")
    temporary.replace(path)


def _remove(folders: Iterator[Path]) -> None:
    for folder in list(folders):
        shutil.rmtree(folder, ignore_errors=True)

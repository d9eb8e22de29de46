"""The index on disk: snapshots, each a folder that never changes once the file `current` names it.

Its manifest has the size and checksum of every file, and `current` has the checksum of the manifest, so that a change
to any byte is noticed.
"""

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
from qa.files import sha256

CURRENT, MANIFEST, LOCK = "current", "manifest.json", "lock"
BUILDING = "building-"
# beside the snapshots: exported networks, texts that took long to convert, vectors, what `qa calibrate` fitted,
# questions to begin with
ENCODER, TEXTS, VECTORS, CALIBRATION, EXAMPLES = "encoder", "texts", "vectors", "calibration", "examples.json"
QUICKLY_CHECKED = 100 * 2**20  # bytes: a snapshot up to this size has its checksums verified whenever it is opened


def current(index: Path) -> Path | None:
    """Return the folder of the snapshot in use, or None where there is none or its manifest is missing."""
    named = _read_current(index)
    folder = index / named[0] if named else None
    return folder if folder and (folder / MANIFEST).is_file() else None


def manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a snapshot; raise StoreError where that isn't possible."""
    try:
        return dict(json.loads((folder / MANIFEST).read_text("utf-8")).items())
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(f"the manifest in {folder} is damaged: delete that folder and run `qa index`") from error


def check(folder: Path, thoroughly: bool = False) -> None:
    """Raise StoreError unless every file of the snapshot in use has its size and, if `thoroughly`, its checksum."""
    files, named = manifest(folder).get("files", {}), _read_current(folder.parent)
    if named != (folder.name, sha256(folder / MANIFEST)):
        raise StoreError(f"the manifest in {folder} is damaged: delete that folder and run `qa index`")
    for name, (size, checksum) in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size or (thoroughly and sha256(path) != checksum):
            raise StoreError(f"{path} is damaged: delete {folder} and run `qa index`")


def create(
    index: Path,
    name: str,
    about: dict[str, Any],
    fill: Callable[[Path], dict[str, Any] | None],
    waiting: Callable[[str], None] = lambda _: None,
) -> Path:
    """Create a snapshot and put it in use.

    `fill` writes its files into a folder. The manifest has `about` and what `fill` returns. Until it is complete the
    snapshot has another name, so that a build that dies changes nothing. One process writes at a time; `waiting` is
    called with a line that names the process waited for. Raises StoreError where the index can't be written.
    """
    building, folder = index / f"{BUILDING}{os.getpid()}", index / name
    try:
        with writing(index), _only_writer(index, waiting):
            if current(index) == folder and is_whole(folder):
                return folder  # the process waited for created it
            _remove(index.glob(f"{BUILDING}*"))  # left by builds that died
            building.mkdir()
            result = fill(building) or {}
            files = _files_with_checksums(building, current(index))
            text = json.dumps({**about, **result, "files": files}, indent=1, ensure_ascii=False)
            _write(building / MANIFEST, text)
            shutil.rmtree(folder, ignore_errors=True)
            building.rename(folder)
            _replace(index / CURRENT, f"{name} {sha256(folder / MANIFEST)}")
            _remove(path.parent for path in index.glob(f"*/{MANIFEST}") if path.parent != folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


@contextmanager
def writing(index: Path) -> Iterator[None]:
    """Create the folder of an index; turn errors of writing there into StoreError."""
    try:
        index.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"the index can't be written to {index} ({reason}): mend that, or set QA_INDEX to another folder"
        ) from error


def _read_current(index: Path) -> tuple[str, str] | None:
    """Return the name of the snapshot in use and the checksum of its manifest, or None where there is none."""
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
    """Hold the lock of the index, which the system releases when its holder dies."""
    lock, holder = FileLock(index / LOCK), index / f"{LOCK}-holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        name = holder.read_text("utf-8") if holder.is_file() else "another process"
        waiting(f"{index} is being written by {name}: waiting")
        lock.acquire()
    try:
        holder.write_text(f"process {os.getpid()}", "utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def is_whole(folder: Path) -> bool:
    """Return whether a snapshot is undamaged; checksums are verified only where it is small."""
    try:
        small = sum(path.stat().st_size for path in _files(folder)) <= QUICKLY_CHECKED
        check(folder, thoroughly=small)
    except (StoreError, OSError):
        return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _files_with_checksums(building: Path, before: Path | None) -> dict[str, tuple[int, str]]:
    """Return the size and checksum of each file by its name; those of links to the snapshot before are known."""
    try:
        known = manifest(before)["files"] if before else {}
    except (StoreError, KeyError):
        known = {}
    files = {path.relative_to(building).as_posix(): path for path in _files(building)}
    return {
        name: known[name]
        if before and name in known and _is_same_file(before / name, path)
        else (path.stat().st_size, sha256(path))
        for name, path in files.items()
    }


def _is_same_file(path: Path, other: Path) -> bool:
    return path.exists() and path.samefile(other)


def _write(path: Path, text: str) -> None:
    """Write a file, and wait until it is on the disk."""
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

"""The index on disk: generations, each a folder that never changes once `current` names it."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qa.errors import StoreError

CURRENT, MANIFEST = "current", "manifest.json"


def current(index: Path) -> Path | None:
    """The folder of the generation in use, or None where nothing was built or its manifest is gone."""
    try:
        folder = index / (index / CURRENT).read_text("utf-8").strip()
        return folder if (folder / MANIFEST).is_file() else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a name"
        raise StoreError(f"{index / CURRENT} can't be read ({reason}): delete it and run `qa index`") from None


def manifest(folder: Path) -> dict[str, Any]:
    """What a generation was built from; raises StoreError where that can't be read."""
    try:
        found: dict[str, Any] = dict(json.loads((folder / MANIFEST).read_text("utf-8")).items())
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(f"the manifest in {folder} is damaged: delete that folder and run `qa index`") from error
    return found


def create(index: Path, name: str, about: dict[str, Any], fill: Callable[[Path], None]) -> Path:
    """Make the generation `name` by `fill`, which writes into the folder it is given, and put it in use.

    Until it is complete it has another name, so that a build that dies leaves what was there in use. Raises StoreError
    where the index can't be written.
    """
    building, folder = index / f"building-{os.getpid()}", index / name
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        fill(building)
        (building / MANIFEST).write_text(json.dumps(about, indent=1, ensure_ascii=False), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
        _replace(index / CURRENT, name)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"the index can't be written to {index} ({reason}): mend that, or set QA_INDEX to another folder"
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    _remove_others(index, name)
    return folder


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}-{os.getpid()}")
    temporary.write_text(text + "\n", "utf-8")
    temporary.replace(path)


def _remove_others(index: Path, name: str) -> None:
    for manifest_path in index.glob(f"*/{MANIFEST}"):
        if manifest_path.parent.name != name:
            shutil.rmtree(manifest_path.parent, ignore_errors=True)

"""Files of many kinds → their text as a reader sees it, with its blocks."""

import hashlib
from contextlib import suppress
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from pathlib import Path


def version() -> str:
    """A hash of the converters: what was converted by others is converted again."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    with suppress(PackageNotFoundError):  # with it files have more text than without
        digest.update(metadata.version("rapidocr").encode())
    return digest.hexdigest()

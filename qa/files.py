"""Files on disk: their checksums, and whether those that are mapped into memory are still whole."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class MappedFiles:
    """Files that are mapped into memory, held open with the sizes they had.

    Reading past the end of a mapped file that was cut ends the process, so its size is checked before it is read.
    """

    def __init__(self, sizes: Mapping[Path, int]) -> None:
        self._files = [(os.open(path, os.O_RDONLY), size) for path, size in sizes.items()]

    def __del__(self) -> None:
        for descriptor, _ in getattr(self, "_files", ()):
            os.close(descriptor)

    def are_whole(self) -> bool:
        """Return whether every file still has the size it had."""
        return all(os.fstat(descriptor).st_size == size for descriptor, size in self._files)

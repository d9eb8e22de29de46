"""Files on disk: their checksums, and whether those in use have been written to."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class MappedFiles:
    """Files that are in use, held open with their sizes and when they were last written.

    Reading past the end of a mapped file that was cut ends the process, and what was overwritten would be believed.
    Raises OSError where a file is missing.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._files: list[tuple[int, tuple[int, int]]] = []
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY)
            self._files.append((descriptor, _state(descriptor)))

    def __del__(self) -> None:
        for descriptor, _ in self._files:
            os.close(descriptor)

    def are_unchanged(self) -> bool:
        """Return whether no file has been written to since."""
        return all(_state(descriptor) == before for descriptor, before in self._files)


def _state(descriptor: int) -> tuple[int, int]:
    """Return the size of an open file in bytes, and when it was last written, in nanoseconds."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns

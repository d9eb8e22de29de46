"""Files that are read, or mapped into memory, where they are used: one that is written to meanwhile is noticed.

Reading behind the end of a mapped file that was cut ends the process, and what was overwritten would be believed.
"""

import os
from collections.abc import Iterable
from pathlib import Path


class Mapped:
    """Files, which stay open, with their sizes and when they were last written; raises OSError where one is missing."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._files: list[tuple[int, tuple[int, int]]] = []
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY)
            self._files.append((descriptor, _written(descriptor)))

    def __del__(self) -> None:
        for descriptor, _ in self._files:
            os.close(descriptor)

    def are_unchanged(self) -> bool:
        """Whether none was written to since."""
        return all(_written(descriptor) == before for descriptor, before in self._files)


def _written(descriptor: int) -> tuple[int, int]:
    """The size of an open file in bytes, and when it was written, in nanoseconds."""
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns

"""Files that are mapped into memory, whose size is checked: reading behind the end of a cut one ends the process."""

import os
from collections.abc import Mapping
from pathlib import Path


class Mapped:
    """Files, which stay open, with the sizes that they had."""

    def __init__(self, sizes: Mapping[Path, int]) -> None:
        self._files = [(os.open(path, os.O_RDONLY), size) for path, size in sizes.items()]

    def __del__(self) -> None:
        for descriptor, _ in getattr(self, "_files", ()):
            os.close(descriptor)

    def are_whole(self) -> bool:
        """Whether each is as large as it was."""
        return all(os.fstat(descriptor).st_size == size for descriptor, size in self._files)

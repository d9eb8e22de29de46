"""The documents that were needed last, kept so that their texts aren't read and unpacked again for each citation."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from qa.types import Document

MOST = 10_000_000  # characters of their texts together, mostly of a byte each; the last one is kept in any case


class Recent:
    """Gets documents by their ids, from where they were got last or by `get`."""

    def __init__(self, get: Callable[[str], Document | None]) -> None:
        self._get = get
        self._kept: OrderedDict[str, Document] = OrderedDict()  # those needed last are last
        self._lock = threading.Lock()

    def __call__(self, id_: str) -> Document | None:
        """The document of an id, or None where there is none."""
        with self._lock:
            if id_ in self._kept:
                self._kept.move_to_end(id_)
                return self._kept[id_]
        found = self._get(id_)
        if found:
            with self._lock:
                self._kept[id_] = found
                while len(self._kept) > 1 and sum(len(document.text) for document in self._kept.values()) > MOST:
                    self._kept.popitem(last=False)
        return found

"""A cache of the documents used last, so that a citation needn't read and unpack its document again."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from qa.types import Document

MOST = 10_000_000  # characters of all texts together, mostly of a byte each; the last one is kept in any case


class RecentDocuments:
    """Gets documents by `get`, and keeps those used last."""

    def __init__(self, get: Callable[[str], Document | None]) -> None:
        self._get = get
        self._kept: OrderedDict[str, Document] = OrderedDict()  # least recently used first
        self._lock = threading.Lock()

    def __call__(self, id_: str) -> Document | None:
        """Return the document of an id, or None where there is none."""
        with self._lock:
            if id_ in self._kept:
                self._kept.move_to_end(id_)
                return self._kept[id_]
        document = self._get(id_)
        if document:
            with self._lock:
                self._kept[id_] = document
                while len(self._kept) > 1 and sum(len(kept.text) for kept in self._kept.values()) > MOST:
                    self._kept.popitem(last=False)
        return document

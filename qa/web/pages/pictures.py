"""Pages of scans as pictures, made from their files when they are asked for."""

import hashlib
import threading
from collections import OrderedDict

from qa.documents.sandbox import Converter
from qa.errors import CorpusError
from qa.types import Document

TIMEOUT_S = 10.0
MOST = 32 * 2**20  # bytes of those that are kept


class Pictures:
    """Makes one picture at a time, in a process of its own, and keeps those that were needed last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()  # those needed last are last
        self._lock = threading.Lock()

    def are_of(self, document: Document) -> bool:
        """Whether there are any of a document: it has scanned pages, and its file is as it was when it was read."""
        return _bytes(document, 0) is not None

    def page(self, document: Document, number: int) -> bytes | None:
        """A scanned page of a document as a JPEG; None where there is none, or it can't be shown."""
        data = _bytes(document) if number in document.scanned else None
        if data is None or document.path is None:
            return None
        key = document.file_hash, number
        with self._lock:
            if key not in self._kept:
                try:
                    with Converter(TIMEOUT_S) as converter:
                        self._kept[key] = converter.picture(data, document.path.suffix.lower(), number)
                except CorpusError:
                    return None
            self._kept.move_to_end(key)
            found = self._kept[key]
            while sum(map(len, self._kept.values())) > MOST:
                self._kept.popitem(last=False)
        return found


def _bytes(document: Document, most: int = -1) -> bytes | None:
    """The bytes of a document's file, so many at most; None where they aren't those that it was read from."""
    if not document.file_hash or document.path is None:
        return None
    try:
        if not document.path.is_file():
            return None
        with document.path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != document.file_hash:
                return None
            stream.seek(0)
            return stream.read(most)
    except OSError:
        return None

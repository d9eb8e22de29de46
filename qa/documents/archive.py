"""Zip archives, which .docx, .pptx, .xlsx and .epub files are: their parts are read in memory, never unpacked to disk.

So a part's name, or a link among the parts, leads nowhere outside of it. A part that says it is small is not read
any further, and one that says it is large is not read at all: that is how a "zip bomb" is told.
"""

import io
import zipfile
import zlib
from collections.abc import Callable
from posixpath import dirname, normpath
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.parsers import expat

from qa.documents.writing.words import RESERVED
from qa.errors import CorpusError

MAX_PARTS = 20_000
MAX_UNPACKED = 300 * 2**20  # bytes of all parts together
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how files of Office before 2007 begin, and encrypted ones of today
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, KeyError)


class Archive:
    """A zip archive that is safe to read; raises CorpusError if it is damaged, encrypted or too large."""

    def __init__(self, data: bytes) -> None:
        if data.startswith(OLE):
            raise CorpusError(
                "encrypted: remove its password"
                if ENCRYPTED in data
                else "damaged: it is of Office before 2007, save it anew"
            )
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except BROKEN as error:
            raise CorpusError(f"damaged: no zip archive ({error})") from None
        parts = self._zip.infolist()
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise CorpusError(f"too large: more than {MAX_UNPACKED // 2**20} MB or {MAX_PARTS} parts when unpacked")
        if any(part.flag_bits & 1 for part in parts):
            raise CorpusError("encrypted: remove its password")
        self._names = {_folded(part.filename): part.filename for part in parts}
        self._names |= {part.filename: part.filename for part in parts}

    def __contains__(self, name: str) -> bool:
        return name in self._names or _folded(name) in self._names

    def read(self, name: str) -> bytes:
        """Return the bytes of a part."""
        try:
            return self._zip.read(self._names.get(name) or self._names.get(_folded(name), name))
        except BROKEN as error:
            raise CorpusError(f"damaged: its part {name[:80]!r} can't be read ({error})") from None

    def xml(self, name: str) -> ElementTree.Element:
        """Parse a part as XML, without namespaces: they differ between the editions of a format."""
        return parse_xml(self.read(name), name)


def parse_xml(data: bytes, name: str) -> ElementTree.Element:
    """Parse XML into a tree of local names (":id" is an attribute of another namespace), without expanding entities.

    Raises CorpusError where the data is no XML or declares entities.
    """
    builder = ElementTree.TreeBuilder()
    parse_events(data, name, builder.start, builder.end, builder.data)
    return builder.close()


def parse_events(
    data: bytes,
    name: str,
    start: Callable[[str, dict[str, str]], object],
    end: Callable[[str], object],
    text: Callable[[str], object],
) -> None:
    """Parse XML without building a tree: `start`, `end` and `text` are called for each element and its text."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.EntityDeclHandler = _refuse_entity
    parser.StartElementHandler = lambda tag, attributes: start(_local(tag), _named(attributes))
    parser.EndElementHandler = lambda tag: end(_local(tag))
    parser.CharacterDataHandler = lambda words: text(_own(words))
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError, ArithmeticError) as error:
        raise CorpusError(f"damaged: its part {name[:80]!r} is no XML ({error})") from None


def resolve(base: str, target: str) -> str:
    """Return the name of the part that a link to `target` in the part `base` leads to."""
    target = unquote(target.partition("#")[0]).replace("\\", "/")
    return normpath(target.lstrip("/") if target.startswith("/") else f"{dirname(base)}/{target}").lstrip("/")


def _refuse_entity(*_: object) -> None:
    raise CorpusError("damaged: it declares XML entities, which are not read")


def _named(attributes: dict[str, str]) -> dict[str, str]:
    return {":" + _local(name) if "}" in name else name: _own(value) for name, value in attributes.items()}


def _own(text: str) -> str:
    """Replace the characters that mark links and pages here; a document has no use for them."""
    return text if text.isascii() else RESERVED.sub("\ufffd", text)


def _folded(name: str) -> str:
    """Fold a part's name as Office does: case and the kind of slash don't matter."""
    return name.replace("\\", "/").lstrip("/").lower()


def _local(name: str) -> str:
    return name.rpartition("}")[2]

"""The parts of a zip archive, as .docx, .pptx, .xlsx and .epub are, read from memory and never unpacked to a disk.

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

from qa.errors import CorpusError
from qa.formats.words import RESERVED

MAX_PARTS = 20_000
MAX_UNPACKED = 300 * 2**20  # bytes of all parts together
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how files of Office before 2007 begin, and encrypted ones of today
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, KeyError)


class Archive:
    """A zip archive that was found safe to read. Raises CorpusError where it is damaged, encrypted or too large."""

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
        """A part's content."""
        try:
            return self._zip.read(self._names.get(name) or self._names.get(_folded(name), name))
        except BROKEN as error:
            raise CorpusError(f"damaged: its part {name[:80]!r} can't be read ({error})") from None

    def xml(self, name: str) -> ElementTree.Element:
        """A part as an XML tree, its names without namespaces: those differ from one edition of a format to another."""
        return parse_xml(self.read(name), name)


def parse_xml(data: bytes, name: str) -> ElementTree.Element:
    """An XML tree with local names (":id" is an attribute of another namespace); entities are neither made nor fetched.

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
    """The same without a tree: told of each element as it starts and ends, and of the text in it."""
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
    """The name of the part that the part `base` calls `target`."""
    target = unquote(target.partition("#")[0]).replace("\\", "/")
    return normpath(target.lstrip("/") if target.startswith("/") else f"{dirname(base)}/{target}").lstrip("/")


def _refuse_entity(*_: object) -> None:
    raise CorpusError("damaged: it declares XML entities, which are not read")


def _named(attributes: dict[str, str]) -> dict[str, str]:
    return {":" + _local(name) if "}" in name else name: _own(value) for name, value in attributes.items()}


def _own(text: str) -> str:
    """A text without the characters that stand for links: a document has none of its own."""
    return text if text.isascii() else RESERVED.sub("\ufffd", text)


def _folded(name: str) -> str:
    """A part's name as Office compares it, whatever its case, and however a program wrote its folders."""
    return name.replace("\\", "/").lstrip("/").lower()


def _local(name: str) -> str:
    return name.rpartition("}")[2]

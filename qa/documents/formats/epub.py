"""E-books: .epub → the text of the chapters in reading order."""

from qa.documents.archive import Archive, resolve
from qa.documents.converted import Converted, too_long
from qa.documents.formats.html.page import page_of, parts_of
from qa.documents.writing.parts import Part, written
from qa.documents.writing.words import one_line
from qa.errors import CorpusError

CONTAINER = "META-INF/container.xml"
PAGES = ("application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document")


def convert_epub(data: bytes) -> Converted:
    """Convert a book: its chapters and its title."""
    archive = Archive(data)
    if CONTAINER not in archive:
        raise CorpusError("damaged: no e-book in it")
    if "META-INF/rights.xml" in archive:
        raise CorpusError("encrypted: it is protected against copying")
    book = next((entry.get("full-path", "") for entry in archive.xml(CONTAINER).iter("rootfile")), "")
    if book not in archive:
        raise CorpusError("damaged: its list of chapters is missing")
    package = archive.xml(book)
    files = {}
    for entry in package.iter("item"):
        if entry.get("media-type") in PAGES and "nav" not in entry.get("properties", "").split():
            files[entry.get("id", "")] = resolve(book, entry.get("href", ""))
    parts: list[Part] = []
    size = missing = 0
    for entry in package.iter("itemref"):
        name = files.get(entry.get("idref", ""), "")
        if name in archive:
            chapter, _, _ = parts_of(page_of(archive.read(name)), bare=True)
            parts += chapter
            too_long(size := size + sum(len(part.words) for part in chapter))
        elif name:
            missing += 1
    if missing and not parts:
        raise CorpusError("damaged: its chapters are missing")
    return written(parts, one_line(package.findtext(".//metadata/title") or "") or None)

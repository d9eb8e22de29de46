"""PDF → its text in reading order, by PDFium, with headings, paragraphs, lists, tables and listings found again.

A PDF knows letters and their places only. What is a heading is told from its outline where it has one, else from the
size of its letters; a paragraph from the space above it; a table from cells that stand below one another; columns of
text from the space between them. What every page repeats at its top or bottom, or across it, is left out.
"""

import ctypes
import re
from collections.abc import Callable
from dataclasses import replace

import pypdfium2
import pypdfium2.raw as pdfium

from qa.documents.converted import Converted, nothing, too_long
from qa.documents.formats.office.package import NO_TITLES
from qa.documents.formats.pdf.blocks import parts_of
from qa.documents.formats.pdf.lines import Line, read_lines
from qa.documents.formats.pdf.pages import (
    LONGEST_HEADING,
    Style,
    in_columns,
    style_of,
    without_contents,
    without_repeated,
)
from qa.documents.writing.parts import Part, title_of, written
from qa.documents.writing.words import one_line
from qa.errors import CorpusError

UNKNOWN = 0.5  # of all letters; with more the text can't be read
LONGEST_TITLE = 500
LEAST_TEXT = 4  # letters a page; with fewer and a picture on it, it is scanned
MOST_UNREAD = 10  # scanned pages; where nothing is read on them, the others aren't tried
PICTURES = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING)
NO_TITLE = re.compile(r"(?=\S*(?:_|(?:\D*\d){4}))\S+")  # an id or a file's name, unless the first page shows it


def convert_pdf(data: bytes, on_scan: Callable[[], None] = nothing) -> Converted:
    """Read a PDF's text, its title and where its pages begin; `on_scan` is called before a scanned page is read."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise CorpusError("encrypted: remove its password") from None
        raise CorpusError("damaged: it can't be opened as PDF") from None
    try:
        return _convert(document, _Scans(on_scan))
    except (pypdfium2.PdfiumError, ctypes.ArgumentError, ValueError, OverflowError, RecursionError) as error:
        raise CorpusError(f"damaged: {one_line(str(error))[:200]}") from None
    finally:
        document.close()


class _Scans:
    """The pages that are pictures: the parts of each by its number from 0, and why the first of them can't be read."""

    def __init__(self, on_scan: Callable[[], None]) -> None:
        self.parts: dict[int, list[Part]] = {}
        self.reason = ""
        self._on_scan = on_scan

    def read(self, number: int, page: pypdfium2.PdfPage) -> None:
        from qa.documents.ocr import engines, scans  # they bring numpy and Pillow

        self.parts[number] = []
        tried = len(self.parts)
        if tried > scans.MOST_PAGES or (tried > MOST_UNREAD and not any(self.parts.values())):
            return
        try:
            scale = engines.LONGEST_SIDE / max(*page.get_size(), 1.0)
            engines.need_extra("scanned without text")
            self.parts[number] = scans.read_page(page.render(scale=scale, grayscale=True).to_pil(), self._on_scan)
        except CorpusError as error:
            self.reason = self.reason or str(error)


def _convert(document: pypdfium2.PdfDocument, scans: _Scans) -> Converted:
    pages: list[list[Line]] = [[] for _ in range(len(document))]
    heights = [0.0] * len(pages)
    size = broken = unknown = 0
    for number in range(len(pages)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            broken += 1
            continue
        pages[number], heights[number], missing = read_lines(document, page)
        unknown += missing
        length = sum(len(line.text) for line in pages[number])
        too_long(size := size + length)
        if length < LEAST_TEXT and next(iter(page.get_objects(filter=PICTURES, max_depth=3)), None) is not None:
            scans.read(number, page)
        page.close()
    if broken == len(pages):
        raise CorpusError("damaged: none of its pages can be read")
    read = tuple(number + 1 for number, parts in scans.parts.items() if parts)
    if not read and unknown > max(LEAST_TEXT, UNKNOWN * (size + unknown)):
        raise CorpusError(
            "scanned without text: its fonts don't tell their letters, let a program for OCR add the text"
        )
    if not read and scans.parts and size < LEAST_TEXT * len(pages):
        raise CorpusError(scans.reason or "scanned without text: let a program for OCR add the text")
    pages = [in_columns(without_contents(lines)) for lines in without_repeated(pages, heights)]
    style = style_of(document, pages)
    title = _title(document, pages[0], style) or title_of(scans.parts.get(0, []))
    return replace(written(parts_of(pages, style, scans.parts), title), scanned=read)


def _title(document: pypdfium2.PdfDocument, first: list[Line], style: Style) -> str | None:
    """The title in the PDF's properties, unless a program wrote it, else the largest heading on its first page."""
    named = one_line((document.get_metadata_value("Title") or "")[:LONGEST_TITLE])
    is_shown = any(named == line.text for line in first)
    if named and not NO_TITLES.fullmatch(named) and (is_shown or not NO_TITLE.fullmatch(named)):
        return named
    headings = [line for line in first if id(line) in style.levels or style.is_large(line)]
    largest = max((line.size for line in headings), default=0.0)
    words = dict.fromkeys(line.text for line in headings if line.size > 0.95 * largest)
    return one_line(" ".join(words))[:LONGEST_HEADING] or None

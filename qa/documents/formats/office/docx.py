"""Word's documents: .docx → headings by their outline levels, lists by their numbering, tables, notes, text boxes.

What was deleted with changes tracked, hidden text, comments, headers, footers and the table of contents are left out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple
from xml.etree.ElementTree import Element

from qa.documents.archive import Archive
from qa.documents.converted import Converted
from qa.documents.formats.html.page import page_of, parts_of
from qa.documents.formats.office.numbering import Numbering, integer, value
from qa.documents.formats.office.package import OFF, addresses_of, core_title, links_of, main_part, opened, part_of
from qa.documents.writing.formulas import DELETED, of_office
from qa.documents.writing.parts import Part, code, heading, nested, paragraph, written
from qa.documents.writing.rows import Span, spanned
from qa.documents.writing.words import END, LIVE, RESERVED, TARGET, WORDS, bare, linked, lowered, one_line, raised

LEFT_OUT = DELETED | frozenset("delText pPr rPr txbxContent Fallback sectPr tblPr sdtPr commentReference rt".split())
INSIDE = frozenset("sdt sdtContent ins moveTo smartTag customXml hyperlink".split())
LISTINGS = re.compile(
    r"source code|html preformatted|macro|code(?: block)?|preformatted text|plain text code", re.IGNORECASE
)
HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
CONTENTS = re.compile(r"toc \d|table of figures", re.IGNORECASE)
PLAIN_TABLES = re.compile(r"table ?grid.*|normal table|table normal|tabellenraster", re.IGNORECASE)
SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
FIELD = re.compile(r'\s*HYPERLINK\s+"?([^"\s]+)', re.IGNORECASE)
SYMBOLS: dict[str, dict[int, str]] = {  # what fonts of signs have at U+F021 and U+F0A1, or at the places that are named
    "symbol": dict(
        zip(
            [*range(0x21, 0x7F), *range(0xA1, 0xFF)],
            "!∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
            "ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ ⟩∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
            strict=True,
        )
    ),
    "wingdings": dict(zip(map(ord, "ox¨ûüýþßàáâ"), "☐☒☐✗✓☒☑←→↑↓", strict=True)),
    "wingdings 2": dict(zip(map(ord, "OPQRT£"), "✗✓☒☑☒☐", strict=True)),
}
DEEPEST = 40  # tables, groups or text boxes inside one another
STYLES = 20  # that are based on one another


@dataclass(frozen=True, slots=True)
class _Style:
    key: str
    name: str
    based_on: str
    level: int  # of a heading, 0 for any other style
    number: str  # of the list whose item it is
    depth: str
    hidden: str  # of characters
    moved: str
    names: bool  # a table's, that makes its first row look different


def convert_docx(data: bytes) -> Converted:
    """Convert a Word document."""
    archive = opened(data, "[Content_Types].xml", "document")
    document = _Document(archive, main_part(archive, "word/document.xml"))
    parts = document.parts()
    first = next((bare(part.words) for part in parts if part.kind == "heading"), None)
    return written(parts, core_title(archive) or document.title or first)


class _Item(NamedTuple):
    depth: int
    shown: str  # its number
    parts: list[Part]


class _Document:
    def __init__(self, archive: Archive, main: str, depth: int = 0) -> None:
        self.title: str | None = None
        self._archive, self._main, self._depth = archive, main, depth
        self._styles = {style.get(":styleId", ""): _style(style) for style in _parts(archive, main, "/styles", "style")}
        self._numbering = Numbering(part_of(archive, main, "/numbering"))
        self._links = links_of(archive, main)
        self._addresses = addresses_of(archive, main)
        self._notes = {
            (kind, note.get(":id", "")): note
            for kind in ("footnote", "endnote")
            for note in _parts(archive, main, f"/{kind}s", kind)
        }
        self._called: list[tuple[str, str]] = []
        self._fields: list[str] = []  # what those say that have begun and not ended

    def parts(self) -> list[Part]:
        """Return all of the document, with notes below the text that refers to them."""
        body = self._archive.xml(self._main).find("body")
        return [*self.blocks(body, 0), *self.notes()] if body is not None else []

    def blocks(self, parent: Element, depth: int) -> list[Part]:
        """Return the blocks of a body, cell, note or text box; consecutive items are a list, lines of code are one."""
        found: list[Part] = []
        for kind, run in groupby(self._pieces(parent, depth), key=type):
            pieces = list(run)
            if kind is _Item:
                found += nested([piece for piece in pieces if isinstance(piece, _Item)])
            elif kind is str:
                found += code("\n".join(piece for piece in pieces if isinstance(piece, str)))
            else:
                found += [part for piece in pieces if isinstance(piece, list) for part in piece]
        return found

    def _pieces(self, parent: Element, depth: int) -> "Iterator[list[Part] | _Item | str]":
        """Convert the elements of a body one after the other: to blocks, to an item or to a line of a listing."""
        for element in _content(parent, 0) if depth <= DEEPEST else ():
            if element.tag != "p":
                yield self._table(element, depth + 1) if element.tag == "tbl" else self._chunk(element)
                continue
            text = self._words(element)
            boxes = [box for inner in _boxes(element) for box in self.blocks(inner, depth + 1)]
            level, name = self._style(element)
            if CONTENTS.fullmatch(name):
                continue
            gone = any(element.find(f"pPr/rPr/{tag}") is not None for tag in (*DELETED, "vanish"))
            place = self._list_place(element) if text.strip() or not gone else None  # Word counts empty ones as well
            if LISTINGS.fullmatch(name):
                yield text
            elif text.strip() and level:
                yield [*self.notes(), *heading(f"{place[1]} {text}" if place else text, level)]
                if name.lower() == "title" and self.title is None:
                    self.title = one_line(bare(text))
            elif text.strip() and place:
                yield _Item(*place, paragraph(text))
            elif text.strip():
                yield paragraph(text, "caption" if name.lower() == "caption" else "paragraph")
            if boxes:
                yield boxes

    def notes(self) -> list[Part]:
        """Return the notes that the text above refers to."""
        called, self._called = self._called, []
        notes = [self._notes[key] for key in dict.fromkeys(called) if key in self._notes]
        found = [part for note in notes for part in self.blocks(note, DEEPEST - 1)]
        return [part._replace(kind="note") if part.kind == "paragraph" else part for part in found]

    def _chunk(self, element: Element) -> list[Part]:
        """Convert a file that is embedded as part of the text."""
        name = self._links.pop(element.get(":id", ""), "")  # once
        if name not in self._archive or self._depth > 2:
            return []
        data, ending = self._archive.read(name), name.rpartition(".")[2].lower()
        if ending in ("html", "htm", "xhtml"):
            return parts_of(page_of(data), bare=True)[0]
        if ending == "docx":
            archive = opened(data, "[Content_Types].xml", "document")
            return _Document(archive, main_part(archive, "word/document.xml"), self._depth + 1).parts()
        return []

    def _style(self, element: Element) -> tuple[int, str]:
        """A paragraph's level as a heading, 0 for none, and its style's name."""
        own = _level(element)
        name = ""
        for style in self._chain(value(element, "pPr/pStyle")):
            name = name or style.name
            own = own or style.level
        return (0 if own > 9 else own), name

    def _chain(self, key: str) -> Iterator[_Style]:
        for _ in range(STYLES):
            if (style := self._styles.get(key)) is None:
                return
            yield style
            key = style.based_on

    def _list_place(self, element: Element) -> tuple[int, str] | None:
        """How deep in a list a paragraph is, and the number that is shown before it; None outside of any."""
        key = value(element, "pPr/pStyle")
        number, depth = value(element, "pPr/numPr/numId"), value(element, "pPr/numPr/ilvl")
        if not number:
            chain = list(self._chain(key))
            styled = next((style for style in chain if style.number), None)
            number = styled.number if styled else ""
            depth = depth or (styled.depth if styled else "")
            for one in [style.key for style in chain] or [key]:
                if place := self._numbering.of_style(one, number):
                    number, depth = place[0], depth or str(place[1])
                    break
        if not number or number == "0":
            return None
        return integer(depth), self._numbering.next(number, integer(depth))

    def _table(self, table: Element, depth: int) -> list[Part]:
        lines = list(_content(table, 0, "tr"))
        cells = [list(_content(line, 0, "tc")) for line in lines]
        if max((len(row) for row in cells), default=0) < 2:
            return [part for row in cells for cell in row for part in self.blocks(cell, depth)]
        spans = [[self._cell(cell, depth) for cell in row] for row in cells]
        for row, line in zip(spans, lines, strict=True):
            row[:1] = [first._replace(skips=min(integer(value(line, "trPr/gridBefore")), 50)) for first in row[:1]]
        return spanned(spans, self._header(table, lines) if len(lines) > 1 else 0)

    def _cell(self, cell: Element, depth: int) -> Span:
        merged = cell.find("tcPr/vMerge")
        text = one_line(" ".join(_shown(part) for part in self.blocks(cell, depth)))
        wide = max(1, min(integer(value(cell, "tcPr/gridSpan")), 50))
        return Span(text, wide, merged=merged is not None and merged.get(":val", "continue") == "continue")

    def _header(self, table: Element, lines: Sequence[Element]) -> int | None:
        """How many rows a table says to name its columns; None where it leaves that open."""
        said = [(named := line.find("trPr/tblHeader")) is not None and named.get(":val") not in OFF for line in lines]
        if said and said[0]:
            return said.index(False) if False in said else 1
        look = table.find("tblPr/tblLook")
        styles = (
            self._chain(value(table, "tblPr/tblStyle")) if look is not None and look.get(":firstRow") == "1" else ()
        )
        if any(style.names and not PLAIN_TABLES.fullmatch(style.name) for style in styles):
            return 1
        return 1 if _is_bold(lines[0]) and not any(map(_is_bold, lines[1:])) else None

    def _words(self, element: Element, depth: int = 0) -> str:
        """The words of a paragraph or a part of it."""
        parts = []
        for child in element if depth <= DEEPEST else ():
            tag = child.tag
            if tag in LEFT_OUT or (tag == "r" and self._look(child, "vanish") not in ("", *OFF)):
                continue
            if tag == "t":
                parts.append(child.text or "")
            elif tag in SIGNS:
                parts.append(SIGNS[tag])
            elif tag == "sym":
                parts.append(_symbol(child))
            elif tag == "fldChar":
                parts.append(self._field(child))
            elif tag == "instrText":
                self._fields[-1:] = [text + (child.text or "") for text in self._fields[-1:]]
            elif tag in ("footnoteReference", "endnoteReference"):
                self._called.append((tag.removesuffix("Reference"), child.get(":id", "")))
                if child.get(":customMarkFollows", "0") not in OFF:
                    break
            elif tag == "oMath":
                parts.append(of_office(child))
            else:
                parts.append(self._moved(child, self._words(child, depth + 1)))
        return "".join(parts)

    def _field(self, element: Element) -> str:
        """What the beginning, middle or end of a field has among the words: a check box, or an end of a link."""
        place = element.get(":fldCharType")
        if place == "begin":
            self._fields.append("")
            box = element.find("ffData/checkBox")
            marks = [] if box is None else [m for name in ("checked", "default") if (m := box.find(name)) is not None]
            return "" if box is None else "☒" if marks and marks[0].get(":val", "1") not in OFF else "☐"
        if not self._fields:
            return ""
        if place == "end":
            return END if LIVE.match(self._fields.pop()) else ""
        self._fields[-1] = _target(self._fields[-1])
        return f"{TARGET}{self._fields[-1]}{WORDS}" if self._fields[-1] else ""

    def _moved(self, element: Element, words: str) -> str:
        """Words with what their element says of them: a link, or that they stand higher or lower."""
        if element.tag == "hyperlink" and LIVE.match(target := self._addresses.get(element.get(":id", ""), "")):
            place = element.get(":anchor", "")
            return linked(words, f"{target}#{place}" if place and "#" not in target else target)
        if element.tag == "fldSimple":
            return linked(words, _target(element.get(":instr", "")))
        place = self._look(element, "vertAlign") if element.tag == "r" else ""
        return raised(words) if place == "superscript" else lowered(words) if place == "subscript" else words

    def _look(self, run: Element, name: str) -> str:
        """What a run says of how it looks, or else its style; nothing where neither does."""
        if (own := run.find(f"rPr/{name}")) is not None:
            return own.get(":val", "on")
        looks = (style.hidden if name == "vanish" else style.moved for style in self._chain(value(run, "rPr/rStyle")))
        return next(filter(None, looks), "")


def _style(style: Element) -> _Style:
    return _Style(
        style.get(":styleId", ""),
        value(style, "name"),
        value(style, "basedOn"),
        _level(style),
        value(style, "pPr/numPr/numId"),
        value(style, "pPr/numPr/ilvl"),
        "" if (hidden := style.find("rPr/vanish")) is None else hidden.get(":val", "on"),
        value(style, "rPr/vertAlign"),
        any(part.get(":type") == "firstRow" for part in style.iter("tblStylePr")),
    )


def _content(parent: Element, depth: int, tag: str = "") -> Iterator[Element]:
    """The paragraphs, tables and files in an element, or its rows or cells, also those in a frame around some."""
    for child in parent:
        if child.tag in INSIDE and depth <= DEEPEST:
            yield from _content(child, depth + 1, tag)
        elif (child.tag == tag) if tag else (child.tag in ("p", "tbl", "altChunk")):
            yield child


def _boxes(element: Element, depth: int = 0) -> Iterator[Element]:
    """The text boxes in a paragraph; of two editions of one, only that for programs of today."""
    for child in element:
        if child.tag == "txbxContent":
            yield child
        elif child.tag == "AlternateContent":
            editions = [list(_boxes(edition, depth + 1)) for edition in child] if depth <= DEEPEST else []
            yield from next((boxes for boxes in editions if boxes), [])
        elif depth <= DEEPEST and child.tag != "pPr":
            yield from _boxes(child, depth + 1)


def _target(field: str) -> str:
    """Where a field leads, nothing where it is none that does."""
    found = FIELD.match(field)
    return found[1] if found and LIVE.match(found[1]) else ""


def _symbol(element: Element) -> str:
    number = element.get(":char", "")
    character = chr(int(number, 16)) if re.fullmatch(r"[0-9A-Fa-f]{4}", number) else ""
    if "\ue000" <= character <= "\uf8ff":
        return SYMBOLS.get(element.get(":font", "").lower(), {}).get(ord(character) & 0xFF, "")
    return "" if "\ud800" <= character <= "\udfff" else RESERVED.sub("", character)


def _shown(part: Part) -> str:
    return part.words or "; ".join(f"{name}: {words}" if name else words for name, words in part.cells)


def _parts(archive: Archive, main: str, kind: str, tag: str) -> Iterator[Element]:
    part = part_of(archive, main, kind)
    yield from part.iter(tag) if part is not None else ()


def _level(element: Element) -> int:
    """A paragraph's or a style's level as a heading: 1 outermost, 10 for none at all, 0 where nothing is said."""
    name = value(element, "name") if element.tag == "style" else ""
    if name.lower() == "title":
        return 1
    if found := HEADING.fullmatch(name):
        return int(found[1])
    outline = value(element, "pPr/outlineLvl")
    return integer(outline) + 1 if outline else 0


def _is_bold(line: Element) -> bool:
    """Whether all words of a row are bold."""
    runs = [run for run in line.iter("r") if any((text.text or "").strip() for text in run.iter("t"))]
    return bool(runs) and all((bold := run.find("rPr/b")) is not None and bold.get(":val") not in OFF for run in runs)

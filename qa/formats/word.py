"""Word's documents: .docx → headings by their outline levels, lists by their numbering, tables, notes, text boxes.

What was deleted with changes tracked, hidden text, comments, headers, footers and the table of contents are left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from qa.formats.archive import Archive
from qa.formats.converted import Converted
from qa.formats.office import core_title, main_part, opened, part_of
from qa.formats.writing import code, heading, item, join, one_line, paragraph, rows

LEFT_OUT = frozenset(
    "del moveFrom delText instrText pPr rPr txbxContent Fallback sectPr tblPr sdtPr commentReference".split()
)
INSIDE = frozenset("sdt sdtContent ins moveTo smartTag customXml hyperlink".split())
LISTINGS = re.compile(
    r"source code|html preformatted|macro|code(?: block)?|preformatted text|plain text code", re.IGNORECASE
)
HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
CONTENTS = re.compile(r"toc \d|table of figures", re.IGNORECASE)
OFF = ("0", "false", "off", "none")
DEEPEST = 40  # tables, groups or text boxes inside one another
STYLES = 20  # that are based on one another


@dataclass(frozen=True, slots=True)
class _Style:
    name: str
    based_on: str
    level: int  # of a heading, 0 for any other style
    number: str  # of the list whose item it is


def convert_docx(data: bytes) -> Converted:
    """A Word document's text and title."""
    archive = opened(data, "[Content_Types].xml", "document")
    main = main_part(archive, "word/document.xml")
    document = _Document(archive, main)
    body = archive.xml(main).find("body")
    text = join(document.blocks(body, 0) + document.notes()) if body is not None else ""
    first = re.search(r"^#{1,6} (.+)", text, re.MULTILINE)
    return Converted(text, core_title(archive) or document.title or (first[1] if first else None))


class _Document:
    def __init__(self, archive: Archive, main: str) -> None:
        self.title: str | None = None
        self._styles: dict[str, _Style] = {}
        for style in _parts(archive, main, "/styles", "style"):
            self._styles[style.get(":styleId", "")] = _Style(
                _value(style, "name"),
                _value(style, "basedOn"),
                _level(style),
                _value(style, "pPr/numPr/numId"),
            )
        self._kinds = _numbering(archive, main)
        self._notes = {
            (kind, note.get(":id", "")): note
            for kind in ("footnote", "endnote")
            for note in _parts(archive, main, f"/{kind}s", kind)
        }
        self._called: list[tuple[str, str]] = []
        self._counts: dict[tuple[str, int], int] = {}

    def blocks(self, parent: Element, depth: int) -> list[str]:
        """The blocks of a body, a cell, a note or a text box."""
        found: list[str] = []
        items: list[tuple[int, str, str]] = []
        listing: list[str] = []

        def close() -> None:
            found.extend([code("\n".join(listing)), _list(items)])
            listing.clear()
            items.clear()

        for element in _content(parent, 0) if depth <= DEEPEST else ():
            if element.tag == "tbl":
                close()
                found += self._table(element, depth + 1)
                continue
            text = self._words(element)
            boxes = [box for inner in _boxes(element) for box in self.blocks(inner, depth + 1)]
            level, name = self._style(element)
            place = self._list_place(element) if text.strip() else None
            if CONTENTS.fullmatch(name):
                continue
            if LISTINGS.fullmatch(name):
                found.append(_list(items))
                items.clear()
                listing.append(text)
            elif level and text.strip():
                close()
                found += [*self.notes(), heading(text, level)]
                if name.lower() == "title" and self.title is None:
                    self.title = one_line(text)
            elif place is not None:
                found.append(code("\n".join(listing)))
                listing.clear()
                items.append((place[0], place[1], paragraph(text)))
            elif text.strip():
                close()
                found.append(paragraph(text))
            if boxes:
                close()
                found += boxes
        close()
        return [block for block in found if block]

    def notes(self) -> list[str]:
        """The notes that the text above has called."""
        called, self._called = self._called, []
        notes = [self._notes[key] for key in dict.fromkeys(called) if key in self._notes]
        return [block for note in notes for block in self.blocks(note, DEEPEST - 1)]

    def _style(self, element: Element) -> tuple[int, str]:
        """A paragraph's level as a heading, 0 for none, and its style's name."""
        own = _level(element)
        name = ""
        for style in self._chain(element):
            name = name or style.name
            own = own or style.level
        return (0 if own > 9 else own), name

    def _chain(self, element: Element) -> Iterator[_Style]:
        key = _value(element, "pPr/pStyle")
        for _ in range(STYLES):
            if (style := self._styles.get(key)) is None:
                return
            yield style
            key = style.based_on

    def _list_place(self, element: Element) -> tuple[int, str] | None:
        """How deep in a list a paragraph is, and its marker; None outside of any."""
        number = _value(element, "pPr/numPr/numId") or next((s.number for s in self._chain(element) if s.number), "")
        depth = _integer(_value(element, "pPr/numPr/ilvl"))
        if not number or number == "0":
            return None
        kind = self._kinds.get((number, depth), "bullet")
        if kind == "bullet":
            return depth, "-"
        count = self._counts[number, depth] = self._counts.get((number, depth), 0) + 1
        self._counts = {key: value for key, value in self._counts.items() if key[0] != number or key[1] <= depth}
        return depth, f"{count}."

    def _table(self, table: Element, depth: int) -> list[str]:
        lines = [line for line in _content(table, 0, "tr") if line.find("trPr/del") is None]
        cells = [list(_content(line, 0, "tc")) for line in lines]
        if max((len(row) for row in cells), default=0) < 2:
            return [block for row in cells for cell in row for block in self.blocks(cell, depth)]
        grid: list[list[str]] = []
        for line, row in zip(lines, cells, strict=True):
            texts = [""] * min(_integer(_value(line, "trPr/gridBefore")), 50)
            for cell in row:
                merged = cell.find("tcPr/vMerge")
                text = one_line(" ".join(self._cell(cell, depth)))
                if merged is not None and merged.get(":val", "continue") == "continue" and grid:
                    text = grid[-1][len(texts)] if len(texts) < len(grid[-1]) else ""
                wide = max(1, min(_integer(_value(cell, "tcPr/gridSpan")), 50))
                texts += [text, *[text if not grid else ""] * (wide - 1)]
            grid.append(texts)
        return rows(grid, header=_has_names(table, lines[0]) if len(grid) > 1 else None)

    def _cell(self, cell: Element, depth: int) -> Iterator[str]:
        for block in self.blocks(cell, depth):
            yield re.sub(r"^ *(?:- |#+ )", "", block, flags=re.MULTILINE)

    def _words(self, element: Element, depth: int = 0) -> str:
        """The words of a paragraph or a part of it."""
        parts = []
        for child in element if depth <= DEEPEST else ():
            tag = child.tag
            if tag in LEFT_OUT or (tag == "r" and _is_hidden(child)):
                continue
            if tag == "t":
                parts.append(child.text or "")
            elif tag in ("tab", "ptab"):
                parts.append("\t")
            elif tag in ("br", "cr"):
                parts.append("\n")
            elif tag == "noBreakHyphen":
                parts.append("-")
            elif tag in ("footnoteReference", "endnoteReference"):
                self._called.append((tag.removesuffix("Reference"), child.get(":id", "")))
            else:
                parts.append(self._words(child, depth + 1))
        return "".join(parts)


def _content(parent: Element, depth: int, tag: str = "") -> Iterator[Element]:
    """The paragraphs and tables in an element, or its rows or cells, also those in a frame around some."""
    for child in parent:
        if child.tag in INSIDE and depth <= DEEPEST:
            yield from _content(child, depth + 1, tag)
        elif (child.tag == tag) if tag else (child.tag in ("p", "tbl")):
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


def _has_names(table: Element, first: Element) -> bool | None:
    """Whether a table says that its first row names the columns; None where it leaves that open."""
    named = first.find("trPr/tblHeader")
    if named is not None and named.get(":val") not in OFF:
        return True
    look = table.find("tblPr/tblLook")
    if look is None:
        return None
    bits = look.get(":val", "")
    set_so = look.get(":firstRow") or ("1" if re.fullmatch(r"[0-9A-Fa-f]{4}", bits) and int(bits, 16) & 0x20 else "0")
    return None if set_so not in OFF else False


def _list(items: list[tuple[int, str, str]]) -> str:
    """The items of a list, each indented below the one that it belongs to."""
    lines: list[str] = []
    above: list[tuple[int, int]] = []  # depth and indentation of the text of the items that the next can belong to
    for depth, marker, text in items:
        above = [place for place in above if place[0] < depth]
        indent = above[-1][1] if above else 0
        lines += [" " * indent + line for line in item([text], marker).splitlines()]
        above.append((depth, indent + len(marker) + 1))
    return "\n".join(lines)


def _numbering(archive: Archive, main: str) -> dict[tuple[str, int], str]:
    """How each level of each list is numbered; "bullet" is one way."""
    part = part_of(archive, main, "/numbering")
    if part is None:
        return {}
    levels = {
        kind.get(":abstractNumId", ""): {
            _integer(lvl.get(":ilvl", "")): _value(lvl, "numFmt") for lvl in kind.iter("lvl")
        }
        for kind in part.iter("abstractNum")
    }
    return {
        (number.get(":numId", ""), depth): form
        for number in part.iter("num")
        for depth, form in levels.get(_value(number, "abstractNumId"), {}).items()
    }


def _parts(archive: Archive, main: str, kind: str, tag: str) -> Iterator[Element]:
    part = part_of(archive, main, kind)
    yield from part.iter(tag) if part is not None else ()


def _level(element: Element) -> int:
    """A paragraph's or a style's level as a heading: 1 outermost, 10 for none at all, 0 where nothing is said."""
    name = _value(element, "name") if element.tag == "style" else ""
    if name.lower() == "title":
        return 1
    if found := HEADING.fullmatch(name):
        return int(found[1])
    outline = _value(element, "pPr/outlineLvl")
    return _integer(outline) + 1 if outline else 0


def _value(element: Element, path: str) -> str:
    found = element.find(path)
    return "" if found is None else found.get(":val", "")


def _integer(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def _is_hidden(run: Element) -> bool:
    hidden = run.find("rPr/vanish")
    return hidden is not None and hidden.get(":val") not in OFF

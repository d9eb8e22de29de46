"""Presentations: .pptx → the texts, tables, charts and notes of each slide."""

import re
from xml.etree.ElementTree import Element

from qa.formats.archive import Archive
from qa.formats.converted import Converted
from qa.formats.office import core_title, links_of, opened
from qa.formats.writing import heading, item, join, one_line, paragraph, rows

DEEPEST = 50  # groups of shapes inside one another


def convert_pptx(data: bytes) -> Converted:
    """A presentation: each slide's title is a heading; then its texts, tables, charts and the speaker's notes."""
    main = "ppt/presentation.xml"
    archive = opened(data, main, "presentation")
    links = links_of(archive, main)
    slides = [links.get(entry.get(":id", ""), "") for entry in archive.xml(main).iter("sldId")]
    blocks: list[str] = []
    for number, slide in enumerate(slides, 1):
        if slide not in archive:
            continue
        root = archive.xml(slide)
        if root.get("show") in ("0", "false"):
            continue
        own = _Slide(archive, slide)
        found = own.blocks(root)
        title = own.title or (f"Slide {number}" if found else "")
        blocks += [heading(title, 1 if number == 1 and own.opening else 2), *found, *own.notes()]
    text = join(blocks)
    first = re.match(r"# (.+)", text)
    return Converted(text, core_title(archive) or (first[1] if first else None))


class _Slide:
    """What is on a slide, in the order of its shapes."""

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive = archive
        self._name = name
        self._links = links_of(archive, name)
        self.title = ""
        self.opening = False  # it is a presentation's title page

    def blocks(self, root: Element) -> list[str]:
        tree = root.find(".//spTree")
        return self._shapes(tree, 0) if tree is not None else []

    def notes(self) -> list[str]:
        found = []
        for part in links_of(self._archive, self._name, "/notesSlide").values():
            if part in self._archive:
                for shape in self._archive.xml(part).iter("sp"):
                    if _placeholder(shape) == "body":
                        found += [block for body in shape.iter("txBody") for block in _texts(body, listed=False)]
        return found

    def _shapes(self, parent: Element, depth: int) -> list[str]:
        found: list[str] = []
        for shape in parent if depth <= DEEPEST else ():
            if shape.tag in ("grpSp", "AlternateContent", "Choice"):
                found += self._shapes(shape, depth + 1)
            elif shape.tag == "sp":
                found += self._shape(shape)
            elif shape.tag == "graphicFrame":
                found += self._frame(shape)
        return found

    def _shape(self, shape: Element) -> list[str]:
        kind = _placeholder(shape)
        body = shape.find("txBody")
        if body is None or kind in ("sldNum", "dt", "ftr", "hdr"):
            return []
        if kind in ("title", "ctrTitle") and not self.title:
            self.title = one_line(" ".join(_words(each) for each in body.iter("p")))
            self.opening = kind == "ctrTitle"
            return []
        return _texts(body, listed=kind in ("body", "obj", None) and kind is not None)

    def _frame(self, frame: Element) -> list[str]:
        found: list[str] = []
        for table in frame.iter("tbl"):
            cells = _cells(table)
            properties = table.find("tblPr")
            named = properties is not None and properties.get("firstRow") in ("1", "true")
            found += rows(cells, header=True if named and len(cells) > 1 else None)
        for data in frame.iter("graphicData"):
            kind = (data.get("uri") or "").rpartition("/")[2]
            for link in data:
                part = self._links.get(link.get(":id") or link.get(":dm") or "", "")
                if part in self._archive and kind == "chart":
                    found += _chart(self._archive.xml(part))
                elif part in self._archive and kind == "diagram":
                    words = (" ".join(map(_words, point.iter("p"))) for point in self._archive.xml(part).iter("pt"))
                    found += [item([paragraph(one_line(text))]) for text in words if text.strip()]
        return found


def _cells(table: Element) -> list[list[str]]:
    """A table's cells; one that spans rows is repeated in each, one that spans columns only in the row of names."""
    grid: list[list[str]] = []
    for line in table.iter("tr"):
        row: list[str] = []
        for cell in line.iter("tc"):
            words = one_line(" ".join(_words(each) for each in cell.iter("p")))
            if cell.get("vMerge") in ("1", "true") and grid and len(row) < len(grid[-1]):
                words = grid[-1][len(row)]
            elif cell.get("hMerge") in ("1", "true"):
                words = row[-1] if row and not grid else ""
            row.append(words)
        grid.append(row)
    return grid


def _placeholder(shape: Element) -> str | None:
    """What a shape's place on the slide is for, None where it has no such place."""
    place = shape.find("./nvSpPr/nvPr/ph")
    return None if place is None else place.get("type", "obj")


def _texts(body: Element, listed: bool) -> list[str]:
    """A shape's paragraphs: those in a list of the layout are items, as are those with bullets of their own."""
    found: list[tuple[int, str]] = []
    for each in body.iter("p"):
        if not (words := paragraph(_words(each))):
            continue
        style = each.find("pPr")
        level = int(style.get("lvl", "0")) if style is not None and style.get("lvl", "0").isdecimal() else 0
        bullet = style is not None and any(style.find(name) is not None for name in ("buChar", "buAutoNum", "buBlip"))
        bare = style is not None and style.find("buNone") is not None
        found.append((min(level, 8) if bullet or (listed and not bare) else -1, words))
    if len(found) == 1 and found[0][0] == 0:
        return [found[0][1]]
    blocks: list[str] = []
    for level, words in found:
        text = item([words]) if level >= 0 else words
        if level > 0 and blocks and blocks[-1].startswith("- "):
            blocks[-1] += "\n" + "\n".join("  " * level + line for line in text.splitlines())
        else:
            blocks.append(text)
    return blocks


def _words(text: Element) -> str:
    parts = []
    for element in text.iter():
        if element.tag == "t":
            parts.append(element.text or "")
        elif element.tag == "br":
            parts.append("\n")
    return "".join(parts)


def _chart(chart: Element) -> list[str]:
    """A chart's title and its numbers: a row for each of its categories, with the names of the series."""
    title = chart.find(".//chart/title")
    series = []
    names: dict[int, str] = {}
    for one in chart.iter("ser"):
        names |= _points(one.find("cat"))
        label = _points(one.find("tx"))
        series.append((label.get(0, ""), _points(one.find("val"))))
    table = [["", *(name for name, _ in series)]]
    table += [
        [names.get(at, ""), *(values.get(at, "") for _, values in series)]
        for at in sorted({k for _, v in series for k in v})
    ]
    return [paragraph(_words(title)) if title is not None else "", *rows(table, header=True)]


def _points(values: Element | None) -> dict[int, str]:
    points = values.iter("pt") if values is not None else ()
    return {int(p.get("idx", "")): one_line(p.findtext("v") or "") for p in points if p.get("idx", "").isdecimal()}

"""Presentations: .pptx → the texts, tables, charts and notes of each slide in reading order."""

import re
from collections.abc import Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element

from qa.documents.archive import Archive
from qa.documents.converted import Converted
from qa.documents.formats.office.numbering import integer
from qa.documents.formats.office.numbers import shown
from qa.documents.formats.office.package import addresses_of, core_title, links_of, opened
from qa.documents.writing.formulas import of_office
from qa.documents.writing.parts import Part, heading, nested, paragraph, written
from qa.documents.writing.rows import Span, rows, spanned
from qa.documents.writing.words import LIVE, bare, linked, lowered, one_line, raised

DEEPEST = 50  # groups of shapes inside one another
TITLES = ("title", "ctrTitle")
SAME_LINE = 0.5  # of the lower one's height: shapes that begin less far from one another stand on a line

Place = tuple[int, int, int]  # from the top, from the left, and how high


def convert_pptx(data: bytes) -> Converted:
    """Convert a presentation: each slide's title is a heading above its texts, tables, charts and speaker's notes."""
    main = "ppt/presentation.xml"
    archive = opened(data, main, "presentation")
    links = links_of(archive, main)
    slides = [links.get(entry.get(":id", ""), "") for entry in archive.xml(main).iter("sldId")]
    parts: list[Part] = []
    places: dict[str, dict[tuple[str, str], Place]] = {}
    for number, slide in enumerate(slides, 1):
        if slide not in archive:
            continue
        root = archive.xml(slide)
        if root.get("show") in ("0", "false"):
            continue
        own = _Slide(archive, slide, places)
        found = own.parts(root)
        title = own.title or (f"Slide {number}" if found else "")
        parts += [*heading(title, 1 if number == 1 and own.opening else 2), *found, *own.notes()]
    first = next((bare(part.words) for part in parts[:1] if part.kind == "heading" and part.level == 1), None)
    return written(parts, core_title(archive) or first)


class _Slide:
    """Reads a slide."""

    def __init__(self, archive: Archive, name: str, places: dict[str, dict[tuple[str, str], Place]]) -> None:
        self._archive = archive
        self._name = name
        self._links = links_of(archive, name)
        self._addresses = addresses_of(archive, name)
        layout = next(iter(links_of(archive, name, "/slideLayout").values()), "")
        if layout not in places:
            places[layout] = _layout(archive, layout) if layout in archive else {}
        self._layout = places[layout]
        self.title = ""
        self.opening = False  # it is a presentation's title page

    def parts(self, root: Element) -> list[Part]:
        tree = root.find(".//spTree")
        return [part for _, parts in self._shapes(tree, 0) for part in parts] if tree is not None else []

    def notes(self) -> list[Part]:
        found = []
        for name in links_of(self._archive, self._name, "/notesSlide").values():
            if name in self._archive:
                for shape in self._archive.xml(name).iter("sp"):
                    if _placeholder(shape)[0] == "body":
                        found += [part for body in shape.iter("txBody") for part in self._texts(body, listed=False)]
        return [part._replace(kind="note") if part.kind == "paragraph" else part for part in found]

    def _shapes(self, parent: Element, depth: int) -> list[tuple[Place, list[Part]]]:
        """The shapes from the top down, those beside one another from the left; those of a group stay together."""
        found: list[tuple[Place, list[Part]]] = []
        for shape in parent if depth <= DEEPEST else ():
            if any(own.get("hidden") in ("1", "true") for own in shape.iterfind("./*/cNvPr")):
                continue
            place, parts = self._place(shape), []
            if shape.tag in ("grpSp", "AlternateContent", "Choice"):
                inside = self._shapes(shape, depth + 1)
                parts = [part for _, own in inside for part in own]
                if inside and (shape.tag != "grpSp" or not place[2]):
                    place = inside[0][0]
            elif shape.tag == "sp":
                parts = self._shape(shape)
            elif shape.tag == "graphicFrame":
                parts = self._frame(shape)
            if parts:
                found.append((place, parts))
        return list(_in_order(found))

    def _place(self, shape: Element) -> Place:
        """Where a shape stands: it may say so itself, or its layout; those that say nothing come first."""
        frame = next((f for path in ("spPr/xfrm", "grpSpPr/xfrm", "xfrm") if (f := shape.find(path)) is not None), None)
        kind, number = _placeholder(shape)
        return _frame_place(frame) or self._layout.get(("", number)) or self._layout.get((kind, "")) or (-1, -1, 0)

    def _shape(self, shape: Element) -> list[Part]:
        kind, _ = _placeholder(shape)
        body = shape.find("txBody")
        if body is None or kind in ("sldNum", "dt", "ftr", "hdr"):
            return []
        if kind in TITLES and not self.title:
            self.title = one_line(" ".join(self._words(each) for each in body.iter("p")))
            self.opening = kind == "ctrTitle"
            return []
        return self._texts(body, listed=kind in ("body", "obj"))

    def _frame(self, frame: Element) -> list[Part]:
        found: list[Part] = []
        for table in frame.iter("tbl"):
            properties = table.find("tblPr")
            named = properties is not None and properties.get("firstRow") in ("1", "true")
            cells = [self._cells(line) for line in table.iter("tr")]
            found += spanned(cells, 1 if named and len(cells) > 1 else None)
        for data in frame.iter("graphicData"):
            kind = (data.get("uri") or "").rpartition("/")[2]
            for link in data:
                name = self._links.get(link.get(":id") or link.get(":dm") or "", "")
                if name in self._archive and kind == "chart":
                    found += self._chart(self._archive.xml(name))
                elif name in self._archive and kind == "diagram":
                    points = self._archive.xml(name).iter("pt")
                    texts = (one_line(" ".join(map(self._words, point.iter("p")))) for point in points)
                    found += nested([(0, "", paragraph(text)) for text in texts if text])
        return found

    def _cells(self, line: Element) -> list[Span]:
        """The cells of a table's row, each with those that are merged into it."""
        row: list[Span] = []
        for cell in line.iter("tc"):
            if row and cell.get("hMerge") in ("1", "true"):
                row[-1] = row[-1]._replace(wide=row[-1].wide + 1)
            else:
                words = one_line(" ".join(self._words(each) for each in cell.iter("p")))
                row.append(Span(words, merged=cell.get("vMerge") in ("1", "true")))
        return row

    def _texts(self, body: Element, listed: bool) -> list[Part]:
        """A shape's paragraphs: those in a list of the layout are items, as are those with bullets of their own."""
        found: list[tuple[int, list[Part]]] = []
        for each in body.iter("p"):
            if not (words := paragraph(self._words(each))):
                continue
            style = each.find("pPr")
            level = integer(style.get("lvl", "")) if style is not None else 0
            marks = ("buChar", "buAutoNum", "buBlip")
            bullet = style is not None and any(style.find(name) is not None for name in marks)
            bare = style is not None and style.find("buNone") is not None
            found.append((min(level, 8) if bullet or (listed and not bare) else -1, words))
        if len(found) == 1 and found[0][0] == 0:
            return found[0][1]
        parts: list[Part] = []
        items: list[tuple[int, str, list[Part]]] = []
        for level, words in found:
            if level >= 0:
                items.append((level, "", words))
            else:
                parts += [*nested(items), *words]
                items = []
        return [*parts, *nested(items)]

    def _words(self, text: Element) -> str:
        """The words of a paragraph, in which some are raised, lowered or lead somewhere."""
        parts = []
        for element in text:
            if element.tag == "br":
                parts.append("\n")
                continue
            if (shown := next(element.iter("oMath"), None)) is not None:
                parts.append(of_office(shown))
                continue
            words = "".join(inner.text or "" for inner in element.iter("t"))
            style = element.find("rPr")
            moved = _whole(style.attrib, "baseline") if style is not None else 0
            link = style.find("hlinkClick") if style is not None else None
            if moved:
                words = raised(words) if moved > 0 else lowered(words)
            if link is not None and LIVE.match(target := self._addresses.get(link.get(":id", ""), "")):
                words = linked(words, target)
            parts.append(words)
        return "".join(parts)

    def _chart(self, chart: Element) -> list[Part]:
        """A chart's title and its numbers: a row for each of its categories, with the names of the series."""
        title = chart.find(".//chart/title")
        series = []
        names: dict[int, str] = {}
        for one in chart.iter("ser"):
            for axis in ("cat", "xVal"):
                names |= _points(one.find(axis))
            name = one.findtext("tx/v") or _points(one.find("tx")).get(0, "")
            series.append((name, _points(one.find("val")) or _points(one.find("yVal"))))
        table = [["", *(name for name, _ in series)]]
        table += [
            [names.get(at, ""), *(values.get(at, "") for _, values in series)]
            for at in sorted({k for _, v in series for k in v})
        ]
        words = (
            one_line(" ".join([*map(self._words, title.iter("p")), *_points(title).values()]))
            if title is not None
            else ""
        )
        return [*paragraph(words, "caption"), *(rows(table, 1) if len(table) > 1 else [])]


def _in_order(found: Sequence[tuple[Place, list[Part]]]) -> Iterator[tuple[Place, list[Part]]]:
    """Those whose tops are about as high are on one line, and go from the left."""
    line: list[tuple[Place, list[Part]]] = []
    for one in sorted(found, key=lambda pair: pair[0][0]):
        if line and one[0][0] > line[0][0][0] + SAME_LINE * min(one[0][2], line[0][0][2]):
            yield from sorted(line, key=lambda pair: pair[0][1])
            line = []
        line.append(one)
    yield from sorted(line, key=lambda pair: pair[0][1])


def _layout(archive: Archive, layout: str) -> dict[tuple[str, str], Place]:
    """Where a layout has its places, by what they are for or by their numbers; its master, by what they are for."""
    found: dict[tuple[str, str], Place] = {}
    for name in (*links_of(archive, layout, "/slideMaster").values(), layout):
        for shape in archive.xml(name).iter("sp") if name in archive else ():
            kind, number = _placeholder(shape)
            usual = found.get(("title" if kind in TITLES else "body", ""))  # of the master
            place = _frame_place(shape.find("spPr/xfrm")) or (usual if name == layout else None)
            if kind and place:
                found[kind, ""] = place
                found |= {("", number): place} if name == layout and number else {}
    return found


def _frame_place(frame: Element | None) -> Place | None:
    off, size = (frame.find("off"), frame.find("ext")) if frame is not None else (None, None)
    if off is None:
        return None
    return _whole(off.attrib, "y"), _whole(off.attrib, "x"), _whole(size.attrib, "cy") if size is not None else 0


def _whole(attributes: Mapping[str, str], name: str) -> int:
    found = re.fullmatch(r"(-?\d{1,14})(?:\.\d*)?%?", attributes.get(name, ""))
    return int(found[1]) if found else 0


def _placeholder(shape: Element) -> tuple[str, str]:
    """What a shape's place on the slide is for, and its number there; nothing where it has no such place."""
    place = shape.find("./nvSpPr/nvPr/ph")
    return ("", "") if place is None else (place.get("type", "obj"), place.get("idx", ""))


def _points(values: Element | None) -> dict[int, str]:
    """Texts or numbers by their places, numbers as they are shown."""
    if values is None:
        return {}
    pattern = next((code.text or "General" for code in values.iter("formatCode")), "")
    if not pattern and any(values.find(f".//{name}") is not None for name in ("numCache", "numLit")):
        pattern = "General"
    texts: dict[int, str] = {}
    for level in values.findall(".//lvl") or [values]:  # the names of categories, then those of groups of them
        points = {integer(p.get("idx", "")): p for p in level.iter("pt")}
        last = ""
        for at in sorted(texts.keys() | points.keys()):
            if at in points:
                last = one_line(points[at].findtext("v") or "")
                pattern_here = points[at].get("formatCode") or pattern
                last = shown(last, pattern_here) if pattern_here else last
            texts[at] = f"{last} {texts[at]}".strip() if at in texts else last
    return texts

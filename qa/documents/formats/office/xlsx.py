"""Workbooks: .xlsx → each sheet's tables, with values as the program shows them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from qa.documents.archive import Archive, parse_events
from qa.documents.converted import Converted, too_long
from qa.documents.formats.office.numbering import integer
from qa.documents.formats.office.numbers import BUILT_IN, shown
from qa.documents.formats.office.package import OFF, addresses_of, core_title, links_of, main_part, opened, part_of
from qa.documents.writing.parts import Part, heading, paragraph, written
from qa.documents.writing.rows import NUMBER, YEAR, has_names, tabled
from qa.documents.writing.words import LIVE, bare, linked, one_line
from qa.errors import CorpusError

MOST_COLUMNS = 16_384
MOST_CELLS = 20_000_000  # of a table, empty ones as well
MOST_MERGED = 10_000  # cells of all merged stretches that are filled in
ESCAPED = re.compile(r"_x00([0-7][0-9A-Fa-f])_")
LINK = re.compile(r'\s*HYPERLINK\("([^"]+)"', re.IGNORECASE)
CELL = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")


@dataclass(slots=True)
class _Cell:
    text: str
    look: int = 0  # of those that stand out by their font or colour, each has its own


@dataclass(slots=True)
class _Sheet:
    """What a sheet holds, by the numbers of rows and columns, from 1."""

    rows: dict[int, dict[int, _Cell]] = field(default_factory=dict)
    across: dict[int, dict[int, str]] = field(default_factory=dict)  # what merged cells show in the columns they cover
    hidden: set[int] = field(default_factory=set)  # rows that are not shown
    headers: set[int] = field(default_factory=set)  # rows that are said to hold the names of columns


@dataclass(frozen=True, slots=True)
class _Styles:
    patterns: Sequence[str]
    looks: Sequence[int]


def convert_xlsx(data: bytes) -> Converted:
    """Convert a workbook: each visible sheet is a heading above its rows, which have the names of their columns."""
    archive = opened(data, "[Content_Types].xml", "workbook")
    main = main_part(archive, "xl/workbook.xml")
    book, links = archive.xml(main), links_of(archive, main)
    properties = book.find("workbookPr")
    since_1904 = properties is not None and properties.get("date1904") in ("1", "true")
    texts, styles = _shared_texts(part_of(archive, main, "/sharedStrings")), _styles(part_of(archive, main, "/styles"))
    parts: list[Part] = []
    size = 0
    for entry in book.iter("sheet"):
        name = links.get(entry.get(":id", ""), "")
        if entry.get("state", "visible") != "visible" or name not in archive:
            continue
        found = []
        for part in _tables(_read(archive, name, texts, styles, since_1904)):
            found.append(part)
            too_long(size := size + len(part.words) + sum(len(words) for _, words in part.cells))
        if found:
            parts += [*heading(entry.get("name", ""), 1), *found]
    return written(parts, core_title(archive))


def _shared_texts(part: Element | None) -> list[str]:
    return [_words(entry) for entry in part.findall("si")] if part is not None else []


def _words(entry: Element) -> str:
    """Return a text, perhaps of several runs, without the pronunciation of its characters."""
    runs = [entry.find("t"), *(run.find("t") for run in entry.findall("r"))]
    return _plain("".join(run.text or "" for run in runs if run is not None))


def _plain(text: str) -> str:
    """Undo how characters that XML can't have are written: "_x000D_"."""
    return ESCAPED.sub(lambda sign: chr(int(sign[1], 16)), text) if "_x00" in text else text


def _styles(part: Element | None) -> _Styles:
    if part is None:
        return _Styles([], [])
    own = {entry.get("numFmtId", ""): entry.get("formatCode", "General") for entry in part.findall("numFmts/numFmt")}
    bold = [b is not None and b.get("val", "1") not in OFF for b in (f.find("b") for f in part.findall("fonts/font"))]
    fills = [fill.find("patternFill") for fill in part.findall("fills/fill")]
    filled = [fill is not None and fill.get("patternType", "none") not in ("none", "gray125") for fill in fills]
    patterns, looks = [], []
    for style in part.findall("cellXfs/xf"):
        number, font, fill = (integer(style.get(name, "0")) for name in ("numFmtId", "fontId", "fillId"))
        patterns.append(own.get(str(number)) or BUILT_IN.get(number, "General"))
        looks.append((font < len(bold) and bold[font]) + 2 * (fill + 1 if fill < len(filled) and filled[fill] else 0))
    return _Styles(patterns, looks)


class _Reader:
    """Handles a sheet's XML as it is parsed, so that a large one needs no tree."""

    def __init__(self, texts: Sequence[str], styles: _Styles, since_1904: bool) -> None:
        self._texts, self._styles, self._since_1904 = texts, styles, since_1904
        self.sheet = _Sheet()
        self.merged: list[str] = []
        self.links: list[tuple[str, str]] = []
        self._hidden: list[tuple[int, int]] = []
        self._row = self._column = 0
        self._is_hidden = False
        self._kind = self._style = self._inside = ""
        self._formula: list[str] = []
        self._value: list[str] = []
        self._is_reading = False  # how characters are pronounced, which isn't shown

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "row":
            number = attributes.get("r", "")
            self._row = int(number) if number.isdecimal() else self._row + 1
            self._column, self._is_hidden = 0, attributes.get("hidden") in ("1", "true")
            self.sheet.hidden |= {self._row} if self._is_hidden else set()
        elif tag == "c":
            place = CELL.fullmatch(attributes.get("r", ""))
            self._column = min(_column(place[1]), MOST_COLUMNS) if place else self._column + 1
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            self._value, self._formula = [], []
        elif tag == "rPh":
            self._is_reading = True
        elif tag in ("v", "t", "f"):
            self._inside = tag
        elif tag == "col" and attributes.get("hidden") in ("1", "true"):
            first, last = attributes.get("min", ""), attributes.get("max", "")
            if first.isdecimal() and last.isdecimal():
                self._hidden.append((int(first), int(last)))
        elif tag == "mergeCell":
            self.merged.append(attributes.get("ref", ""))
        elif tag == "hyperlink":
            self.links.append((attributes.get("ref", ""), attributes.get(":id", "")))
        elif tag == "autoFilter" and (place := CELL.match(attributes.get("ref", ""))):
            self.sheet.headers.add(int(place[2]))
        elif tag == "pane" and attributes.get("state", "").startswith("frozen"):
            self.sheet.headers |= {1} if attributes.get("ySplit") == "1" else set()

    def words(self, text: str) -> None:
        if self._inside and not self._is_reading:
            (self._formula if self._inside == "f" else self._value).append(text)

    def end(self, tag: str) -> None:
        if tag == "rPh":
            self._is_reading = False
        elif tag in ("v", "t", "f"):
            self._inside = ""
        elif tag == "c" and not self._is_hidden and not any(a <= self._column <= b for a, b in self._hidden):
            self._keep(one_line(self._shown("".join(self._value))))

    def _keep(self, text: str) -> None:
        if (leads := LINK.match("".join(self._formula))) and LIVE.match(leads[1]):
            text = linked(text, leads[1])
        look = self._styles.looks[n] if (n := integer(self._style)) < len(self._styles.looks) else 0
        if text:
            self.sheet.rows.setdefault(self._row, {})[self._column] = _Cell(text, look)

    def _shown(self, raw: str) -> str:
        if self._kind == "s":
            return self._texts[int(raw)] if raw.isdecimal() and int(raw) < len(self._texts) else ""
        if self._kind == "b":
            return "TRUE" if raw == "1" else "FALSE"
        if self._kind == "e":
            return ""
        if self._kind == "d":
            date, _, time = raw.rstrip("Z").partition("T")
            time = time.removesuffix(".000").removesuffix(":00")
            return date if time == "00:00" else f"{date} {time}"
        if self._kind != "n":
            return _plain(raw)
        number = integer(self._style)
        pattern = self._styles.patterns[number] if number < len(self._styles.patterns) else "General"
        return shown(raw, pattern, self._since_1904) if raw else ""


def _read(archive: Archive, name: str, texts: Sequence[str], styles: _Styles, since_1904: bool) -> _Sheet:
    reader = _Reader(texts, styles, since_1904)
    parse_events(archive.read(name), name, reader.start, reader.end, reader.words)
    sheet = reader.sheet
    for part in links_of(archive, name, "/table").values():
        table = archive.xml(part) if part in archive else None
        if table is not None and table.get("headerRowCount") != "0" and (place := CELL.match(table.get("ref", ""))):
            sheet.headers.add(int(place[2]))
    addresses = addresses_of(archive, name)
    for ref, key in reader.links:
        place = CELL.match(ref)
        cell = sheet.rows.get(int(place[2]), {}).get(_column(place[1])) if place else None
        if cell is not None and LIVE.match(addresses.get(key, "")):
            cell.text = linked(cell.text, addresses[key])
    _fill_merged(sheet, reader.merged)
    return sheet


def _fill_merged(sheet: _Sheet, merged: Sequence[str]) -> None:
    """Note what merged cells, given as "A1:C2", show in the rows and columns that they cover."""
    filled = 0
    for ref in merged:
        corners = [CELL.fullmatch(corner) for corner in ref.split(":")]
        if len(corners) != 2 or (start := corners[0]) is None or (stop := corners[1]) is None:
            continue
        top, left, bottom, right = int(start[2]), _column(start[1]), int(stop[2]), _column(stop[1])
        origin = sheet.rows.get(top, {}).get(left)
        filled += min(bottom - top + 1, MOST_MERGED) * min(right - left + 1, MOST_MERGED)
        if origin is None or filled > MOST_MERGED:
            continue
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                sheet.across.setdefault(row, {})[column] = origin.text
            if row > top and row in sheet.rows:
                sheet.rows[row].setdefault(left, origin)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _tables(sheet: _Sheet) -> Iterator[Part]:
    """A sheet's tables, which empty rows part, and rows that are said to hold the names of columns."""
    group: list[int] = []
    for number in sorted(sheet.rows):
        named_above = group[-1:] if number in sheet.headers and _is_over(sheet, group, number) else []
        if group and (
            (number > group[-1] + 1 and not _joined(sheet, group[-1], number))
            or (number in sheet.headers and group != named_above)
        ):
            yield from _table(sheet, group[: len(group) - len(named_above)])
            group = named_above
        group.append(number)
    yield from _table(sheet, group)


def _joined(sheet: _Sheet, above: int, below: int) -> bool:
    """Whether all rows between two are hidden, or merged cells cover them."""
    return all(between in sheet.hidden or between in sheet.across for between in range(above + 1, below))


def _is_over(sheet: _Sheet, group: Sequence[int], number: int) -> bool:
    """Whether the last row of a group has names for several of the columns that the row below it names one by one."""
    if not group or group[-1] != number - 1:
        return False
    above, below = sheet.rows[group[-1]], sheet.rows[number]
    merged = sheet.across.get(group[-1], {}).keys() - above.keys()
    gaps = bool(merged) or any(column < max(above) for column in below.keys() - above.keys())
    return gaps and not any(_is_value(cell.text) for cell in above.values())


def _table(sheet: _Sheet, numbers: Sequence[int]) -> list[Part]:
    """Rows that belong together: lines above the names of columns, the names, and what stands below them."""
    at = 0
    while at < len(numbers) and len(sheet.rows[numbers[at]]) == 1 and numbers[at] not in sheet.headers:
        at += 1
    parts = [part for n in numbers[:at] for cell in sheet.rows[n].values() for part in paragraph(cell.text)]
    numbers = numbers[at:]
    columns = sorted({column for number in numbers for column in sheet.rows[number]})
    if len(columns) * len(numbers) > MOST_CELLS:
        raise CorpusError(f"too large: a table of more than {MOST_CELLS // 10**6} million cells")
    lines = [[sheet.rows[n][c].text if c in sheet.rows[n] else "" for c in columns] for n in numbers]
    top = _header(sheet, numbers, lines)
    groups = {
        n for n, number in enumerate(numbers) if n >= top and len(sheet.rows[number]) == 1 and lines[n][0]
    } if len(columns) > 1 else set()  # fmt: skip
    lines[:top] = [_filled(sheet, numbers[n], columns, lines[n], n < top - 1) for n in range(top)]
    return parts + tabled(lines, top, groups)


def _filled(sheet: _Sheet, number: int, columns: Sequence[int], line: Sequence[str], over: bool) -> list[str]:
    """A row of names, in which those that stand over several columns are repeated over each."""
    covered = sheet.across.get(number, {})
    filled = [text or covered.get(column, "") for column, text in zip(columns, line, strict=True)]
    if over and not covered:
        for n in range(2, len(filled)):
            filled[n] = filled[n] or filled[n - 1]
    return filled


def _header(sheet: _Sheet, numbers: Sequence[int], lines: Sequence[Sequence[str]]) -> int:
    """How many rows at the top name the columns."""
    if len(numbers) < 2:
        return 0
    looks = [_look(sheet, number) for number in numbers]
    if len(numbers) > 2 and _is_over(sheet, numbers[:1], numbers[1]) and not any(map(_is_value, lines[1])):
        below = [[cell for cell in column if cell] for column in zip(*lines[1:], strict=True)]
        numeric = any(not _is_number(c[0]) and all(map(_is_number, c[1:])) for c in below if len(c) > 1)
        years = any(YEAR.fullmatch(bare(cell)) for cell in lines[1])
        merged = any(sheet.across.get(numbers[0], {}).keys() - sheet.rows[numbers[0]].keys())
        again = len(set(filter(None, lines[1]))) < len(list(filter(None, lines[1])))
        stands_out = looks[1] and looks[1] not in looks[2:]
        if numbers[1] in sheet.headers or numeric or stands_out or (merged and (years or again)):
            return 2
    until = max(2, len(numbers) - 1)  # the last row can stand out as well, as a sum
    others = [looks[n] for n in range(1, until) if len(sheet.rows[numbers[n]]) > 1]
    if numbers[0] in sheet.headers or (looks[0] and looks[0] not in others and len(sheet.rows[numbers[0]]) > 1):
        return 1
    full = [line for number, line in zip(numbers, lines, strict=True) if len(sheet.rows[number]) > 1]
    return has_names(full) if full and full[0] is lines[0] else 0


def _look(sheet: _Sheet, number: int) -> int:
    """How all cells of a row stand out, 0 where they don't or differ."""
    looks = {cell.look for cell in sheet.rows[number].values()}
    return looks.pop() if len(looks) == 1 else 0


def _is_number(text: str) -> bool:
    return bool(NUMBER.fullmatch(bare(text)))


def _is_value(text: str) -> bool:
    return _is_number(text) and not YEAR.fullmatch(bare(text))

"""Workbooks: .xlsx → each sheet's tables, with values as the program shows them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from qa.formats.archive import Archive, parse_events
from qa.formats.converted import Converted, too_long
from qa.formats.numbers import BUILT_IN, shown
from qa.formats.office import LIVE, addresses_of, core_title, links_of, main_part, opened, part_of
from qa.formats.writing import NUMBER, Part, bare, has_names, heading, linked, named, one_line, paragraph, rows, written

MOST_COLUMNS = 16_384
MOST_MERGED = 10_000  # cells of all merged stretches that are filled in
CELL = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")


@dataclass(slots=True)
class _Cell:
    text: str
    bold: bool = False


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
    bold: Sequence[bool]


def convert_xlsx(data: bytes) -> Converted:
    """A workbook: each sheet that is shown under a heading, its rows with the names of their columns."""
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
    """A text, of several runs perhaps, without how its characters are read."""
    runs = [entry.find("t"), *(run.find("t") for run in entry.findall("r"))]
    return "".join(run.text or "" for run in runs if run is not None)


def _styles(part: Element | None) -> _Styles:
    if part is None:
        return _Styles([], [])
    own = {entry.get("numFmtId", ""): entry.get("formatCode", "General") for entry in part.findall("numFmts/numFmt")}
    fonts = [font.find("b") is not None for font in part.findall("fonts/font")]
    patterns, bold = [], []
    for style in part.findall("cellXfs/xf"):
        number, font = style.get("numFmtId", "0"), style.get("fontId", "0")
        patterns.append(own.get(number) or BUILT_IN.get(int(number) if number.isdecimal() else 0, "General"))
        bold.append(font.isdecimal() and int(font) < len(fonts) and fonts[int(font)])
    return _Styles(patterns, bold)


class _Reader:
    """Takes in a sheet's XML as it is read, so that a large one needs no tree."""

    def __init__(self, texts: Sequence[str], styles: _Styles, since_1904: bool) -> None:
        self._texts, self._styles, self._since_1904 = texts, styles, since_1904
        self.sheet = _Sheet()
        self.merged: list[str] = []
        self.links: list[tuple[str, str]] = []
        self._hidden: list[tuple[int, int]] = []
        self._row = self._column = 0
        self._is_hidden = False
        self._kind = self._style = ""
        self._value: list[str] = []
        self._is_words = False
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
            self._kind, self._style, self._value = attributes.get("t", "n"), attributes.get("s", "0"), []
        elif tag == "rPh":
            self._is_reading = True
        elif tag in ("v", "t"):
            self._is_words = True
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
        if self._is_words and not self._is_reading:
            self._value.append(text)

    def end(self, tag: str) -> None:
        if tag == "rPh":
            self._is_reading = False
        elif tag in ("v", "t"):
            self._is_words = False
        elif tag == "c" and not self._is_hidden and not any(a <= self._column <= b for a, b in self._hidden):
            text = one_line(self._shown("".join(self._value)))
            if text:
                bold = self._styles.bold[n] if (n := self._number()) < len(self._styles.bold) else False
                self.sheet.rows.setdefault(self._row, {})[self._column] = _Cell(text, bold)

    def _number(self) -> int:
        return int(self._style) if self._style.isdecimal() else 0

    def _shown(self, raw: str) -> str:
        if self._kind == "s":
            return self._texts[int(raw)] if raw.isdecimal() and int(raw) < len(self._texts) else ""
        if self._kind == "b":
            return "TRUE" if raw == "1" else "FALSE"
        if self._kind == "e":
            return ""
        if self._kind == "d":
            return raw.removesuffix("T00:00:00").replace("T", " ")
        if self._kind != "n":
            return raw
        number = self._number()
        pattern = self._styles.patterns[number] if number < len(self._styles.patterns) else "General"
        return shown(raw, pattern, self._since_1904) if raw else ""


def _read(archive: Archive, name: str, texts: Sequence[str], styles: _Styles, since_1904: bool) -> _Sheet:
    reader = _Reader(texts, styles, since_1904)
    parse_events(archive.read(name), name, reader.start, reader.end, reader.words)
    sheet = reader.sheet
    for part in links_of(archive, name, "/table").values():
        table = archive.xml(part) if part in archive else None
        if (
            table is not None
            and table.get("headerRowCount", "1") != "0"
            and (place := CELL.match(table.get("ref", "")))
        ):
            sheet.headers.add(int(place[2]))
    addresses = addresses_of(archive, name)
    for ref, key in reader.links:
        place = CELL.match(ref)
        cell = sheet.rows.get(int(place[2]), {}).get(_column(place[1])) if place else None
        if cell is not None and LIVE.match(addresses.get(key, "")):
            cell.text = linked(cell.text, addresses[key])
    filled = 0
    for ref in reader.merged:
        first, _, last = ref.partition(":")
        if not (start := CELL.fullmatch(first)) or not (stop := CELL.fullmatch(last)):
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
    return sheet


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _tables(sheet: _Sheet) -> Iterator[Part]:
    """A sheet's tables, which empty rows part."""
    group: list[int] = []
    for number in sorted(sheet.rows):
        if group and number > group[-1] + 1 and not _joined(sheet, group[-1], number):
            yield from _table(sheet, group)
            group = []
        group.append(number)
    yield from _table(sheet, group)


def _joined(sheet: _Sheet, above: int, below: int) -> bool:
    """Whether all rows between two are hidden, or merged cells cover them."""
    return all(between in sheet.hidden or between in sheet.across for between in range(above + 1, below))


def _table(sheet: _Sheet, numbers: list[int]) -> Iterator[Part]:
    """Rows that belong together: lines above the names of columns, the names, and what stands below them."""
    at = 0
    while at < len(numbers) and len(numbers) - at > 1 and len(sheet.rows[numbers[at]]) == 1:
        if numbers[at] in sheet.headers:
            break
        yield from paragraph(next(iter(sheet.rows[numbers[at]].values())).text)
        at += 1
    numbers = numbers[at:]
    columns = sorted({column for number in numbers for column in sheet.rows[number]})
    lines = {n: [sheet.rows[n][c].text if c in sheet.rows[n] else "" for c in columns] for n in numbers}
    top = _header(sheet, numbers, lines)
    names = named([_filled(sheet, n, columns, lines[n], top > 1) for n in numbers[:top]])
    names = [bare(name).rstrip(": ") for name in names]
    if numbers[:top] and not numbers[top:]:
        yield from rows([lines[n] for n in numbers], 0)
        return
    run: list[list[str]] = []
    for number in numbers[top:]:
        if len(sheet.rows[number]) == 1 and lines[number][0] and len(columns) > 1 and names:  # names a group of rows
            yield from rows(run, 0, names)
            yield from paragraph(lines[number][0])
            run = []
        else:
            run.append(lines[number])
    yield from rows(run, 0, names)


def _filled(sheet: _Sheet, number: int, columns: Sequence[int], line: Sequence[str], over: bool) -> list[str]:
    """A row of names, in which those that stand over several columns are repeated over each."""
    covered = sheet.across.get(number, {})
    filled = [text or covered.get(column, "") for column, text in zip(columns, line, strict=True)]
    if over and not covered:
        for n in range(2, len(filled)):
            filled[n] = filled[n] or filled[n - 1]
    return filled


def _header(sheet: _Sheet, numbers: Sequence[int], lines: Mapping[int, list[str]]) -> int:
    """How many rows at the top name the columns."""
    if len(numbers) < 2:
        return 0
    first, second = numbers[0], numbers[1]
    full = [lines[n] for n in numbers if len(sheet.rows[n]) > 1]
    wide = len(lines[first]) > 2 and "" in lines[first][1:] and not any(map(_is_number, lines[second]))
    if wide and len(numbers) > 2 and len(sheet.rows[second]) > 1 and any(map(_is_number, lines[numbers[2]])):
        return 2
    bold = [all(cell.bold for cell in sheet.rows[n].values()) for n in numbers]
    if first in sheet.headers or (bold[0] and not any(bold[1:]) and len(sheet.rows[first]) > 1):
        return 1
    return has_names(full) if full and full[0] is lines[first] else 0


def _is_number(text: str) -> bool:
    return bool(NUMBER.fullmatch(bare(text)))

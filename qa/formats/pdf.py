"""PDF → its text in reading order, by PDFium, with headings, paragraphs, lists, tables and listings found again.

A PDF knows letters and their places only. What is a heading is told from its outline where it has one, else from the
size of its letters; a paragraph from the space above it; a table from cells that stand below one another; columns of
text from the space between them. What every page repeats at its top or bottom, or across it, is left out.
"""

import ctypes
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from qa.errors import CorpusError
from qa.formats import scans
from qa.formats.converted import Converted, too_long
from qa.formats.office import NO_TITLES
from qa.formats.pdf_lines import BULLET, NUMBER, RIGHT_TO_LEFT, Line, LineCell, read_lines
from qa.formats.pdf_pages import (
    HEADING_LINES,
    LARGER,
    LONGEST_HEADING,
    SECTION,
    Style,
    in_columns,
    levels_by_outline,
    levels_by_size,
    style_of,
    without_contents,
    without_repeated,
)
from qa.formats.writing import (
    END,
    PAGE,
    TARGET,
    WORDS,
    YEAR,
    Part,
    bare,
    code,
    heading,
    nested,
    one_line,
    paragraph,
    plausible,
    rows,
    written,
)

if TYPE_CHECKING:
    import pypdfium2

UNKNOWN = 0.5  # of all letters; with more the text can't be read
SMALLER = 0.93  # those of a note at the page's foot
LONGEST_WORD = 100  # characters
LONGEST_TITLE = 500
GAP = 1.4  # of the usual distance of lines: with more begins a paragraph
LEAST_ROWS = 3  # of a table, with the names of its columns
LEAST_TEXT = 4  # letters a page; with fewer and a picture on it, it is scanned
MOST_UNREAD = 10  # scanned pages; where nothing is read on them, the others aren't tried
DASH = re.compile(r"[–—*»\-]")  # which can begin a line of a sentence as well
FIRST = re.compile(r"\(?[1aA][.)]")
SHORT = 0.6  # of the width of a paragraph
DEEPEST = 9  # lists inside one another
INDENT = 5.0  # points; items that begin further to the right belong to the one above
LEADER = re.compile(r"(?:\. ?){4,}|…{2,}")
SENTENCE_END = re.compile(r"[.?!:;…。？！][\"'”’)\]⁰¹²³⁴⁵⁶⁷⁸⁹]*$")
PARTED = re.compile(rf"(\w+)({END}?)[-‐]({END}?)$")
LINKED = re.compile(f"{TARGET}([^{WORDS}]*){WORDS}[^{END}]*{END}")
AND = re.compile(r"(?:and|or|to|und|oder|bzw|bis|et|ou|y|o|e|och|en|of|и|или)\b")  # after a hyphen that stays
CAPTION = re.compile(
    r"(?:table|figure|fig\.|tabelle|tab\.|abbildung|abb\.|tableau|tabla|figura|tabella|таблица|рис\.|рисунок)"
    r"\s*[A-Z]?\d+(?:[.\-]\d+)*\s?[:.–—]\s",
    re.IGNORECASE,
)
NOTE = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+|[*†‡§]+|\[\d{1,3}\]|\d{1,3}\)")
NO_TITLE = re.compile(  # an id or a file's name
    r"(?=\S*(?:_|(?:\D*\d){4}))\S+|untitled\W*\d*|microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|pdf|indd|qxd|tex|dvi)",
    re.IGNORECASE,
)


class _Item(NamedTuple):
    """An item of a list before it is known how deep it is."""

    left: float
    hang: float
    shown: str
    parts: list[Part]


_Block = Part | _Item


def convert_pdf(data: bytes) -> Converted:
    """A PDF's text, its title and where its pages begin."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise CorpusError("encrypted: remove its password") from None
        raise CorpusError("damaged: it can't be opened as PDF") from None
    try:
        return _convert(document)
    except (pypdfium2.PdfiumError, ctypes.ArgumentError, ValueError, OverflowError, RecursionError) as error:
        raise CorpusError(f"damaged: {one_line(str(error))[:200]}") from None
    finally:
        document.close()


def _convert(document: "pypdfium2.PdfDocument") -> Converted:
    import pypdfium2

    pages: list[list[Line]] = []
    heights: list[float] = []
    scanned: dict[int, list[Part]] = {}
    size = broken = unknown = 0
    unread = ""  # why a page that is scanned can't be read
    for number in range(len(document)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            broken += 1
            pages.append([])
            heights.append(0.0)
            continue
        lines, height, missing = read_lines(document, page)
        unknown += missing
        pages.append(lines)
        heights.append(height)
        length = sum(len(line.text) for line in lines)
        size += length
        too_long(size)
        if length < LEAST_TEXT and _has_picture(page):
            hopeless = len(scanned) >= scans.MOST_PAGES or (len(scanned) >= MOST_UNREAD and not any(scanned.values()))
            scanned[number], why = ([], "") if hopeless else _scanned(page)
            unread = unread or why
        page.close()
    if broken == len(pages):
        raise CorpusError("damaged: none of its pages can be read")
    if not any(scanned.values()):
        if unknown > UNKNOWN * (size + unknown) and unknown > LEAST_TEXT:
            raise CorpusError(
                "scanned without text: its fonts don't tell their letters, let a program for OCR add the text"
            )
        if size < LEAST_TEXT * len(pages) and scanned:
            raise CorpusError(unread or "scanned without text: let a program for OCR add the text")
    pages = [in_columns(without_contents(lines)) for lines in without_repeated(pages, heights)]
    style = style_of(pages, levels_by_outline(document, pages) or levels_by_size(pages))
    title = _title(document, pages, style) or scans.title_of(scanned.get(0, []))
    read = tuple(number + 1 for number, parts in scanned.items() if parts)
    return replace(written(_parts(pages, style, scanned), title), scanned=read)


def _scanned(page: "pypdfium2.PdfPage") -> tuple[list[Part], str]:
    """The parts of a page that is a picture without text, or why there are none."""
    if not scans.installed():
        return [], f"scanned without text: to read it, {scans.COMMAND}"
    try:
        scale = scans.LONGEST_SIDE / max(*page.get_size(), 1.0)
        return scans.read_page(page.render(scale=scale, grayscale=True).to_pil()), ""
    except CorpusError as error:
        return [], str(error)


def _has_picture(page: "pypdfium2.PdfPage") -> bool:
    import pypdfium2.raw as pdfium

    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING)
    return next(iter(page.get_objects(filter=kinds, max_depth=3)), None) is not None


def _parts(pages: list[list[Line]], style: Style, scanned: dict[int, list[Part]]) -> list[Part]:
    """The parts of all pages, each page begun with its mark; what goes on within a sentence is one."""
    blocks: list[_Block] = []
    marks = ""
    table = _Table()
    for number, lines in enumerate(pages):
        marks += PAGE
        own = (
            list[_Block](scanned.get(number, [])) or _Page(lines, style, table, blocks[-1] if blocks else None).blocks()
        )
        if not own:
            continue
        first = own[0]
        at = next((n for n in reversed(range(len(blocks))) if _kind(blocks[n]) != "note"), -1)
        if at >= 0 and isinstance(first, Part) and _goes_on(blocks[at], first):
            blocks.append(_with_more(blocks.pop(at), marks + first.words, style.hyphenated))
            own = own[1:]
        else:
            own[0] = _marked(first, marks)
        marks = ""
        blocks += own
    parts: list[Part] = []
    for is_item, group in groupby(blocks, lambda block: isinstance(block, _Item)):
        if is_item:
            parts += _list([block for block in group if isinstance(block, _Item)])
        else:
            parts += [block for block in group if isinstance(block, Part)]
    if parts:
        parts[-1] = parts[-1]._replace(words=parts[-1].words + marks)
    return parts


def _kind(block: _Block) -> str:
    return block.kind if isinstance(block, Part) else "item"


def _last_words(block: _Block) -> str:
    return block.words if isinstance(block, Part) else block.parts[-1].words


def _marked(block: _Block, marks: str) -> _Block:
    """A block with the marks of the pages that begin with it, which stand before an item's number."""
    if isinstance(block, Part):
        return block._replace(words=marks + block.words)
    if block.shown:
        return block._replace(shown=marks + block.shown)
    return block._replace(parts=[block.parts[0]._replace(words=marks + block.parts[0].words), *block.parts[1:]])


def _goes_on(last: _Block, first: Part) -> bool:
    """Whether a page begins within the sentence that the last one ended with."""
    if _kind(last) not in ("paragraph", "item") or first.kind != "paragraph":
        return False
    words, below = bare(_last_words(last)), bare(first.words)
    return not SENTENCE_END.search(words) and (below[:1].islower() or bool(RIGHT_TO_LEFT.match(below)))


def _with_more(block: _Block, words: str, hyphenated: frozenset[str]) -> _Block:
    joined = _joined(_last_words(block), words, hyphenated)
    if isinstance(block, Part):
        return block._replace(words=joined)
    return block._replace(parts=[*block.parts[:-1], block.parts[-1]._replace(words=joined)])


def _list(items: list[_Item]) -> list[Part]:
    """Items that follow one another; those further to the right are a list in the one above."""
    found: list[tuple[int, str, list[Part]]] = []
    indents: list[float] = []
    for item in items:
        while indents and item.left < indents[-1] - INDENT:
            indents.pop()
        if not indents or item.left > indents[-1] + INDENT:
            indents.append(item.left)
        found.append((min(len(indents) - 1, DEEPEST), item.shown, item.parts))
    return nested(found)


def _joined(above: str, below: str, hyphenated: frozenset[str]) -> str:
    """Two lines as one; the hyphen of a word that is parted between them is left out."""
    between = " "
    plain = bare(below)
    parted = PARTED.search(above, max(0, len(above) - LONGEST_WORD))
    if parted and (plain[:1].isalnum() and not AND.match(plain)):
        rest = re.match(r"[^\W\d_]*", plain)
        compound = f"{parted[1]}-{rest[0] if rest else ''}".lower()
        is_kept = not plain[:1].islower() or not parted[1].isalpha() or compound in hyphenated
        above = f"{above[: parted.start()]}{parted[1]}{parted[2]}{'-' if is_kept else ''}{parted[3]}"
        between = ""
    if (
        above.endswith(END)
        and (link := LINKED.match(above, above.rfind(TARGET)))
        and below.startswith(goes_on := f"{TARGET}{link[1]}{WORDS}")
    ):
        return f"{above[:-1]}{between}{below[len(goes_on) :]}"
    return f"{above}{between}{below}"


@dataclass(slots=True)
class _Table:
    """The table that a page ended with: the places and names of its columns, and its number among lists."""

    columns: list[tuple[float, float]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    number: int = 0


class _Page:
    """A page's lines → its blocks."""

    def __init__(self, lines: list[Line], style: Style, table: _Table, last: _Block | None) -> None:
        self._lines, self._style, self._table, self._last = lines, style, table, last
        self._blocks: list[_Block] = []
        self._no_table = 0  # lines up to this one begin none
        self._distance = _distance(lines)
        upright = [line.bottom for line in lines if line.size > SMALLER * style.usual and not line.turned]
        self._foot = min(upright, default=0.0)

    def blocks(self) -> list[_Block]:
        lines = self._lines
        group: list[Line] = []
        at = 0
        while at < len(lines):
            if stop := self._heading(at, group) or self._code(at, group) or self._rows(at, group):
                at = stop
                continue
            if group and self._begins_paragraph(group[-1], lines[at]):
                self._close(group)
            group.append(lines[at])
            at += 1
        if group or not lines:
            self._table.columns = []
        self._close(group)
        return self._blocks

    def _close(self, group: list[Line]) -> None:
        if group:
            self._paragraphs(group)
            group.clear()

    def _heading(self, at: int, group: list[Line]) -> int:
        """Where the heading at a line ends; 0 where none is."""
        lines, levels = self._lines, self._style.levels
        level = levels.get(id(lines[at]))
        if not level:
            return 0
        self._close(group)
        self._table.columns = []
        stop = at + 1
        while stop < len(lines) and stop - at < HEADING_LINES and _same_heading(lines[stop - 1], lines[stop], levels):
            stop += 1
        words = lines[at].words
        for line in lines[at + 1 : stop]:
            words = _joined(words, line.words, self._style.hyphenated)
        self._blocks += heading(words, level)
        return stop

    def _code(self, at: int, group: list[Line]) -> int:
        lines = self._lines
        stop = at
        while stop < len(lines) and self._style.listings and lines[stop].listing and not lines[stop].turned:
            if id(lines[stop]) in self._style.levels or (stop > at and lines[stop].bottom > lines[stop - 1].bottom):
                break
            stop += 1
        if stop == at:
            return 0
        self._close(group)
        self._table.columns = []
        run = lines[at:stop]
        left = min(line.left for line in run)
        step = min(
            (b for a in pairwise(run) if (b := a[0].bottom - a[1].bottom) > 0.5 * a[0].size), default=run[0].size
        )
        text = ""
        for n, line in enumerate(run):
            wide = (line.right - line.left) / len(line.listing)
            lead = " " * min(round((line.left - left) / wide), 200) if wide > 0 else ""
            empty = max(1, min(round((run[n - 1].bottom - line.bottom) / step), 4)) if n else 0
            text += "\n" * empty + lead + line.listing
        self._blocks += code(text)
        return stop

    def _rows(self, at: int, group: list[Line]) -> int:
        """Where the table at a line ends, which may be one that the last page began; 0 where none is."""
        if at < self._no_table:
            return 0
        goes_on = at == 0 and bool(self._table.columns)
        known = self._table.columns if goes_on else []
        stop, table = self._grid(at, known)
        if known and not table:
            known = []
            stop, table = self._grid(at, known)
        if not table or (not known and not self._is_table(at, stop, table)):
            self._no_table = at + (stop - at) // 2
            return 0
        self._close(group)
        cells = [row.cells for row in table]
        if known:
            names = self._table.names
            parts = rows(cells[1:] if names and [*map(bare, cells[0])] == names else cells, 0, names)
            parts = [part._replace(list=self._table.number or part.list) for part in parts]
        else:
            sure = _has_names(table, at_top=at == 0 and self._last is not None)
            names = [bare(cell) for cell in cells[0]] if sure else []
            parts = rows(cells[1:] if sure else cells, 0, names)
            widest = max(table, key=lambda row: len(row.line.cells)).line
            self._table.columns = [cell[:2] for cell in widest.cells]
        self._table.names = names
        self._table.number = parts[0].list if parts else self._table.number
        if stop < len(self._lines):
            self._table.columns = []
        self._blocks += parts
        return stop

    def _grid(self, start: int, known: list[tuple[float, float]]) -> tuple[int, "list[_Row]"]:
        """The rows of a table that begins at a line, and where it ends; `known` are the places of its columns."""
        lines = self._lines
        widest = max(lines[start : start + LEAST_ROWS], key=lambda line: len(line.cells))
        columns = list(known) or [cell[:2] for cell in widest.cells]
        table: list[_Row] = []
        stop = start
        while len(columns) > 1 and stop < len(lines):
            line = lines[stop]
            step = lines[stop - 1].bottom - line.bottom if table else 0.0
            if id(line) in self._style.levels or line.turned or LEADER.search(line.text):
                break
            placed = _placed(line, columns)
            if not placed or (table and not 0.5 * line.size < step < 4 * line.size):
                break
            if table and self._is_wrapped(placed, step, stop, table):
                above = table[-1]
                above.cells[:] = [
                    _joined(one, two, self._style.hyphenated) if one and two else one or two
                    for one, two in zip(above.cells, placed, strict=True)
                ]
            elif len(line.cells) > 1 and not (known and not table and len(line.cells) < len(columns) - 1):
                table.append(_Row(placed, line, step))
            else:
                break
            stop += 1
        return stop, table

    def _is_wrapped(self, placed: list[str], step: float, at: int, table: "list[_Row]") -> bool:
        """Whether a line only goes on with cells of the row above."""
        line, *below = self._lines[at : at + 2]
        steps = [row.step for row in table[-20:] if row.step] or [line.bottom - one.bottom for one in below]
        usual = statistics.median(steps) if steps else 0.0
        if step > max(GAP * line.size, 0.0 if not usual else min(0.9 * usual, 2 * line.size)):
            return False
        if not placed[0]:
            return not all(placed[1:]) or (len(placed) == 2) or bool(usual and step < 0.85 * usual)
        only_first = not any(placed[1:]) and placed[0][:1].islower()
        return only_first and bool(table[-1].cells[0]) and not SENTENCE_END.search(bare(table[-1].cells[0]))

    def _is_table(self, at: int, stop: int, table: "list[_Row]") -> bool:
        if len(table) < LEAST_ROWS or (table[0].line.marker and len(table[0].cells) == 2):
            return False
        wide = len(table[0].cells)
        full = sum(sum(map(bool, row.cells)) >= max(2, wide - 1) for row in table)
        prose = sum(len(line.text) > 40 * max(len(line.cells), 1) for line in self._lines[at:stop])
        return full >= max(LEAST_ROWS, len(table) / 2) and prose < (stop - at) / 2

    def _begins_paragraph(self, one: Line, two: Line) -> bool:
        if one.turned or two.turned:
            return True
        step = one.bottom - two.bottom
        if one.marker == one.text and not NUMBER.match(one.text):
            return False
        if abs(step) < 0.5 * one.size:  # further on the same line
            return False
        ended = SENTENCE_END.search(one.text)
        if step < 0 or step > 20 * one.size:  # a new column: it goes on within a sentence
            return bool(ended) or not (two.text[:1].islower() or PARTED.search(one.text))
        if self._is_note(two) or (CAPTION.match(two.text) and ended):
            return True
        usual = max(self._distance, 1.05 * one.size) if self._distance else 1.3 * one.size
        indented = (
            two.left - one.left > 0.8 * one.size and ended and not one.marker and not RIGHT_TO_LEFT.match(two.text)
        )
        return step > GAP * usual or abs(one.size - two.size) > 0.2 * one.size or bool(indented)

    def _is_note(self, line: Line) -> bool:
        small = line.size < SMALLER * self._style.usual and line.bottom < self._foot
        return small and NOTE.match(line.text) is not None

    def _paragraphs(self, group: list[Line]) -> None:
        """A group of lines: a paragraph, or the items of a list, each of which begins with a bullet or number."""
        runs: list[tuple[bool, list[Line]]] = []
        for line in _with_bullets(group):
            if self._begins_item(line, runs[-1] if runs else None):
                runs.append((True, [line]))
            elif not runs or (runs[-1][0] and _leaves_item(runs[-1][1], line)):
                runs.append((False, [line]))
            else:
                runs[-1][1].append(line)
        for is_item, run in runs:
            first = run[0]
            last = self._blocks[-1] if self._blocks else None
            if is_item:
                words = first.words if first.words.startswith(first.marker) else first.text
                rest = words[len(first.marker) :]
                if parts := self._flowing([replace(first, words=rest.lstrip()), *run[1:]]):
                    shown = "" if BULLET.match(first.marker) else first.marker
                    left = -first.right if RIGHT_TO_LEFT.search(first.text) else first.left
                    self._blocks.append(_Item(left, first.hang, shown, parts))
            elif isinstance(last, _Item) and last.hang > last.left + INDENT and abs(first.left - last.hang) < INDENT:
                last.parts.extend(self._flowing(run))
            else:
                self._blocks += self._flowing(run)

    def _begins_item(self, line: Line, above: tuple[bool, list[Line]] | None) -> bool:
        """Whether a line with what can be an item's bullet or number begins one; a line of a sentence can as well."""
        if not line.marker or line.marker == line.text:
            return False
        if BULLET.match(line.marker) and not DASH.match(line.marker):
            return True
        if above and not above[0] and not SENTENCE_END.search(above[1][-1].text):
            return False
        last = self._blocks[-1] if self._blocks else self._last
        in_list = above[0] if above else isinstance(last, _Item)
        apart = line.hang - line.left > (0.35 * len(line.marker) + 0.5) * line.size
        return in_list or apart or bool(BULLET.match(line.marker) or FIRST.match(line.marker))

    def _flowing(self, lines: Sequence[Line]) -> list[Part]:
        """Lines as one text; one that ends long before the others, above one that begins a sentence, stays a line."""
        left, right = min(line.left for line in lines), max(line.right for line in lines)
        words = lines[0].words
        for above, line in pairwise(lines):
            if above.right < left + SHORT * (right - left) and not line.text[:1].islower():
                words += "\n" + line.words
            else:
                words = _joined(words, line.words, self._style.hyphenated)
        kind = "note" if self._is_note(lines[0]) else "caption" if CAPTION.match(lines[0].text) else "paragraph"
        return paragraph(re.sub(r"^([⁰¹²³⁴⁵⁶⁷⁸⁹]+)(?=\w)", r"\1 ", words) if kind == "note" else words, kind)


def _with_bullets(lines: Iterable[Line]) -> list[Line]:
    """The lines with bullets that stand on lines of their own set before what they belong to."""
    found: list[Line] = []
    for line in lines:
        if found and (mark := found[-1]).marker == mark.text and BULLET.match(mark.text):
            text, words = f"{mark.text} {line.text}", f"{mark.text} {line.words}"
            found[-1] = replace(line, text=text, words=words, left=mark.left, marker=mark.text, hang=line.left)
        else:
            found.append(line)
    return found


def _leaves_item(run: list[Line], line: Line) -> bool:
    """Whether a line below an item is none of it: it begins further to the left than the item's words do."""
    first = run[0]
    if first.hang < first.left + INDENT or line.left > first.hang - INDENT or RIGHT_TO_LEFT.match(line.text):
        return False
    return len(run) > 1 or (bool(SENTENCE_END.search(first.text)) and not line.text[:1].islower())


def _same_heading(one: Line, following: Line, levels: dict[int, int]) -> bool:
    same = levels.get(id(one)) == levels.get(id(following)) and abs(one.size - following.size) < 0.6
    return same and 0 < one.bottom - following.bottom < 1.7 * one.size and not SECTION.fullmatch(following.text)


def _distance(lines: list[Line]) -> float:
    """How far a page's lines are usually apart."""
    steps = [one.bottom - two.bottom for one, two in pairwise(lines) if 0.5 < (one.bottom - two.bottom) / one.size < 3]
    return statistics.median(steps) if steps else 0.0


@dataclass(slots=True)
class _Row:
    cells: list[str]
    line: Line
    step: float  # from the line above


def _placed(line: Line, columns: list[tuple[float, float]]) -> list[str]:
    """A line's cells in their columns, each below that column's others; none where they don't fit."""
    found = [""] * len(columns)
    last = -1
    order = 1 if columns[0][0] < columns[-1][0] else -1  # from the left or from the right
    for left, right, words, _ in line.cells or (LineCell(line.left, line.right, line.words, line.size),):
        at = [n for n, column in enumerate(columns) if min(right, column[1]) > max(left, column[0])]
        near = [n for n, column in enumerate(columns) if _same_place((left, right), column, line.size)]
        fitting = [n for n in near if not at or n in at] or (at if len(at) == 1 else [])
        if not fitting or fitting[0] <= last or len(at) > 1:
            return []
        last = fitting[0]
        after = columns[last + order] if 0 <= last + order < len(columns) else None
        if after and (right > after[0] if order > 0 else left < after[1]):
            return []
        found[last] = words
    return found


def _same_place(one: tuple[float, float], two: tuple[float, float], near: float) -> bool:
    return abs(one[0] - two[0]) < near or abs(one[1] - two[1]) < near or abs(sum(one) - sum(two)) < 2 * near


def _has_names(table: list[_Row], at_top: bool) -> bool:
    """Whether the first line is sure to name the columns; at a page's top a table may go on that began before."""
    cells = [row.cells for row in table]
    if not plausible(cells):
        return False
    if table[0].line.bold and not any(row.line.bold for row in table[1:]):
        return True
    columns = [[bare(cell) for cell in column] for column in zip(*cells, strict=True)]
    if at_top or any(_digits(column[0]) and not YEAR.fullmatch(column[0]) for column in columns):
        return False
    return any(all(_digits(cell) for cell in column[1:] if cell) for column in columns)


def _digits(text: str) -> bool:
    return any(map(str.isdecimal, text))


def _title(document: "pypdfium2.PdfDocument", pages: list[list[Line]], style: Style) -> str | None:
    """The title in the PDF's properties, unless a program wrote it, else the largest heading on its first page."""
    named = one_line((document.get_metadata_value("Title") or "")[:LONGEST_TITLE])
    first = pages[0] if pages else []
    is_shown = any(named == line.text for line in first)
    if named and not NO_TITLES.fullmatch(named) and (is_shown or not NO_TITLE.fullmatch(named)):
        return named
    headings = [
        line
        for line in first
        if id(line) in style.levels
        or (line.size > LARGER * style.usual and not line.turned and re.search(r"[^\W\d]{2}", line.text))
    ]
    if not headings:
        return None
    largest = max(line.size for line in headings)
    words = dict.fromkeys(line.text for line in headings if line.size > 0.95 * largest)
    return one_line(" ".join(words))[:LONGEST_HEADING]

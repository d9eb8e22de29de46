"""PDF, step 5: lines in reading order → headings, paragraphs, lists, tables and listings."""

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from qa.documents.formats.pdf.letters import RIGHT_TO_LEFT
from qa.documents.formats.pdf.lines import BULLET, NUMBER, Line
from qa.documents.formats.pdf.pages import HEADING_LINES, SECTION, Style
from qa.documents.formats.pdf.tables import Grid, Table
from qa.documents.writing.parts import Part, code, heading, nested, paragraph
from qa.documents.writing.words import PAGE, PARTED, SENTENCE_END, bare, joined

SMALLER = 0.93  # those of a note at the page's foot
GAP = 1.4  # of the usual distance of lines: with more begins a paragraph
SHORT = 0.6  # of the width of a paragraph
DEEPEST = 9  # lists inside one another
INDENT = 5.0  # points; items that begin further to the right belong to the one above
DASH = re.compile(r"[–—*»\-]")  # which can begin a line of a sentence as well
FIRST = re.compile(r"\(?[1aA][.)]")
CAPTION = re.compile(
    r"(?:table|figure|fig\.|tabelle|tab\.|abbildung|abb\.|tableau|tabla|figura|tabella|таблица|рис\.|рисунок)"
    r"\s*[A-Z]?\d+(?:[.\-]\d+)*\s?[:.–—]\s",
    re.IGNORECASE,
)
NOTE = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+|[*†‡§]+|\[\d{1,3}\]|\d{1,3}\)")


@dataclass(slots=True, eq=False)
class _Block:
    """The parts of a heading, a paragraph or a row; or those of an item, before it is known how deep it is."""

    parts: list[Part]
    is_item: bool = False
    shown: str = ""  # the number of an item
    left: float = 0.0
    hang: float = 0.0  # where its words begin

    def begin(self, marks: str) -> None:
        """Put the marks of pages that begin here before its words, or before its number."""
        if self.shown:
            self.shown = marks + self.shown
        else:
            self.parts[0] = self.parts[0]._replace(words=marks + self.parts[0].words)

    def goes_on(self, first: "_Block") -> bool:
        """Whether a page begins within the sentence that this one ends with."""
        last, words = self.parts[-1], bare(first.parts[0].words)
        if not (self.is_item or last.kind == "paragraph") or first.is_item or first.parts[0].kind != "paragraph":
            return False
        return not SENTENCE_END.search(bare(last.words)) and (words[:1].islower() or bool(RIGHT_TO_LEFT.match(words)))


def parts_of(pages: Sequence[Sequence[Line]], style: Style, scanned: Mapping[int, list[Part]]) -> list[Part]:
    """The parts of all pages, each page begun with its mark; what goes on within a sentence is one.

    `scanned` has the parts of the pages that are read from pictures, by their number from 0.
    """
    blocks: list[_Block] = []
    marks = ""
    table = Table()
    for number, lines in enumerate(pages):
        marks += PAGE
        own = [_Block([part]) for part in scanned.get(number, ())]
        own = own or _Page(lines, style, table, blocks[-1] if blocks else None).blocks()
        if not own:
            continue
        above = next((block for block in reversed(blocks) if block.is_item or block.parts[-1].kind != "note"), None)
        if above and above.goes_on(own[0]):
            words = joined(above.parts[-1].words, marks + own.pop(0).parts[0].words, style.hyphenated)
            above.parts[-1] = above.parts[-1]._replace(words=words)
            blocks.remove(above)  # the notes of the page above stand before it
            blocks.append(above)
        else:
            own[0].begin(marks)
        marks = ""
        blocks += own
    parts: list[Part] = []
    for is_item, group in groupby(blocks, lambda block: block.is_item):
        run = list(group)
        parts += _list(run) if is_item else [part for block in run for part in block.parts]
    parts[-1:] = [part._replace(words=part.words + marks) for part in parts[-1:]]
    return parts


def _list(items: Iterable[_Block]) -> list[Part]:
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


class _Page:
    """A page's lines → its blocks."""

    def __init__(self, lines: Sequence[Line], style: Style, table: Table, last: _Block | None) -> None:
        self._lines, self._style, self._table, self._last = lines, style, table, last
        self._grid = Grid(lines, style, table, is_first=last is None)
        self._blocks: list[_Block] = []
        self._no_table = 0  # lines up to this one begin none
        self._distance = _distance(lines)
        upright = [line.bottom for line in lines if line.size > SMALLER * style.usual and not line.turned]
        self._foot = min(upright, default=0.0)

    def blocks(self) -> list[_Block]:
        group: list[Line] = []
        at, last_table = 0, -1
        while at < len(self._lines):
            line = self._lines[at]
            for found in (self._heading, self._code, self._rows):
                stop, parts = found(at)
                if stop > at:
                    self._paragraphs(group)
                    self._blocks += [_Block([part]) for part in parts]
                    group, at = [], stop
                    last_table = stop if found == self._rows else -1
                    break
            else:
                if group and self._begins_paragraph(group[-1], line):
                    self._paragraphs(group)
                    group = []
                group.append(line)
                at += 1
        self._paragraphs(group)
        if last_table != at:
            self._table.columns = []
        return self._blocks

    def _heading(self, at: int) -> tuple[int, list[Part]]:
        """The heading at a line, and where it ends; where there is none it ends where it began, as in those below."""
        lines, levels = self._lines, self._style.levels
        level = levels.get(id(lines[at]))
        if not level:
            return at, []
        words, stop = lines[at].words, at + 1
        while stop < min(len(lines), at + HEADING_LINES) and _same_heading(lines[stop - 1], lines[stop], levels):
            words = joined(words, lines[stop].words, self._style.hyphenated)
            stop += 1
        return stop, heading(words, level)

    def _code(self, at: int) -> tuple[int, list[Part]]:
        lines, stop = self._lines, at
        while stop < len(lines) and self._style.listings and lines[stop].listing and not lines[stop].turned:
            if id(lines[stop]) in self._style.levels or (stop > at and lines[stop].bottom > lines[stop - 1].bottom):
                break
            stop += 1
        return stop, code(_listing(lines[at:stop])) if stop > at else []

    def _rows(self, at: int) -> tuple[int, list[Part]]:
        stop, parts = self._grid.rows(at) if at >= self._no_table else (at, None)
        if parts is None:
            self._no_table = max(self._no_table, at + (stop - at) // 2)
            return at, []
        return stop, parts

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
                    self._blocks.append(_Block(parts, True, shown, left, first.hang))
            elif last and last.is_item and last.hang > last.left + INDENT and abs(first.left - last.hang) < INDENT:
                last.parts.extend(self._flowing(run))
            else:
                self._blocks += [_Block([part]) for part in self._flowing(run)]

    def _begins_item(self, line: Line, above: tuple[bool, list[Line]] | None) -> bool:
        """Whether a line with what can be an item's bullet or number begins one; a line of a sentence can as well."""
        if not line.marker or line.marker == line.text:
            return False
        if BULLET.match(line.marker) and not DASH.match(line.marker):
            return True
        if above and not above[0] and not SENTENCE_END.search(above[1][-1].text):
            return False
        last = self._blocks[-1] if self._blocks else self._last
        in_list = above[0] if above else last is not None and last.is_item
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
                words = joined(words, line.words, self._style.hyphenated)
        kind = "note" if self._is_note(lines[0]) else "caption" if CAPTION.match(lines[0].text) else "paragraph"
        return paragraph(re.sub(r"^([⁰¹²³⁴⁵⁶⁷⁸⁹]+)(?=\w)", r"\1 ", words) if kind == "note" else words, kind)


def _listing(run: Sequence[Line]) -> str:
    """The lines of a listing, indented and apart as they stand on the page."""
    left = min(line.left for line in run)
    steps = [one.bottom - two.bottom for one, two in pairwise(run) if one.bottom - two.bottom > 0.5 * one.size]
    step = min(steps, default=run[0].size)
    text = ""
    for n, line in enumerate(run):
        wide = (line.right - line.left) / len(line.listing)
        lead = " " * min(round((line.left - left) / wide), 200) if wide > 0 else ""
        empty = max(1, min(round((run[n - 1].bottom - line.bottom) / step), 4)) if n else 0
        text += "\n" * empty + lead + line.listing
    return text


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


def _distance(lines: Sequence[Line]) -> float:
    """How far a page's lines are usually apart."""
    steps = [one.bottom - two.bottom for one, two in pairwise(lines) if 0.5 < (one.bottom - two.bottom) / one.size < 3]
    return statistics.median(steps) if steps else 0.0

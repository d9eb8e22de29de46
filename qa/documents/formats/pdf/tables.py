"""PDF, step 4: tables, which are lines whose cells stand below one another."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa.documents.formats.pdf.lines import Line, LineCell
from qa.documents.formats.pdf.pages import Style
from qa.documents.writing.parts import Part
from qa.documents.writing.rows import YEAR, plausible, rows
from qa.documents.writing.words import bare, joined

LEAST_ROWS = 3  # of a table, with the names of its columns
WRAPPED = 1.4  # of the height of letters: a line that is further below is none of the row above
LEADER = re.compile(r"(?:\. ?){4,}|…{2,}")


@dataclass(slots=True)
class Table:
    """A table that the next page may go on with: the places and names of its columns, and its number among lists."""

    columns: list[tuple[float, float]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    number: int = 0


@dataclass(slots=True)
class _Row:
    cells: list[str]
    line: Line
    step: float  # from the line above


class Grid:
    """Finds tables among the lines of a page."""

    def __init__(self, lines: Sequence[Line], style: Style, table: Table, is_first: bool) -> None:
        self._lines, self._style, self._table, self._is_first = lines, style, table, is_first

    def rows(self, at: int) -> tuple[int, list[Part] | None]:
        """Where the table at a line ends, perhaps one that the last page began, and its rows; None where none is."""
        stop, table = self._grid(at, self._table.columns, goes_on=True) if at == 0 else (0, [])
        if table:
            names = self._table.names
            again = bool(names) and [*map(bare, table[0].cells)] == names
            parts = [part._replace(list=self._table.number) for part in _parts(table[again:], names)]
            return stop, parts
        widest = max(self._lines[at : at + LEAST_ROWS], key=lambda line: len(line.cells))
        stop, table = self._grid(at, [cell[:2] for cell in widest.cells], goes_on=False)
        if not self._is_table(at, stop, table):
            return stop, None
        sure = _has_names(table, at_top=at == 0 and not self._is_first)
        names = [bare(cell) for cell in table[0].cells] if sure else []
        parts = _parts(table[sure:], names)
        widest = max(table, key=lambda row: len(row.line.cells)).line
        number = parts[0].list if parts else self._table.number
        self._table.columns, self._table.names, self._table.number = [cell[:2] for cell in widest.cells], names, number
        return stop, parts

    def _grid(self, start: int, columns: Sequence[tuple[float, float]], goes_on: bool) -> tuple[int, list[_Row]]:
        """Where a table with columns at these places ends that begins at a line, and its rows."""
        lines = self._lines
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
                    joined(one, two, self._style.hyphenated) if one and two else one or two
                    for one, two in zip(above.cells, placed, strict=True)
                ]
            elif len(line.cells) > 1 and not (goes_on and not table and len(line.cells) < len(columns) - 1):
                table.append(_Row(placed, line, step))
            else:
                break
            stop += 1
        return stop, table

    def _is_wrapped(self, placed: list[str], step: float, at: int, table: list[_Row]) -> bool:
        """Whether a line only continues cells of the row above."""
        line, *below = self._lines[at : at + 2]
        steps = [row.step for row in table[-20:] if row.step] or [line.bottom - one.bottom for one in below]
        usual = statistics.median(steps) if steps else 0.0
        if step > max(WRAPPED * line.size, min(0.9 * usual, 2 * line.size)):
            return False
        if not placed[0]:
            return not all(placed[1:]) or len(placed) == 2 or step < 0.85 * usual
        return not any(placed[1:]) and placed[0][:1].islower()

    def _is_table(self, at: int, stop: int, table: list[_Row]) -> bool:
        if len(table) < LEAST_ROWS or (table[0].line.marker and len(table[0].cells) == 2):
            return False
        wide = len(table[0].cells)
        full = sum(sum(map(bool, row.cells)) >= max(2, wide - 1) for row in table)
        prose = sum(len(line.text) > 40 * max(len(line.cells), 1) for line in self._lines[at:stop])
        return full >= max(LEAST_ROWS, len(table) / 2) and prose < (stop - at) / 2


def _parts(table: Sequence[_Row], names: Sequence[str]) -> list[Part]:
    return rows([row.cells for row in table], 0, names)


def _placed(line: Line, columns: Sequence[tuple[float, float]]) -> list[str]:
    """A line's cells in their columns, each below that column's others; none where they don't fit."""
    found = [""] * len(columns)
    last = -1
    order = 1 if columns[0][0] < columns[-1][0] else -1  # from the left or from the right
    for left, right, words, _ in line.cells or (LineCell(line.left, line.right, line.words, line.size),):
        at = [n for n, column in enumerate(columns) if min(right, column[1]) > max(left, column[0])]
        near = [n for n, column in enumerate(columns) if _same_place((left, right), column, line.size)]
        fitting = at or near
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

"""Tables: rows that read as sentences with the names of their columns, and how those names are found."""

import re
from collections.abc import Container, Sequence
from itertools import groupby, zip_longest
from typing import NamedTuple

from qa.documents.writing.parts import LISTS, Part, paragraph
from qa.documents.writing.words import bare, one_line

NUMBER = re.compile(r"[^\w]*\d[\d\s.,:/%'’-]*[^\w]*")
YEAR = re.compile(r"(?:1\d|20)\d\d")
HEADER_LENGTH = 80  # characters; a column's name is at most this long


class Span(NamedTuple):
    """A cell of a table, how many columns and rows it covers, and how many columns are left out before it.

    One that is `merged` goes on from the cell above.
    """

    words: str
    wide: int = 1
    high: int = 1
    skips: int = 0
    merged: bool = False


def spanned(table: Sequence[Sequence[Span]], top: int | None, sides: bool = False) -> list[Part]:
    """The rows of a table whose cells cover several rows or columns; `top` and `sides` as of `tabled`.

    A cell is repeated in each of its rows, but in each of its columns only where it names them. One that is all of a
    row, and covers several columns, is a paragraph.
    """
    filled: list[dict[int, str]] = [{} for _ in table]
    for at, row in enumerate(table):
        column = 0
        for cell in row:
            column += cell.skips
            while column in filled[at]:
                column += 1
            words = filled[at - 1].get(column, "") if cell.merged and at else cell.words
            for n in range(column, column + cell.wide):
                for line in filled[at : at + cell.high]:
                    line[n] = words if n == column or (at < (top or 0) and len(row) > 1) else ""
            column += cell.wide
    lines = [[line.get(n, "") for n in range(max(line, default=-1) + 1)] for line in filled]
    return tabled(lines, top, {n for n, row in enumerate(table) if len(row) == 1 and row[0].wide > 1}, sides)


def tabled(lines: Sequence[Sequence[str]], top: int | None, whole: Container[int], sides: bool = False) -> list[Part]:
    """The rows of a table; those in `whole` are of one cell for all columns: they are paragraphs, and no names.

    `top` is how many rows hold the names of columns, with such ones above them, or None to look for them; `sides` as of
    `rows`.
    """
    at = next((n for n, line in enumerate(lines) if n not in whole and any(line)), len(lines))
    if top is None or 0 < top <= at:  # the rows that were to hold the names hold none
        top = at + has_names([line for n, line in enumerate(lines) if n not in whole and any(line)])
    if not any(any(line) for n, line in enumerate(lines) if n >= top and n not in whole):
        top = at  # the names are all that it has
    names, body = _names(lines[at:top]), max(at, top)
    parts: list[Part] = []
    for is_whole, run in groupby([*range(at), *range(body, len(lines))], lambda n: n < at or n in whole):
        if is_whole:
            parts += [part for n in run for part in paragraph(" ".join(filter(None, lines[n])))]
        else:
            parts += rows([lines[n] for n in run], 0, names, sides)
    return parts


def rows(table: Sequence[Sequence[str]], header: int, names: Sequence[str] = (), sides: bool = False) -> list[Part]:
    """A table's rows, which read as sentences with the names of their columns: "Year: 1912; Tons: 40".

    The first `header` rows hold those names; `names` are those of a table that goes on. `sides` is whether the first
    column names its row, as it does where there are no other names and all rows are of two cells.
    """
    table = [[one_line(cell) for cell in row] for row in table]
    table = [row for row in table if any(row)]
    own, body = _names(table[:header]) or list(names), table[header:]
    if table and not body:  # nothing but names
        own, body = [], [own]
    sides = sides or (not own and max(map(len, body), default=0) == 2)
    number = next(LISTS)
    found = (tuple(_cells(row, own, sides)) for row in body)
    return [Part("row", list=number, opens=True, cells=cells) for cells in found if cells]


def _cells(row: Sequence[str], names: Sequence[str], sides: bool) -> list[tuple[str, str]]:
    if sides and not names and len(row) > 1 and row[0]:  # its own first cell alone names it
        first, *others = row
        words = "; ".join(cell for cell in others if cell)
        return [(bare(first).rstrip(": "), words)] if words else [("", first.rstrip(": "))]
    cells = []
    for column, cell in enumerate(row):
        name = names[column] if column < len(names) else ""
        if cell:
            cells.append((name if name != bare(cell) else "", cell))
    return cells


def _names(top: Sequence[Sequence[str]]) -> list[str]:
    """Return the names of the columns; a name that spreads over several rows is joined from the top down."""
    columns = zip_longest(*top, fillvalue="")
    return [bare(" ".join(dict.fromkeys(filter(None, column)))).rstrip(": ") for column in columns]


def plausible(table: Sequence[Sequence[str]]) -> bool:
    """Whether a table's first row can be the names of its columns: short, all different, and no numbers but years."""
    if len(table) < 2 or len(table[0]) < 2:
        return False
    cells = [bare(cell) for cell in table[0]]
    first = [name for name in cells[1:] if name] + [cells[0]] * bool(cells[0])
    width = max(len([cell for cell in row if cell]) for row in table)
    return (
        len(first) >= max(2, width - 1)
        and len(set(first)) == len(first)
        and all(len(name) <= HEADER_LENGTH and not name.endswith(":") for name in first)
        and not any(NUMBER.fullmatch(name) and not YEAR.fullmatch(name) for name in first)
        and not all(YEAR.fullmatch(name) for name in first)
    )


def has_names(table: Sequence[Sequence[str]]) -> int:
    """How many rows at a table's top are certain to name its columns, where nothing in the file says so: 0 or 1.

    They are where a whole column below is of numbers and its name is none, or where a table is wide and long and what
    stands in a column comes again, as it does in a register and not in a form.
    """
    if not plausible(table):
        return 0
    below = [[bare(row[n]) for row in table[1:] if n < len(row) and row[n]] for n in range(len(table[0]))]
    numbers = [n for n, cells in enumerate(below) if cells and all(NUMBER.fullmatch(c) for c in cells)]
    numbers = [n for n in numbers if not NUMBER.fullmatch(bare(table[0][n]) or "0")]
    if len(table) == 2 and len(numbers) < len(table[0]):
        return 0
    wide = len(table[0]) > 2
    again = any(len(set(cells)) < len(cells) for cells in below)
    return int(bool(numbers) or (wide and len(table) > 3 and again))

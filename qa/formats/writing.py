"""How converters write: parts in the order of reading → a text, and where its blocks, links and pages stand in it.

A text has the words of the document alone. Within the words of a part, what is no word stands between characters that
no text can have: Unicode keeps U+FDD0 to U+FDEF for a program's own use.
"""

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from itertools import count
from typing import NamedTuple

from qa.formats.converted import Converted
from qa.types import Block, Cell, Link, ScannedLine

TARGET, WORDS, END, PAGE = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"  # of a link, of its words, its end; a page begins
PLACE = "\ufdd4"  # of a line in the picture of its page, the numbers of a ScannedLine; its words follow
MARK = re.compile(f"{TARGET}([^{WORDS}]*){WORDS}|{END}|{PAGE}|{PLACE}([^{WORDS}]*){WORDS}")
LIVE = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)  # addresses that a link may lead to
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\x00-\x08\x0e-\x1f\x7f]")
RESERVED = re.compile("[\ufdd0-\ufdef]")
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
RAISED = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
LOWERED = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
NUMBER = re.compile(r"[^\w]*\d[\d\s.,:/%'’-]*[^\w]*")
YEAR = re.compile(r"(?:1\d|20)\d\d")
HEADER_LENGTH = 80  # characters; a column's name is at most this long
ROMAN = [
    *zip(("m", "cm", "d", "cd", "c", "xc", "l", "xl"), (1000, 900, 500, 400, 100, 90, 50, 40), strict=True),
    *zip(("x", "ix", "v", "iv", "i"), (10, 9, 5, 4, 1), strict=True),
]
LISTS = count(1)  # tells apart the lists of a process; a document's are numbered when it is written


class Part(NamedTuple):
    """A block before it has its place: `cells` are names and words, `list` is any number of its own."""

    kind: str
    words: str = ""
    level: int = 0
    list: int = 0
    opens: bool = False
    cells: tuple[tuple[str, str], ...] = ()
    anchor: str = ""


def one_line(text: str) -> str:
    """The words of a text on one line, without characters that nobody sees."""
    return " ".join(INVISIBLE.sub("", text).split())


def bare(words: str) -> str:
    """Words without what stands between them that is no word."""
    return MARK.sub("", words)


def linked(words: str, target: str) -> str:
    """Words that lead to a target."""
    target = RESERVED.sub("", "".join(target.split()))
    return f"{TARGET}{target}{WORDS}{words}{END}" if target and words.strip() else words


def raised(text: str) -> str:
    """Digits and signs as they are written above a line; letters, as of 19th, have no other form that is read well."""
    return _moved(text, RAISED, "^")


def lowered(text: str) -> str:
    """The same for below a line."""
    return _moved(text, LOWERED, "_")


def _moved(text: str, table: dict[int, int], mark: str) -> str:
    words = text.strip()
    if not words or MARK.search(words):
        return text
    moved = words.translate(table)
    if all(ord(character) in table for character in words):
        return text.replace(words, moved)
    return text.replace(words, f"{mark}({words})") if any(map(str.isdecimal, words)) else text


def paragraph(text: str, kind: str = "paragraph") -> list[Part]:
    """A paragraph, or what else consists of lines that are kept; nothing where it has no words."""
    lines = [one_line(line) for line in text.splitlines()]
    words = "\n".join(line for line in lines if line)
    return [Part(kind, words)] if bare(words).strip() else []


def heading(text: str, level: int, anchor: str = "") -> list[Part]:
    """A heading, of level 1 to 6; nothing where it has no words."""
    words = one_line(text)
    return [Part("heading", words, min(max(level, 1), 6), anchor=anchor)] if bare(words).strip() else []


def code(text: str) -> list[Part]:
    """A listing, its lines as they are."""
    lines = [INVISIBLE.sub("", line).rstrip() for line in text.expandtabs().splitlines()]
    words = "\n".join(lines).strip("\n")
    return [Part("code", words)] if words.strip() else []


def listed(items: Iterable[tuple[str, Sequence[Part]]]) -> list[Part]:
    """A list of items, each with the number that is shown before it, empty where there is none, and its parts."""
    number = next(LISTS)
    found: list[Part] = []
    for shown, parts in items:
        opens = True
        for part in parts:
            if part.list:
                found.append(part._replace(level=part.level + 1))
            elif part.kind == "heading":
                found.append(part)
            else:
                words = f"{shown} {part.words}" if opens and shown else part.words
                kind = "item" if part.kind == "paragraph" else part.kind
                found.append(part._replace(kind=kind, words=words, list=number, opens=opens))
                opens = False
    return found


def nested(items: Sequence[tuple[int, str, Sequence[Part]]]) -> list[Part]:
    """A list of items that are given with how deep they are: deeper ones are lists in the item above them."""
    found: list[tuple[str, Sequence[Part]]] = []
    at = 0
    while at < len(items):
        depth, shown, parts = items[at]
        stop = next((n for n in range(at + 1, len(items)) if items[n][0] <= depth), len(items))
        found.append((shown, [*parts, *nested(items[at + 1 : stop])]))
        at = stop
    return listed(found)


def counted(number: int, kind: str) -> str:
    """A number as a list of this kind shows it: "1", "a", "A", "i" or "I"."""
    if kind in ("a", "A") and number > 0:
        return chr(ord(kind) + (number - 1) % 26) * (1 + (number - 1) // 26)
    if kind in ("i", "I") and 0 < number < 4000:
        words, left = "", number
        for letters, value in ROMAN:
            words += letters * (left // value)
            left %= value
        return words if kind == "i" else words.upper()
    return str(number)


def rows(
    table: Sequence[Sequence[str]], header: int | None = None, names: Sequence[str] = (), sides: bool = False
) -> list[Part]:
    """A table's rows, which read as sentences with the names of their columns: "Year: 1912; Tons: 40".

    `header` tells how many rows at its top hold those names, or None to look for itself. `sides` is whether the first
    column names its row. `names` are those of a table that goes on.
    """
    table = [[one_line(cell) for cell in row] for row in table]
    table = [row for row in table if any(row)]
    top = (has_names(table) if not names else 0) if header is None else min(header, len(table))
    own = [bare(name).rstrip(": ") for name in named(table[:top])] if top else list(names)
    number = next(LISTS)
    body = table[top:]
    sides = sides or (not own and max(map(len, body), default=0) == 2)  # names and values, as in a form
    if not body and top:  # nothing but names
        body, own = [own], []
    found = []
    for row in body:
        cells = _cells(row, own, sides)
        if cells:
            found.append(Part("row", list=number, opens=True, cells=tuple(cells)))
    return found


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


def named(top: Sequence[Sequence[str]]) -> list[str]:
    """The names of columns that stand in several rows, joined from the top down."""
    width = max(map(len, top), default=0)
    columns = [[row[n] for row in top if n < len(row) and row[n]] for n in range(width)]
    return [" ".join(dict.fromkeys(column)) for column in columns]


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


def tabled(lines: Sequence[Sequence[str]], top: int | None, whole: Container[int], sides: bool = False) -> list[Part]:
    """A table's rows; those in `whole` are of one cell for all columns: they are paragraphs, and no names.

    `top` is how many rows hold the names of columns, with such ones above them, or None to look for them; `sides` as of
    `rows`.
    """
    parts: list[Part] = []
    at = 0
    while at < len(lines) and (at in whole or not any(lines[at])):
        parts += paragraph(" ".join(filter(None, lines[at])))
        at += 1
    if top is None or 0 < top <= at:  # the rows that were to hold the names hold none
        top = at + has_names([line for n, line in enumerate(lines) if n not in whole and any(line)])
    if not any(any(line) for n, line in enumerate(lines) if n >= top and n not in whole):
        top = at  # the names are all that it has
    names = [bare(name).rstrip(": ") for name in named(lines[at:top])]
    run: list[Sequence[str]] = []
    for number, line in enumerate(lines[max(at, top) :], max(at, top)):
        if number in whole:
            parts += [*rows(run, 0, names, sides), *paragraph(" ".join(filter(None, line)))]
            run = []
        else:
            run.append(line)
    return parts + rows(run, 0, names, sides)


def written(parts: Iterable[Part], title: str | None = None, address: str | None = None) -> Converted:
    """The document of these parts: the items of a list on lines of their own, all others apart by an empty line."""
    writer = _Writer()
    for part in parts:
        writer.add(part)
    return writer.done(title, address)


class _Writer:
    def __init__(self) -> None:
        self._text: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._links: list[Link] = []
        self._pages: list[int] = []
        self._lines: list[ScannedLine] = []
        self._numbers: dict[int, int] = {0: 0}
        self._last: Part | None = None
        self._open: tuple[int, str] | None = None  # where a link's words begin, and its target
        self._line: tuple[int, int, list[int]] | None = None  # where a line's words begin, its page and place

    def add(self, part: Part) -> None:
        if (last := self._last) is not None:
            beside = part.list and last.list and (part.list == last.list or part.level or last.level)
            self._put("\n" if beside else "\n\n")
        start = self._length
        self._words(part.words)  # of a row nothing but where a page begins
        cells = tuple(self._cell(n, name, words) for n, (name, words) in enumerate(part.cells))
        number = self._numbers.setdefault(part.list, len(self._numbers))
        self._blocks.append(
            Block(part.kind, start, self._length, part.level, number, part.opens, None, cells, part.anchor)
        )
        self._last = part

    def done(self, title: str | None, address: str | None) -> Converted:
        text = "".join(self._text)
        pages = tuple(min(start, len(text)) for start in self._pages)
        blocks = self._blocks
        if pages:
            blocks = [block._replace(page=bisect_right(pages, block.start) or 1) for block in blocks]
        return Converted(text, title, tuple(blocks), tuple(self._links), pages, address, lines=tuple(self._lines))

    def _cell(self, number: int, name: str, words: str) -> Cell:
        if number:
            self._put("; ")
        if name:
            self._put(f"{name}: ")
        start = self._length
        self._words(words)
        return Cell(name, start, self._length)

    def _words(self, words: str) -> None:
        at = 0
        for mark in MARK.finditer(words):
            self._put(words[at : mark.start()])
            at = mark.end()
            if mark[0] == PAGE:
                self._pages.append(self._length)
                continue
            if mark[2]:
                self._end_line()
                self._line = self._length, len(self._pages), list(map(int, mark[2].split(",")))
                continue
            if self._open and self._open[0] < self._length:
                self._links.append(Link(self._open[0], self._length, self._open[1]))
            self._open = (self._length, mark[1]) if mark[1] is not None else None
        self._put(words[at:])
        self._open = None
        self._end_line()

    def _end_line(self) -> None:
        if self._line:
            start, page, (height, *corners) = self._line
            self._lines.append(ScannedLine(start, self._length, page, height, tuple(corners)))
            self._line = None

    def _put(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)

"""What all converters end with: parts in reading order → a text, and the places of its blocks, links and pages."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple

from qa.documents.converted import Converted
from qa.documents.writing.words import INVISIBLE, MARK, PAGE, bare, one_line
from qa.types import Block, Cell, Link, ScannedLine

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


def paragraph(text: str, kind: str = "paragraph") -> list[Part]:
    """Make a paragraph, or another block of lines that are kept; nothing if it has no words."""
    lines = [one_line(line) for line in text.splitlines()]
    words = "\n".join(line for line in lines if line)
    return [Part(kind, words)] if bare(words).strip() else []


def heading(text: str, level: int, anchor: str = "") -> list[Part]:
    """Make a heading of level 1 to 6; nothing if it has no words."""
    words = one_line(text)
    return [Part("heading", words, min(max(level, 1), 6), anchor=anchor)] if bare(words).strip() else []


def code(text: str) -> list[Part]:
    """Make a listing, with its lines as they are."""
    lines = [INVISIBLE.sub("", line).rstrip() for line in text.expandtabs().splitlines()]
    words = "\n".join(lines).strip("\n")
    return [Part("code", words)] if words.strip() else []


def listed(items: Iterable[tuple[str, Sequence[Part]]]) -> list[Part]:
    """Make a list of items; each is the number shown before it, empty if there is none, and its parts."""
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
    """Make a list of items that are given with their depth: deeper ones form a list in the item above them."""
    found: list[tuple[str, Sequence[Part]]] = []
    at = 0
    while at < len(items):
        depth, shown, parts = items[at]
        stop = next((n for n in range(at + 1, len(items)) if items[n][0] <= depth), len(items))
        found.append((shown, [*parts, *nested(items[at + 1 : stop])]))
        at = stop
    return listed(found)


def counted(number: int, kind: str) -> str:
    """Format a number as a list of this kind does: "1", "a", "A", "i" or "I"."""
    if kind in ("a", "A") and number > 0:
        return chr(ord(kind) + (number - 1) % 26) * (1 + (number - 1) // 26)
    if kind in ("i", "I") and 0 < number < 4000:
        words, left = "", number
        for letters, value in ROMAN:
            words += letters * (left // value)
            left %= value
        return words if kind == "i" else words.upper()
    return str(number)


def title_of(parts: Iterable[Part]) -> str | None:
    """Return the words of the first heading of the highest level."""
    headings = [part for part in parts if part.kind == "heading"]
    return bare(min(headings, key=lambda part: part.level).words) if headings else None


def written(parts: Iterable[Part], title: str | None = None, address: str | None = None) -> Converted:
    """Write a document: items of a list are separated by a line break, all other parts by an empty line."""
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

"""PDF, step 2: letters → lines, with their cells, bullets, links and sizes."""

import ctypes
import math
import re
import statistics
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, groupby, pairwise
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from qa.documents.formats.pdf.letters import (
    HYPHEN,
    NO_LETTERS,
    RIGHT_TO_LEFT,
    Box,
    Letter,
    in_order,
    is_level,
    letters_of,
    links_of,
    placed_anew,
    runs_of,
    with_links,
)
from qa.documents.writing.words import LOWERED, RAISED, bare, linked, lowered, one_line, raised

RAISED_SIZE = 0.85  # those above or below the line
CELL = 1.0  # of the height of letters: with more space between words begins a cell
SPACE = 0.2  # with more begins a word
HANGING = 0.4  # with more after it, what can be an item's number or "o" is one
BOLD = 600
SIGNS = "•●○◦▪▫■□‣⁃∙·➢➤►▶▸❖◆◇✓✔❑❒\ue000-\uf8ff"  # fonts of signs have theirs among those for private use
BULLET = re.compile(rf"[{SIGNS}](?=\s*\w|\s|$)|[–—*»o\-](?=\s|$)")
NUMBER = re.compile(r"(?:\d{1,3}[.)]|\((?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})\)|[a-zA-Z][.)]|[ivx]{1,5}\))(?=\s|$)")
MONOSPACED = re.compile(r"mono(?!type)|nimbusmon|courier|consol|typewriter|cmtt|menlo", re.IGNORECASE)
ACROSS = 1.8  # of the usual size: letters that are turned and at least as large are a watermark
LARGE = 20.0  # points; only letters as large are a watermark where they are upright
LIGHT = 160  # of 255; colours of a watermark are at least as light


class LineCell(NamedTuple):
    """A part of a line, set apart from its neighbours by more space than there is between words."""

    left: float
    right: float
    words: str
    size: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of words; places are in points from the page's lower left corner."""

    text: str
    words: str  # with the marks of links
    left: float
    right: float
    bottom: float
    size: float  # of its letters
    bold: bool = False
    cells: tuple[LineCell, ...] = ()  # where it has several
    marker: str = ""  # of an item
    hang: float = 0.0  # where an item's words begin
    listing: str = ""  # the line with all its spaces, where its letters are all equally wide
    turned: bool = False
    light: bool = False

    @property
    def top(self) -> float:
        """How high its letters reach."""
        return self.bottom + self.size


def read_lines(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> tuple[list[Line], float, int]:
    """Return a page's lines in PDFium's order, its height with the lines upright, and how many letters are unknown."""
    text = page.get_textpage()
    letters = in_order(list(letters_of(text)))
    runs = list(runs_of(text, with_links(letters, links_of(document, page))))
    turns: Counter[int] = Counter()
    for turn, run in runs:
        turns[turn] += len(run)
    usual = max((0, 1, 2, 3), key=lambda turn: turns[turn])  # most text of a page that is turned is so, too
    box = page.get_bbox()
    lines = list(_lines(text, (placed_anew(run, usual, box) for turn, run in runs if turn == usual)))
    if usual % 2:  # PDFium takes lines that are turned for one
        lines.sort(key=lambda line: -line.bottom)
    for turn in sorted(turns.keys() - {usual}):
        others = (placed_anew(run, max(turn, 0), box) for one, run in runs if one == turn)
        found = [replace(line, cells=(), marker="", listing="", turned=True) for line in _lines(text, others)]
        large = ACROSS * usual_size([lines]) if turn < 0 and lines else math.inf
        lines += [line for line in found if line.size < large]
    text.close()
    unknown = sum(letter.words in NO_LETTERS for letter in letters)
    return _without_light(lines), box[2] - box[0] if usual % 2 else box[3] - box[1], unknown


def _lines(text: pypdfium2.PdfTextPage, runs: Iterable[list[Letter]]) -> Iterator[Line]:
    """The lines of these runs: those that follow one another at the same height are one."""
    row: list[list[Letter]] = []
    edges = (0.0, 0.0, 0.0, 0.0)
    for run in runs:
        placed = [letter for letter in run if letter.top > letter.bottom]
        if not placed:
            if row:
                row[-1].extend(run)
            continue
        first, last = placed[0], placed[-1]
        own = (min(first.left, last.left), max(first.right, last.right), first.bottom, first.top)
        if row and _beside(edges, own):
            higher = own if own[3] - own[2] > edges[3] - edges[2] else edges
            edges = (min(edges[0], own[0]), max(edges[1], own[1]), higher[2], higher[3])
            row.append(run)
            continue
        if row and (line := _line(text, row)):
            yield line
        row, edges = [run], own
    if row and (line := _line(text, row)):
        yield line


def _beside(one: Box, two: Box) -> bool:
    low = min(one[3] - one[2], two[3] - two[2])
    return is_level(one[2:], two[2:]) and (two[0] > one[1] - 0.3 * low or two[1] < one[0] + 0.3 * low)


def _line(text: pypdfium2.PdfTextPage, row: list[list[Letter]]) -> Line | None:
    letters = _read_from_its_side(row) if len(row) > 1 else row[0]
    placed = [letter for letter in letters if letter.top > letter.bottom]
    if not placed:
        return None
    size = statistics.median(letter.top - letter.bottom for letter in placed)
    left, right = min(letter.left for letter in placed), max(letter.right for letter in placed)
    bottom = statistics.median(letter.bottom for letter in placed)
    rises = _rises(text, placed, size)
    words = _words(letters, rises)
    shown = bare(words)
    if not shown:
        return None
    marker = BULLET.match(shown) or NUMBER.match(shown)
    hang = placed[len(marker[0])].left if marker and len(placed) > len(marker[0]) else left
    if marker and re.match(r"o|[a-zA-Z]\.", marker[0]) and hang - placed[len(marker[0]) - 1].right < HANGING * size:
        marker = None
    cells = _cells(letters, placed, size, rises)
    if cells and marker and hang > cells[0].right and (len(cells) == 2 or BULLET.match(shown)):
        rest = cells[1:]
        first = rest[0]._replace(left=left, words=f"{cells[0].words} {rest[0].words}")
        cells = (first, *rest[1:]) if len(rest) > 1 else ()
    sample = placed[::8]
    colours = [ctypes.c_uint() for _ in range(4)]
    if light := size > LARGE:
        pdfium.FPDFText_GetFillColor(text.raw, placed[0].number, *colours)
        light = min(255 - (255 - colour.value) * colours[3].value // 255 for colour in colours[:3]) >= LIGHT
    bold = all(pdfium.FPDFText_GetFontWeight(text.raw, letter.number) >= BOLD for letter in sample)
    listing = _listing(letters, placed, size) if _is_monospaced(text, placed) else ""
    return Line(
        shown, words, left, right, bottom, size, bold, cells, marker[0] if marker else "", hang, listing, light=light
    )


def _read_from_its_side(row: list[list[Letter]]) -> list[Letter]:
    """The letters of a line that PDFium parts, as they are read: from its left, or from its right."""
    count: Counter[bool] = Counter(
        RIGHT_TO_LEFT.match(letter.words) is not None for run in row for letter in run if letter.words.isalpha()
    )
    placed = [(min(one.left for one in run if one.height > 0), run) for run in row]
    if count[True] <= count[False]:
        order = [run for _, run in sorted(placed, key=lambda one: one[0])]
    else:
        order = []
        turned = [run for _, run in sorted(placed, key=lambda one: -one[0])]
        for is_turned, runs in groupby(turned, lambda run: any(RIGHT_TO_LEFT.match(one.words) for one in run)):
            side = list(runs)
            order += side if is_turned else side[::-1]
    letters: list[Letter] = []
    for run in order:
        if letters:
            one = next(letter for letter in reversed(letters) if letter.height > 0)
            two = next(letter for letter in run if letter.height > 0)
            space = max(two.left - one.right, one.left - two.right)
            if space > SPACE * max(one.height, two.height) and letters[-1].words != " " != run[0].words:
                letters.append(Letter(" ", one.number))
        letters += run
    return letters


def _rises(text: pypdfium2.PdfTextPage, placed: list[Letter], size: float) -> dict[int, int]:
    """The smaller letters of a line that stand above (1) or below (-1) where the others do, by their number."""
    small = [letter for letter in placed if letter.top - letter.bottom < RAISED_SIZE * size]
    usual = next((letter for letter in placed if letter.top - letter.bottom > 0.95 * size), None)
    if not small or usual is None or len(small) > len(placed) / 2:
        return {}
    base = _base(text, usual)
    rises = {letter.number: (_base(text, letter) - base) / size for letter in small}
    return {number: 1 if rise > 0 else -1 for number, rise in rises.items() if rise > 0.15 or rise < -0.05}


def _base(text: pypdfium2.PdfTextPage, letter: Letter) -> float:
    across, up = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(text.raw, letter.number, across, up)
    return up.value


def _words(letters: Iterable[Letter], rises: dict[int, int]) -> str:
    """The letters' words, with what is raised, lowered and linked in them."""
    words = ""
    for (rise, target), group in groupby(letters, lambda letter: (rises.get(letter.number, 0), letter.target)):
        shown = "".join(letter.words for letter in group)
        if rise > 0 and all(ord(character) in RAISED for character in shown):
            shown = raised(shown)
        elif rise < 0 and bare(words)[-1:].isalpha() and all(ord(character) in LOWERED for character in shown):
            shown = lowered(shown)
        words += linked(shown, target) if target else shown
    if words.rstrip().endswith("\xad"):
        words = words.rstrip()[:-1] + "-"
    return one_line(words.replace(HYPHEN, "-"))


def _cells(letters: list[Letter], placed: list[Letter], size: float, rises: dict[int, int]) -> tuple[LineCell, ...]:
    """The parts of a line between which there is more space than between words."""
    gaps: list[float] = []
    reach = math.inf
    for letter in sorted(placed, key=lambda letter: letter.left):
        if letter.left - reach > CELL * size:
            gaps.append(letter.left)
        reach = letter.right if reach == math.inf else max(reach, letter.right)
    if not gaps:
        return ()
    cells: dict[int, list[Letter]] = {}
    at = 0
    for letter in letters:
        if letter.top > letter.bottom:
            at = bisect(gaps, letter.left)
        cells.setdefault(at, []).append(letter)
    found = []
    for cell in cells.values():
        own = [letter for letter in cell if letter.top > letter.bottom]
        if own:
            words = _words(cell, rises)
            high = statistics.median(letter.top - letter.bottom for letter in own)
            found.append(LineCell(min(one.left for one in own), max(one.right for one in own), words, high))
    return tuple(found) if len(found) > 1 else ()


def _is_monospaced(text: pypdfium2.PdfTextPage, placed: list[Letter]) -> bool:
    widths = [letter.right - letter.left for letter in placed]
    if max(widths) > 1.4 * min(widths) or any(letter.words > "\u2e80" for letter in placed):
        return False
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    for letter in (placed[0], *placed[4::8], placed[-1]):
        pdfium.FPDFText_GetFontInfo(text.raw, letter.number, name, len(name), flags)
        if not flags.value & 1 and not MONOSPACED.search(name.value.decode("utf-8", "replace")):
            return False
    return True


def _listing(letters: list[Letter], placed: list[Letter], size: float) -> str:
    """A line whose letters are equally wide, with as many spaces between them as there is room for."""
    steps = [two.left - one.left for one, two in pairwise(placed)] or [placed[0].right - placed[0].left]
    wide = max(statistics.median(steps), 0.1 * size, 0.5)
    left = min(letter.left for letter in placed)
    line = ""
    for letter in letters:
        if letter.top > letter.bottom:
            line = line.ljust(min(round((letter.left - left) / wide), 500)) + letter.words
        elif letter.words == HYPHEN:
            line += "-"
    return line


def _without_light(lines: list[Line]) -> list[Line]:
    """Lines without those in large light letters that others stand on, as a watermark's."""
    if not any(line.light for line in lines):
        return lines
    large = ACROSS * usual_size([lines])
    return [
        line
        for line in lines
        if not (line.light and line.size > large) or not any(_overlap(line, other) for other in lines)
    ]


def _overlap(one: Line, two: Line) -> bool:
    across = min(one.right, two.right) - max(one.left, two.left)
    up = min(one.top, two.top) - max(one.bottom, two.bottom)
    return one is not two and not two.turned and across > 0 and up > 0.3 * two.size


def usual_size(pages: Iterable[list[Line]]) -> float:
    """The size that most letters have, in points; 0 where there are none."""
    sizes: Counter[float] = Counter()
    for line in chain.from_iterable(pages):
        sizes[rounded(line.size)] += len(line.text)
    return max(sizes, key=lambda size: sizes[size], default=0.0)


def rounded(size: float) -> float:
    """A size in half points, as sizes are compared."""
    return round(size * 2) / 2

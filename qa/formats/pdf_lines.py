"""PDF, the first step: a page's letters → its lines, with their cells, marks, links and the size of their letters."""

import ctypes
import math
import re
import statistics
import sys
import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from qa.formats.words import LIVE, LOWERED, RAISED, bare, linked, lowered, one_line, raised

if TYPE_CHECKING:
    import pypdfium2

NO_LETTERS = frozenset(  # of a font without a table of letters, and what no text can have
    map(chr, {*range(32), 0xFFFD, *range(0xFDD0, 0xFDF0)} - set(b"\t\n\v\f\r\2"))
)
HYPHEN = "\ufffe"  # PDFium's for a hyphen at a line's end, which it joins with the next line
RAISED_SIZE = 0.85  # those above or below the line
CELL = 1.0  # of the height of letters: with more space between words begins a cell
LEVEL = 0.55  # of the height of the lower ones that letters of a line share
SPACE = 0.2  # with more begins a word
HANGING = 0.4  # with more after it, what can be an item's number or "o" is one
BOLD = 600
MOST_LINKS = 500  # of a page
SIGNS = "•●○◦▪▫■□‣⁃∙·➢➤►▶▸❖◆◇✓✔❑❒\ue000-\uf8ff"  # fonts of signs have theirs among those for private use
BULLET = re.compile(rf"[{SIGNS}](?=\s*\w|\s|$)|[–—*»o\-](?=\s|$)")
NUMBER = re.compile(r"(?:\d{1,3}[.)]|\((?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})\)|[a-zA-Z][.)]|[ivx]{1,5}\))(?=\s|$)")
MONOSPACED = re.compile(r"mono(?!type)|nimbusmon|courier|consol|typewriter|cmtt|menlo", re.IGNORECASE)
ALEF, LAM = "اآأإ", "ل"
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
UPRIGHT = 0.1  # radians; letters that are turned further are none of a line
ACROSS = 1.8  # of the usual size: letters that are turned and at least as large are a watermark
LARGE = 20.0  # points; only letters as large are a watermark where they are upright
LIGHT = 160  # of 255; colours of a watermark are at least as light
_Box = tuple[float, float, float, float]  # left, right, bottom and top


class LineCell(NamedTuple):
    """A part of a line between which and its neighbours there is more space than between words."""

    left: float
    right: float
    words: str
    size: float


class _Letter(NamedTuple):
    words: str
    number: int  # in PDFium's text
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    top: float = 0.0
    target: str = ""  # of a link that it is in

    @property
    def height(self) -> float:
        return self.top - self.bottom


@dataclass(frozen=True, slots=True)
class Line:
    """Words that stand on one line; places are in points, from the page's lower left corner."""

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


def read_lines(document: "pypdfium2.PdfDocument", page: "pypdfium2.PdfPage") -> tuple[list[Line], float, int]:
    """A page's lines as PDFium orders them, its height as they stand, and how many of its letters are unknown."""
    text = page.get_textpage()
    letters = _in_order(list(_letters(text)))
    runs = list(_runs(text, _with_links(letters, _links(document, page))))
    turns: Counter[int] = Counter()
    for turn, run in runs:
        turns[turn] += len(run)
    usual = max((0, 1, 2, 3), key=lambda turn: turns[turn])  # most text of a page that is turned is so, too
    box = page.get_bbox()
    lines = list(_lines(text, (_placed_anew(run, usual, box) for turn, run in runs if turn == usual)))
    if usual % 2:  # PDFium takes lines that are turned for one
        lines.sort(key=lambda line: -line.bottom)
    for turn in sorted(turns.keys() - {usual}):
        others = (_placed_anew(run, max(turn, 0), box) for one, run in runs if one == turn)
        found = [replace(line, cells=(), marker="", listing="", turned=True) for line in _lines(text, others)]
        large = ACROSS * usual_size([lines]) if turn < 0 and lines else math.inf
        lines += [line for line in found if line.size < large]
    text.close()
    unknown = sum(letter.words in NO_LETTERS for letter in letters)
    return _without_light(lines), box[2] - box[0] if usual % 2 else box[3] - box[1], unknown


def _letters(text: "pypdfium2.PdfTextPage") -> Iterator[_Letter]:
    """Every letter with the box that its font gives it, which is as high as those of its neighbours."""
    import pypdfium2.raw as pdfium

    box, high = pdfium.FS_RECTF(), ""
    for index in range(pdfium.FPDFText_CountChars(text.raw)):
        unicode = pdfium.FPDFText_GetUnicode(text.raw, index)
        letter = chr(unicode) if unicode <= sys.maxunicode else "\ufffd"
        if "\ud800" <= letter <= "\udbff":
            high = letter
            continue
        if "\udc00" <= letter <= "\udfff":
            letter = (high + letter).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        high = ""
        if letter in "\r\n":
            yield _Letter(letter, index)
        elif letter in (HYPHEN, "\x02"):
            yield _Letter(HYPHEN, index)
        elif letter.isspace():
            yield _Letter(" ", index)
        elif letter in NO_LETTERS:
            yield _Letter(letter, index)
        else:
            pdfium.FPDFText_GetLooseCharBox(text.raw, index, box)
            shown = letter
            if "\ufb00" <= letter <= "\ufefc":  # ligatures, and forms of Arabic and Hebrew letters
                shown = unicodedata.normalize("NFKC", letter).strip() or letter
            yield _Letter(shown, index, box.left, box.right, box.bottom, box.top)


def _in_order(letters: list[_Letter]) -> list[_Letter]:
    """The letters with those that one sign stands for in the order in which they are written: PDFium turns them.

    It doesn't where the file has the signs in that order themselves; Lam and Alef, the most usual, show which it is.
    """
    signs: list[tuple[int, int]] = []  # of several letters, from and to
    for n, (one, two) in enumerate(pairwise(letters)):
        if two.words > "\u0590" and one[2:] == two[2:] and one.left < one.right and RIGHT_TO_LEFT.match(two.words):
            if signs and signs[-1][1] == n + 1:
                signs[-1] = (signs[-1][0], n + 2)
            else:
                signs.append((n, n + 2))
    pairs = [(letters[start].words, letters[start + 1].words) for start, stop in signs if stop - start == 2]
    if not any(one == LAM and two in ALEF for one, two in pairs):
        for start, stop in signs:
            letters[start:stop] = letters[start:stop][::-1]
    return letters


def _links(document: "pypdfium2.PdfDocument", page: "pypdfium2.PdfPage") -> list[tuple[_Box, str]]:
    """The boxes of a page's links to addresses, each with its address."""
    import pypdfium2.raw as pdfium

    found: list[tuple[_Box, str]] = []
    at, link, box, corners = ctypes.c_int(0), pdfium.FPDF_LINK(), pdfium.FS_RECTF(), pdfium.FS_QUADPOINTSF()
    while len(found) < MOST_LINKS and pdfium.FPDFLink_Enumerate(page.raw, at, link):
        action = pdfium.FPDFLink_GetAction(link)
        if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
            continue
        size = pdfium.FPDFAction_GetURIPath(document.raw, action, None, 0)
        address = ctypes.create_string_buffer(size)
        pdfium.FPDFAction_GetURIPath(document.raw, action, address, size)
        target = address.value.decode("utf-8", "replace").strip()
        if not LIVE.match(target):
            continue
        for n in range(min(pdfium.FPDFLink_CountQuadPoints(link), 50)):
            if pdfium.FPDFLink_GetQuadPoints(link, n, corners):
                across = (corners.x1, corners.x2, corners.x3, corners.x4)
                up = (corners.y1, corners.y2, corners.y3, corners.y4)
                found.append(((min(across), max(across), min(up), max(up)), target))
        if not pdfium.FPDFLink_CountQuadPoints(link) and pdfium.FPDFLink_GetAnnotRect(link, box):
            found.append(((box.left, box.right, min(box.bottom, box.top), max(box.bottom, box.top)), target))
    return found


def _with_links(letters: list[_Letter], links: list[tuple[_Box, str]]) -> list[_Letter]:
    """The letters with the targets of the links whose boxes they stand in."""
    if not links:
        return letters
    middles = sorted(((one.bottom + one.top) / 2, n) for n, one in enumerate(letters) if one.top > one.bottom)
    for (left, right, bottom, top), target in links:
        level = middles[bisect(middles, (bottom, -1)) : bisect(middles, (top, sys.maxsize))]
        inside = sorted(n for _, n in level if left <= (letters[n].left + letters[n].right) / 2 <= right)
        for one, two in pairwise([*inside, -1]):
            letters[one] = letters[one]._replace(target=target)
            if two == one + 2 and letters[one + 1].words == " ":
                letters[one + 1] = letters[one + 1]._replace(target=target)
    return letters


def _runs(text: "pypdfium2.PdfTextPage", letters: list[_Letter]) -> Iterator[tuple[int, list[_Letter]]]:
    """Letters that follow one another in a line, with how many quarters they are turned; -1 where they are slanted."""
    import pypdfium2.raw as pdfium

    run: list[_Letter] = []
    turn = 0
    last: _Letter | None = None
    for letter in letters:
        if letter.words in NO_LETTERS:
            continue
        if letter.words in "\r\n":
            if run:
                yield turn, run
            run, last = [], None
            continue
        if letter.top > letter.bottom:
            if last is None or last.bottom != letter.bottom or last.top != letter.top:
                quarters = pdfium.FPDFText_GetCharAngle(text.raw, letter.number) / (math.pi / 2)
                own = round(quarters) % 4 if abs(quarters - round(quarters)) * math.pi / 2 < UPRIGHT else -1
                if last is not None and (own != turn or (own == 0 and not _goes_on_beside(last, letter))):
                    yield turn, run
                    run = []
                turn = own
            last = letter
        run.append(letter)
        if letter.words == HYPHEN:
            yield turn, run
            run, last = [], None
    if run:
        yield turn, run


def _goes_on_beside(last: _Letter, letter: _Letter) -> bool:
    back = letter.left < last.left - last.height and not RIGHT_TO_LEFT.match(letter.words)
    return not back and _is_level(last[4:6], letter[4:6])


def _placed_anew(run: list[_Letter], turn: int, box: tuple[float, float, float, float]) -> list[_Letter]:
    """Letters as they stand on a page that is turned so that they are upright, with its lower left corner at 0, 0."""
    if turn == 0 and box[:2] == (0, 0):
        return run
    left, _, bottom, _ = _turned(turn, box[0], box[2], box[1], box[3])
    found = []
    for letter in run:
        if letter.top > letter.bottom:
            one, two, three, four = _turned(turn, letter.left, letter.right, letter.bottom, letter.top)
            letter = letter._replace(left=one - left, right=two - left, bottom=three - bottom, top=four - bottom)
        found.append(letter)
    return found


def _turned(turn: int, left: float, right: float, bottom: float, top: float) -> tuple[float, float, float, float]:
    if turn == 1:
        return -top, -bottom, left, right
    if turn == 2:
        return -right, -left, -top, -bottom
    return (bottom, top, -right, -left) if turn == 3 else (left, right, bottom, top)


def _lines(text: "pypdfium2.PdfTextPage", runs: Iterable[list[_Letter]]) -> Iterator[Line]:
    """The lines of these runs: those that follow one another at the same height are one."""
    row: list[list[_Letter]] = []
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


def _beside(one: _Box, two: _Box) -> bool:
    low = min(one[3] - one[2], two[3] - two[2])
    return _is_level(one[2:], two[2:]) and (two[0] > one[1] - 0.3 * low or two[1] < one[0] + 0.3 * low)


def _is_level(one: Sequence[float], two: Sequence[float]) -> bool:
    """Whether what goes from a bottom to a top stands on a line with another."""
    return min(one[1], two[1]) - max(one[0], two[0]) > LEVEL * min(one[1] - one[0], two[1] - two[0])


def _line(text: "pypdfium2.PdfTextPage", row: list[list[_Letter]]) -> Line | None:
    import pypdfium2.raw as pdfium

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


def _read_from_its_side(row: list[list[_Letter]]) -> list[_Letter]:
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
    letters: list[_Letter] = []
    for run in order:
        if letters:
            one = next(letter for letter in reversed(letters) if letter.height > 0)
            two = next(letter for letter in run if letter.height > 0)
            space = max(two.left - one.right, one.left - two.right)
            if space > SPACE * max(one.height, two.height) and letters[-1].words != " " != run[0].words:
                letters.append(_Letter(" ", one.number))
        letters += run
    return letters


def _rises(text: "pypdfium2.PdfTextPage", placed: list[_Letter], size: float) -> dict[int, int]:
    """The smaller letters of a line that stand above (1) or below (-1) where the others do, by their number."""
    small = [letter for letter in placed if letter.top - letter.bottom < RAISED_SIZE * size]
    usual = next((letter for letter in placed if letter.top - letter.bottom > 0.95 * size), None)
    if not small or usual is None or len(small) > len(placed) / 2:
        return {}
    base = _base(text, usual)
    rises = {letter.number: (_base(text, letter) - base) / size for letter in small}
    return {number: 1 if rise > 0 else -1 for number, rise in rises.items() if rise > 0.15 or rise < -0.05}


def _base(text: "pypdfium2.PdfTextPage", letter: _Letter) -> float:
    import pypdfium2.raw as pdfium

    across, up = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(text.raw, letter.number, across, up)
    return up.value


def _words(letters: Iterable[_Letter], rises: dict[int, int]) -> str:
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


def _cells(letters: list[_Letter], placed: list[_Letter], size: float, rises: dict[int, int]) -> tuple[LineCell, ...]:
    """The parts of a line between which there is more space than between words."""
    gaps: list[float] = []
    reach = math.inf
    for letter in sorted(placed, key=lambda letter: letter.left):
        if letter.left - reach > CELL * size:
            gaps.append(letter.left)
        reach = letter.right if reach == math.inf else max(reach, letter.right)
    if not gaps:
        return ()
    cells: dict[int, list[_Letter]] = {}
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


def _is_monospaced(text: "pypdfium2.PdfTextPage", placed: list[_Letter]) -> bool:
    import pypdfium2.raw as pdfium

    widths = [letter.right - letter.left for letter in placed]
    if max(widths) > 1.4 * min(widths) or any(letter.words > "\u2e80" for letter in placed):
        return False
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    for letter in (placed[0], *placed[4::8], placed[-1]):
        pdfium.FPDFText_GetFontInfo(text.raw, letter.number, name, len(name), flags)
        if not flags.value & 1 and not MONOSPACED.search(name.value.decode("utf-8", "replace")):
            return False
    return True


def _listing(letters: list[_Letter], placed: list[_Letter], size: float) -> str:
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

"""PDF, step 3: lines column by column, without those that every page repeats, and the levels of headings."""

import math
import re
import statistics
from bisect import bisect
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice, pairwise

import pypdfium2

from qa.documents.formats.pdf.letters import RIGHT_TO_LEFT
from qa.documents.formats.pdf.lines import ACROSS, BULLET, NUMBER, Line, rounded, usual_size
from qa.documents.writing.words import bare

LARGER = 1.12  # letters of a heading, against those of the text
LONGEST_HEADING = 150  # characters
HEADING_LINES = 4
MOST_HEADINGS = 0.25  # of all lines: with more of them the size of letters tells nothing
EDGE = 3  # lines at a page's top and at its bottom that can be repeated ones
MARGIN = 0.13  # of a page's height, in which they stand
MOST_ENTRIES = 5000  # of an outline
SECTION = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,4}\.?|[IVX]{1,5}\.|[A-Z]\.)[ \t]+[A-Z].*[^.,;:]$")
CONTENTS = re.compile(r"(?:.*\S)?[ \t]*(?:(?:\. ?){4,}|…{2,})[ \t]*(?:\d{1,4}|[ivxl]{1,6})")
LEAST_CONTENTS = 5  # lines of a page that is a table of contents, whose lines are left out
HYPHENATED = re.compile(r"[^\W\d_]+[-‐][^\W\d_]+")
AROUND_NUMBERS = re.compile(
    r"(?:page|pages|p|pp|seite|s|страница|стр|с|página|pág|pagina|of|von|из|de|/|\||\W)*", re.IGNORECASE
)
FAR = 30  # pages; a number that stands in a line with words is the page's up to this far from its place in the file
GUTTER = 0.7  # of a line's height; columns of text are at least this far apart
FARTHEST = 30  # lines, in which a gutter shows
LEAST_LINES = 4  # of columns
PROSE = 18  # characters of a column's line, on average
FILLED = 0.55  # of a column's width that its lines take, on average


@dataclass(frozen=True, slots=True)
class Style:
    """What is told from a whole document: its headings' levels by id(), the usual size of letters, words with hyphens.

    `listings` is whether letters that are equally wide mark a listing; in a text that is typewritten they don't.
    """

    levels: dict[int, int]
    usual: float
    hyphenated: frozenset[str]
    listings: bool

    def is_large(self, line: Line) -> bool:
        """Whether a line is words in letters that are larger than most."""
        is_larger = line.size > LARGER * self.usual and not line.turned
        return is_larger and re.search(r"[^\W\d]{2}", line.text) is not None


def without_repeated(pages: list[list[Line]], heights: list[float]) -> list[list[Line]]:
    """Drop watermarks, headers and footers: lines at a page's edge that others repeat, but for page numbers."""
    if len(pages) < 3:
        return pages
    places: dict[str, list[tuple[int, Line]]] = {}
    large: dict[str, list[Line]] = {}
    usual = usual_size(pages)
    for number, (lines, height) in enumerate(zip(pages, heights, strict=True)):
        for line in _edges(lines, height):
            places.setdefault(_pattern(line), []).append((number, line))
        for line in lines:
            if line.light or line.size > ACROSS * ACROSS * usual:
                large.setdefault(f"{line.text} at {round(line.bottom / 8)}", []).append(line)
    least = max(3, 0.15 * len(pages))
    repeated = {
        id(line)
        for found in places.values()
        if len({number for number, _ in found}) >= least and _is_running(found)
        for _, line in found
    }
    repeated |= {id(line) for found in large.values() if len(found) > 0.5 * len(pages) for line in found}
    return [[line for line in lines if id(line) not in repeated] or lines for lines in pages]


def _is_running(found: list[tuple[int, Line]]) -> bool:
    """Whether lines that are the same but for their numbers are a header or footer: the numbers count the pages.

    Those of a form that is on every page, as of an invoice, differ otherwise, or count what the form is for.
    """
    texts = {line.text for _, line in found}
    if len(texts) <= max(1, len(found) // 3):
        return True
    rows_of_numbers = [[int(n) for n in re.findall(r"\d{1,6}", line.text)] for _, line in found]
    words = re.sub(r"\d+|\b[ivxl]+\b", "", found[0][1].text.lower())
    if not all(rows_of_numbers):
        return bool(AROUND_NUMBERS.fullmatch(words))  # Roman ones
    for column in zip(*rows_of_numbers, strict=False):
        offsets = [number - page for number, (page, _) in zip(column, found, strict=True)]
        usual, times = Counter(offsets).most_common(1)[0]
        if times >= 0.8 * len(offsets) and (abs(usual) <= FAR or AROUND_NUMBERS.fullmatch(words)):
            return True
    return False


def without_contents(lines: list[Line]) -> list[Line]:
    """Drop the lines of a table of contents, which end with a page number."""
    kept = [line for line in lines if not CONTENTS.fullmatch(line.text)]
    return kept if len(lines) - len(kept) >= LEAST_CONTENTS else lines


def _edges(lines: list[Line], height: float) -> list[Line]:
    by_height = sorted((line for line in lines if not line.turned), key=lambda line: -line.bottom)
    top = [line for line in by_height[:EDGE] if line.bottom > (1 - MARGIN) * height]
    bottom = [line for line in by_height[-EDGE:] if line.bottom < MARGIN * height]
    return [*top, *bottom, *(line for line in lines if line.turned)]


def _alone(line: Line) -> str:
    """The number that stands in a line apart from its words."""
    return next((cell.words for cell in (*line.cells[-1:], *line.cells[:1]) if cell.words.isdecimal()), "")


def _pattern(line: Line) -> str:
    words = re.sub(r"\d+|\b[ivxl]+\b", "0", _alone(line) or line.text.lower())
    return f"{words} at {round(line.bottom / 8)}"


def in_columns(lines: list[Line]) -> list[Line]:
    """Order lines column by column; a line that goes across columns of text is split."""
    upright = [line for line in lines if not line.turned]
    besides = sum(abs(one.bottom - two.bottom) < one.size and not _above(one, two) for one, two in pairwise(upright))
    if besides + sum(len(line.cells) > 1 for line in upright) < LEAST_LINES:
        return lines
    order = sorted(upright, key=lambda line: -line.top)
    edges = (min(line.left for line in upright), max(line.right for line in upright))
    places = {id(line): n for n, line in enumerate(lines)}
    found: dict[int, list[Line]] = {}  # what is read in place of a line
    at = 0
    while at < len(order):
        stop, gutters = _gutters(order, at, edges)
        run = sorted(order[at:stop], key=lambda line: places[id(line)])
        columns = _columns(run, gutters)
        if columns:
            found |= {id(line): [] for line in run}
            found[id(run[0])] = [line for column in columns for line in column]
            at = stop
        else:
            at += max(1, (stop - at) // 2 * bool(gutters))
    return [one for line in lines for one in found.get(id(line), [line])]


def _above(one: Line, two: Line) -> bool:
    return min(one.right, two.right) > max(one.left, two.left)


def _gutters(order: list[Line], start: int, edges: tuple[float, float]) -> tuple[int, list[tuple[float, float]]]:
    """Follow the gutters that begin at a line: return the line where they end, and their places."""
    free, gutters = [edges], list[tuple[float, float]]()
    first, last = math.inf, -math.inf  # where the leftmost part of a line ends, and the rightmost begins
    for stop in range(start, len(order)):
        line = order[stop]
        left = free
        for one, two, *_ in line.cells or ((line.left, line.right),):
            first, last = min(first, two), max(last, one)
            left = [
                (a, b) for c, d in left for a, b in ((c, min(d, one)), (max(c, two), d)) if b - a > GUTTER * line.size
            ]
        found = [(a, b) for a, b in left if a >= first and b <= last]
        if len(found) < len(gutters) or not left or (not found and stop - start > FARTHEST):
            return stop, gutters
        free, gutters = left, found
    return len(order), gutters


def _columns(run: list[Line], gutters: list[tuple[float, float]]) -> list[list[Line]]:
    """The lines of each column, if these are columns of text and the file has their lines in turns."""
    if not gutters:
        return []
    columns = _parted(run, gutters)
    places = [bisect([gutter[0] for gutter in gutters], line.left) for line in run]
    turns = sum(one != two for one, two in pairwise(places)) + sum(len(line.cells) > len(gutters) for line in run)
    if turns < LEAST_LINES or not all(_are_columns(*sides) for sides in pairwise(columns)):
        return []
    if sum(map(len, map(RIGHT_TO_LEFT.findall, (line.text for line in run)))) > sum(len(line.text) for line in run) / 2:
        columns.reverse()
    return columns


def _parted(run: list[Line], gutters: list[tuple[float, float]]) -> list[list[Line]]:
    columns: list[list[Line]] = [[] for _ in range(len(gutters) + 1)]
    starts = [gutter[1] for gutter in gutters]
    for line in run:
        if not line.cells:
            columns[bisect(starts, line.left + 0.01)].append(line)
            continue
        for column, cells in groupby(line.cells, lambda cell: bisect(starts, cell.left + 0.01)):
            own = tuple(cells)
            words = " ".join(cell.words for cell in own)
            shown = bare(words)
            marker = BULLET.match(shown) or NUMBER.match(shown)
            columns[column].append(
                replace(
                    line,
                    text=shown,
                    words=words,
                    left=own[0].left,
                    right=own[-1].right,
                    size=max(cell.size for cell in own),
                    cells=own if len(own) > 1 else (),
                    marker=marker[0] if marker else "",
                    hang=own[0].left,
                    listing="",
                )
            )
    return columns


def _are_columns(one: list[Line], two: list[Line]) -> bool:
    """Whether lines that nothing crosses are two columns of text, and stand side by side."""
    fewer, more = sorted((one, two), key=len)
    beside = sum(any(abs(line.bottom - other.bottom) < line.size for other in more) for line in fewer)
    return _is_text(one) and _is_text(two) and beside > 0.5 * len(fewer)


def _is_text(column: list[Line]) -> bool:
    """Whether lines below one another read as text: they are many, and most of them fill the column."""
    if len(column) < LEAST_LINES or sum(len(line.text) for line in column) < PROSE * len(column):
        return False
    wide = max(line.right for line in column) - min(line.left for line in column)
    return statistics.mean(line.right - line.left for line in column) > FILLED * wide


def style_of(document: pypdfium2.PdfDocument, pages: list[list[Line]]) -> Style:
    """What is told from a whole document."""
    levels = _levels_by_outline(document, pages) or _levels_by_size(pages)
    length = equally = 0
    hyphenated: set[str] = set()
    for line in chain.from_iterable(pages):
        length += len(line.text)
        equally += len(line.text) * bool(line.listing)
        if "-" in line.text or "‐" in line.text:
            hyphenated.update(word.lower().replace("‐", "-") for word in HYPHENATED.findall(line.text))
    return Style(levels, usual_size(pages), frozenset(hyphenated), equally < 0.5 * length)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _levels_by_outline(document: pypdfium2.PdfDocument, pages: list[list[Line]]) -> dict[int, int]:
    """The levels of the lines, by id(), that an outline names; none where the outline fits too few of them."""
    levels: dict[int, int] = {}
    entries = found = 0
    for entry in islice(document.get_toc(max_depth=6), MOST_ENTRIES):
        destination = entry.get_dest()
        title = _plain(entry.get_title())
        number = destination.get_index() if destination else None
        if not title or number is None or not 0 <= number < len(pages):
            continue
        entries += 1
        if lines := _lines_of(title, pages[number]):
            found += 1
            levels |= {id(line): min(entry.level + 1, 6) for line in lines}
    return levels if found >= max(2, entries / 2) else {}


def _lines_of(title: str, lines: list[Line]) -> list[Line]:
    """The lines that a heading takes: those that are its words, but for a number or "Chapter" before them."""
    best: list[Line] = []
    for start in range(len(lines)):
        words = ""
        for stop in range(start, min(start + HEADING_LINES, len(lines))):
            words += _plain(lines[stop].text)
            before = words.removesuffix(title)
            if words.endswith(title) and len(before) <= 12 and (len(before) < 3 or stop > start):
                if not best or lines[start].size > best[0].size * 1.05:
                    best = lines[start : stop + 1]
                break
    return best


def _levels_by_size(pages: list[list[Line]]) -> dict[int, int]:
    """The levels of the lines, by id(), whose letters are larger than most, or that are bold and numbered."""
    lines = [line for line in chain.from_iterable(pages) if not line.turned]
    usual = usual_size([lines])
    larger = [
        line
        for line in lines
        if line.size >= LARGER * usual and len(line.text) <= LONGEST_HEADING and re.search(r"[^\W\d]{2}", line.text)
    ]
    if len(larger) > max(2, MOST_HEADINGS * len(lines)):
        larger = []
    order = sorted({rounded(line.size) for line in larger}, reverse=True)
    levels = {id(line): min(order.index(rounded(line.size)) + 1, 6) for line in larger}
    if sum(len(line.text) * line.bold for line in lines) < 0.3 * sum(len(line.text) for line in lines):
        below = min(len(order) + 1, 6)
        for line in lines:
            if line.bold and id(line) not in levels and len(line.text) <= 100 and SECTION.fullmatch(line.text):
                levels[id(line)] = below
    return levels

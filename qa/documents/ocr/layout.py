"""The layout of scanned pages: lines → columns, headings, paragraphs, lists and tables in reading order.

They are told from their places: columns from the space between them, a paragraph from the space above it, a heading
from the size of its letters.
"""

import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import NamedTuple

from qa.documents.writing.parts import Part, heading, listed, paragraph
from qa.documents.writing.rows import tabled
from qa.documents.writing.words import PLACE, SENTENCE_END, WORDS, bare, joined

LARGER = 1.3  # than the usual line is a heading, the place of which has some room around it …
WIDER = 1.2  # … and its letters are this much wider …
WIDEST = 1.7  # … or, of the first level, this much
LONGEST_HEADING = 100  # characters
GAP = 1.35  # of the usual distance of lines: with more begins a paragraph
SHORT = 0.8  # of the width of a column; a line that ends before, with a sentence, ends a paragraph
APART = 2.0  # heights of a line between two words of it; with more they are cells of a table, or columns
ALIKE = 1.6  # by this the heights of two pieces of a line differ at most, with and without letters that hang below it
LEAST_LINES = 3  # of a column
LEAST_ROWS = 3  # of a table
LEAST_LENGTH = 15  # characters of the usual line in a column; of a table's cells they are less
CROSSING = 0.25  # of the lines at most, as headings, stand across the space between two columns
MARKER = re.compile(r"([•·▪●○*–—-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+(?=\S)")
ITEM = re.compile(f"((?:{PLACE}[^{WORDS}]*{WORDS})?){MARKER.pattern}")
BULLET = re.compile(r"[•·▪●○*–—-]")


@dataclass(frozen=True, slots=True)
class ScanLine:
    """A line and its place, in pixels from the left and from the top; `cells` are those of a table's row.

    `mark` says where it stands on the page as it is, not made straight.
    """

    left: float
    right: float
    top: float
    bottom: float
    text: str
    score: float
    cells: tuple[str, ...] = ()
    mark: str = ""

    @property
    def marked(self) -> str:
        """Its words with its mark."""
        return self.mark + self.text

    @property
    def height(self) -> float:
        """From the top to the bottom."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Half way from the top to the bottom."""
        return (self.top + self.bottom) / 2

    @property
    def letter(self) -> float:
        """How wide a letter is, on an average."""
        return (self.right - self.left - self.height / 2) / max(len(self.text), 1)


def arranged(lines: Sequence[ScanLine], mark: Callable[[ScanLine], str]) -> list[Part]:
    """Return the parts of a page with these lines, at least one; `mark` returns the mark of a line's place."""
    return _parts(_ordered([replace(line, mark=mark(line)) for line in _in_rows(lines)]))


def _in_rows(lines: Sequence[ScanLine]) -> list[ScanLine]:
    """The lines from the top down, those joined that are found as several next to one another."""
    found: list[ScanLine] = []
    for line in sorted(lines, key=lambda line: line.left):
        left = [one for one in found if 0 <= line.left - one.right + 0.5 * line.height < APART * line.height]
        near = [one for one in left if _beside(one, line)]
        if near:
            one = max(near, key=lambda one: one.right)
            found.remove(one)
            top, bottom = min(one.top, line.top), max(one.bottom, line.bottom)
            line = replace(line, left=one.left, top=top, bottom=bottom, text=f"{one.text} {line.text}")
        found.append(line)
    return sorted(found, key=lambda line: (line.middle, line.left))


def _beside(one: ScanLine, two: ScanLine) -> bool:
    """Whether two stand on the same line."""
    lower, higher = sorted((one.height, two.height))
    return abs(one.middle - two.middle) < 0.4 * lower and higher < ALIKE * lower


def _ordered(lines: Sequence[ScanLine]) -> list[list[ScanLine]]:
    """The columns of text in reading order: the left one first; what stands across them is one above or below."""
    between = _between(lines)
    if between is None:
        return [list(lines)] if lines else []
    columns: list[list[ScanLine]] = []
    for crosses, group in groupby(lines, lambda line: line.left < between < line.right):
        band = list(group)
        sides = [band] if crosses else [[one for one in band if (one.left > between) == right] for right in (0, 1)]
        for side in sides:
            columns += [side] if crosses and side else _ordered(side)
    return columns


def _between(lines: Sequence[ScanLine]) -> float | None:
    """Where the space between two columns is, None where it isn't clear."""
    if len(lines) < 2 * LEAST_LINES:
        return None
    best: tuple[int, float] | None = None
    for x in sorted({line.right + 1 for line in lines}):
        left = [line for line in lines if line.right < x]
        right = [line for line in lines if line.left > x]
        crossing = len(lines) - len(left) - len(right)
        if min(len(left), len(right)) < LEAST_LINES or crossing > CROSSING * len(lines):
            continue
        if any(statistics.median(len(line.text) for line in side) < LEAST_LENGTH for side in (left, right)):
            continue
        top = max(min(s.top for s in side) for side in (left, right))
        bottom = min(max(s.bottom for s in side) for side in (left, right))
        height = statistics.median(line.height for line in lines)
        beside = sum(top <= line.middle <= bottom for line in (left + right))
        if beside < len(left + right) / 2 or min(line.left for line in right) - x < 0.5 * height:
            continue
        if best is None or crossing < best[0]:
            best = crossing, x
    return best[1] if best else None


def _parts(columns: Sequence[Sequence[ScanLine]]) -> list[Part]:
    """What the lines of a page are."""
    every = [line for column in columns for line in column]
    usual = _Usual(statistics.median(line.height for line in every), statistics.median(line.letter for line in every))
    parts: list[Part] = []
    for column in columns:
        for wide, group in groupby(_across(column), lambda line: len(line.cells)):
            run = list(group)
            if wide and len(run) >= LEAST_ROWS:
                parts += tabled([line.cells for line in run], None, ())
            else:
                for lines in [[line] for line in run] if wide else _grouped(run, usual):
                    parts += _part(lines, usual)
    return _with_lists(parts)


class _Usual(NamedTuple):
    """How high the usual line of a page is, and how wide its letters."""

    height: float
    letter: float


def _across(column: Sequence[ScanLine]) -> list[ScanLine]:
    """The lines of a column, in which those next to one another are a row of a table."""
    groups: list[list[ScanLine]] = []
    for line in column:
        if groups and all(
            _beside(one, line) and (one.right < line.left or line.right < one.left) for one in groups[-1]
        ):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [_row(sorted(group, key=lambda line: line.left)) if len(group) > 1 else group[0] for group in groups]


def _row(line: Sequence[ScanLine]) -> ScanLine:
    cells = tuple(cell.marked for cell in line)
    place = line[0].left, line[-1].right, min(cell.top for cell in line), max(cell.bottom for cell in line)
    return ScanLine(*place, " ".join(cells), min(cell.score for cell in line), cells)


def _grouped(column: Sequence[ScanLine], usual: _Usual) -> Iterator[list[ScanLine]]:
    """The lines of a column, those of a paragraph or a heading together."""
    steps = [below.middle - above.middle for above, below in pairwise(column)]
    likely = [step for step in steps if 0.5 * usual.height < step < 3 * usual.height]
    step = statistics.median_low(likely) if likely else 0.0
    left, right = min(line.left for line in column), max(line.right for line in column)
    group: list[ScanLine] = []
    for line in column:
        if group and _begins(group[-1], line, step, left + SHORT * (right - left), usual):
            yield group
            group = []
        group.append(line)
    yield group


def _begins(above: ScanLine, line: ScanLine, step: float, full: float, usual: _Usual) -> bool:
    """Whether a paragraph begins with a line; `full` is how far to the right a line reaches that goes on below."""
    size, size_above = _size(line, usual), _size(above, usual)
    if size or size_above:
        return size != size_above or line.middle - above.middle > 2 * max(line.height, above.height)
    if line.middle - above.middle > GAP * step or line.middle - above.middle < 0.5 * usual.height:
        return True
    ended = SENTENCE_END.search(above.text) is not None
    indented = line.left - above.left > 0.8 * usual.height
    return ended and (above.right < full or indented or MARKER.match(line.text) is not None)


def _size(line: ScanLine, usual: _Usual) -> int:
    """The level of the heading that a line is by its size, 0 where it is none."""
    large = line.height >= LARGER * usual.height and line.letter >= WIDER * usual.letter
    if not large or len(line.text) > LONGEST_HEADING or not re.search(r"[^\W\d_]{2}", line.text):
        return 0
    return 1 if line.letter >= WIDEST * usual.letter else 2


def _part(lines: Sequence[ScanLine], usual: _Usual) -> list[Part]:
    words = lines[0].marked
    for line in lines[1:]:
        words = joined(words, line.marked)
    level = _size(lines[0], usual)
    return heading(words, level) if level and len(bare(words)) <= 2 * LONGEST_HEADING else paragraph(words)


def _with_lists(parts: Sequence[Part]) -> list[Part]:
    """The parts, those that begin with a bullet or a number as items of lists."""
    found: list[Part] = []
    for is_item, group in groupby(parts, lambda part: part.kind == "paragraph" and bool(ITEM.match(part.words))):
        run = list(group)
        if is_item and (len(run) > 1 or BULLET.match(bare(run[0].words))):
            items = [(match.groups(), part.words[match.end() :]) for part in run if (match := ITEM.match(part.words))]
            found += listed(
                ("", paragraph(place + words)) if BULLET.match(number) else (place + number, paragraph(words))
                for (place, number), words in items
            )
        else:
            found += run
    return found

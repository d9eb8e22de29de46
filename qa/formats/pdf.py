"""PDF → its text in reading order, by PDFium, with headings, paragraphs, lists, tables and listings found again.

A PDF knows letters and their places only. What is a heading is told from its outline where it has one, else from the
size of its letters; a paragraph from the space above it; a table from cells that stand below one another; columns of
text from the space between them. What every page repeats at its top or bottom, or across it, is left out.
"""

import ctypes
import math
import re
import statistics
import sys
import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from qa.errors import CorpusError
from qa.formats.converted import Converted, too_long
from qa.formats.office import LIVE, NO_TITLES
from qa.formats.writing import (
    END,
    LIGATURES,
    LOWERED,
    PAGE,
    RAISED,
    TARGET,
    WORDS,
    YEAR,
    Part,
    bare,
    code,
    heading,
    linked,
    lowered,
    nested,
    one_line,
    paragraph,
    plausible,
    raised,
    rows,
    written,
)

if TYPE_CHECKING:
    import pypdfium2

NO_LETTERS = frozenset(  # of a font without a table of letters, and what no text can have
    map(chr, {*range(32), 0xFFFD, *range(0xFDD0, 0xFDF0)} - set(b"\t\n\v\f\r\2"))
)
UNKNOWN = 0.5  # of all letters; with more the text can't be read
HYPHEN = "\ufffe"  # PDFium's for a hyphen at a line's end, which it joins with the next line
LARGER = 1.12  # letters of a heading, against those of the text
SMALLER = 0.93  # those of a note at the page's foot
RAISED_SIZE = 0.85  # those above or below the line
LONGEST_WORD = 100  # characters
LONGEST_HEADING = 150  # characters
LONGEST_TITLE = 500
HEADING_LINES = 4
MOST_HEADINGS = 0.25  # of all lines: with more of them the size of letters tells nothing
GAP = 1.4  # of the usual distance of lines: with more begins a paragraph
CELL = 1.0  # of the height of letters: with more space between words begins a cell
LEVEL = 0.55  # of the height of the lower ones that letters of a line share
SPACE = 0.2  # with more begins a word
HANGING = 0.4  # with more after it, what can be an item's number or "o" is one
EDGE = 3  # lines at a page's top and at its bottom that can be repeated ones
MARGIN = 0.13  # of a page's height, in which they stand
BOLD = 600
LEAST_ROWS = 3  # of a table, with the names of its columns
MOST_ENTRIES = 5000  # of an outline
MOST_LINKS = 500  # of a page
LEAST_TEXT = 4  # letters a page; with fewer and a picture on it, it is scanned
SIGNS = "•●○◦▪▫■□‣⁃∙·➢➤►▶▸❖◆◇✓✔❑❒\ue000-\uf8ff"  # fonts of signs have theirs among those for private use
DASH = re.compile(r"[–—*»\-]")  # which can begin a line of a sentence as well
BULLET = re.compile(rf"[{SIGNS}](?=\s*\w|\s|$)|[–—*»o\-](?=\s|$)")
NUMBER = re.compile(r"(?:\d{1,3}[.)]|\((?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})\)|[a-zA-Z][.)]|[ivx]{1,5}\))(?=\s|$)")
FIRST = re.compile(r"\(?[1aA][.)]")
SHORT = 0.6  # of the width of a paragraph
DEEPEST = 9  # lists inside one another
INDENT = 5.0  # points; items that begin further to the right belong to the one above
SECTION = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,4}\.?|[IVX]{1,5}\.|[A-Z]\.)[ \t]+[A-Z].*[^.,;:]$")
LEADER = re.compile(r"(?:\. ?){4,}|…{2,}")
CONTENTS = re.compile(r"(?:.*\S)?[ \t]*(?:(?:\. ?){4,}|…{2,})[ \t]*(?:\d{1,4}|[ivxl]{1,6})")
LEAST_CONTENTS = 5  # lines of a page that is a table of contents, whose lines are left out
SENTENCE_END = re.compile(r"[.?!:;…。？！][\"'”’)\]⁰¹²³⁴⁵⁶⁷⁸⁹]*$")
PARTED = re.compile(rf"(\w+)({END}?)[-‐]({END}?)$")
LINKED = re.compile(f"{TARGET}([^{WORDS}]*){WORDS}[^{END}]*{END}")
AND = re.compile(r"(?:and|or|to|und|oder|bzw|bis|et|ou|y|o|e|och|en|of|и|или)\b")  # after a hyphen that stays
HYPHENATED = re.compile(r"[^\W\d_]+[-‐][^\W\d_]+")
CAPTION = re.compile(
    r"(?:table|figure|fig\.|tabelle|tab\.|abbildung|abb\.|tableau|tabla|figura|tabella|таблица|рис\.|рисунок)"
    r"\s*[A-Z]?\d+(?:[.\-]\d+)*\s?[:.–—]\s",
    re.IGNORECASE,
)
NOTE = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+|[*†‡§]+|\[\d{1,3}\]|\d{1,3}\)")
MONOSPACED = re.compile(r"mono(?!type)|nimbusmon|courier|consol|typewriter|cmtt|menlo", re.IGNORECASE)
AROUND_NUMBERS = re.compile(
    r"(?:page|pages|p|pp|seite|s|страница|стр|с|página|pág|pagina|of|von|из|de|/|\||\W)*", re.IGNORECASE
)
NO_TITLE = re.compile(  # an id or a file's name
    r"(?=\S*(?:_|(?:\D*\d){4}))\S+|untitled\W*\d*|microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|pdf|indd|qxd|tex|dvi)",
    re.IGNORECASE,
)
FAR = 30  # pages; a number that stands in a line with words is the page's up to this far from its place in the file
GUTTER = 0.7  # of a line's height; columns of text are at least this far apart
FARTHEST = 30  # lines, in which a gutter shows
LEAST_LINES = 4  # of columns
PROSE = 18  # characters of a column's line, on average
FILLED = 0.55  # of a column's width that its lines take, on average
ALEF, LAM = "اآأإ", "ل"
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
UPRIGHT = 0.1  # radians; letters that are turned further are none of a line
ACROSS = 1.8  # of the usual size: letters that are turned and at least as large are a watermark
LARGE = 20.0  # points; only letters as large are a watermark where they are upright
LIGHT = 160  # of 255; colours of a watermark are at least as light


_Box = tuple[float, float, float, float]  # left, right, bottom and top


class _Cell(NamedTuple):
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
class _Line:
    text: str
    words: str  # with the marks of links
    left: float
    right: float
    bottom: float
    size: float  # of its letters
    bold: bool = False
    cells: tuple[_Cell, ...] = ()  # where it has several
    marker: str = ""  # of an item
    hang: float = 0.0  # where an item's words begin
    listing: str = ""  # the line with all its spaces, where its letters are all equally wide
    turned: bool = False
    light: bool = False

    @property
    def top(self) -> float:
        return self.bottom + self.size


class _Item(NamedTuple):
    """An item of a list before it is known how deep it is."""

    left: float
    hang: float
    shown: str
    parts: list[Part]


_Block = Part | _Item


@dataclass(frozen=True, slots=True)
class _Style:
    """What is told from a whole document: its headings' levels by id(), the usual size of letters, words with hyphens.

    `listings` is whether letters that are equally wide mark a listing; in a text that is typewritten they don't.
    """

    levels: dict[int, int]
    usual: float
    hyphenated: frozenset[str]
    listings: bool


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

    pages: list[list[_Line]] = []
    heights: list[float] = []
    scanned: dict[int, list[Part]] = {}
    size = broken = unknown = 0
    for number in range(len(document)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            broken += 1
            pages.append([])
            heights.append(0.0)
            continue
        lines, height, missing = _read(document, page)
        unknown += missing
        pages.append(lines)
        heights.append(height)
        length = sum(len(line.text) for line in lines)
        size += length
        too_long(size)
        if length < LEAST_TEXT and _has_picture(page):
            scanned[number] = _scanned(page)
        page.close()
    if broken == len(pages):
        raise CorpusError("damaged: none of its pages can be read")
    if not any(scanned.values()):
        if unknown > UNKNOWN * (size + unknown) and unknown > LEAST_TEXT:
            raise CorpusError(
                "scanned without text: its fonts don't tell their letters, let a program for OCR add the text"
            )
        if size < LEAST_TEXT * len(pages) and scanned:
            raise CorpusError("scanned without text: let a program for OCR add the text")
    pages = [_in_columns(_without_contents(lines)) for lines in _without_repeated(pages, heights)]
    style = _style(pages, _levels_by_outline(document, pages) or _levels_by_size(pages))
    return written(_parts(pages, style, scanned), _title(document, pages, style))


def _scanned(page: "pypdfium2.PdfPage") -> list[Part]:
    """The parts of a page that is a picture without text."""
    # SCANS: what qa.formats.scans.read_page makes of page.render(…).to_pil() is given back here.
    return []


def _has_picture(page: "pypdfium2.PdfPage") -> bool:
    import pypdfium2.raw as pdfium

    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING)
    return next(iter(page.get_objects(filter=kinds, max_depth=3)), None) is not None


# A page's letters, and its lines


def _read(document: "pypdfium2.PdfDocument", page: "pypdfium2.PdfPage") -> tuple[list[_Line], float, int]:
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
        large = ACROSS * _usual_size([lines]) if turn < 0 and lines else math.inf
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
            shown = letter if letter < "\ufb00" else _plain_form(letter)
            yield _Letter(shown, index, box.left, box.right, box.bottom, box.top)


def _plain_form(letter: str) -> str:
    """The letters that a ligature or a form of an Arabic or Hebrew letter stands for."""
    if "\ufb1d" <= letter <= "\ufefc":
        return unicodedata.normalize("NFKC", letter).strip() or letter
    return letter.translate(LIGATURES)


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


def _lines(text: "pypdfium2.PdfTextPage", runs: Iterable[list[_Letter]]) -> Iterator[_Line]:
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


def _line(text: "pypdfium2.PdfTextPage", row: list[list[_Letter]]) -> _Line | None:
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
    return _Line(
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


def _cells(letters: list[_Letter], placed: list[_Letter], size: float, rises: dict[int, int]) -> tuple[_Cell, ...]:
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
            found.append(_Cell(min(one.left for one in own), max(one.right for one in own), words, high))
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


def _without_light(lines: list[_Line]) -> list[_Line]:
    """Lines without those in large light letters that others stand on, as a watermark's."""
    if not any(line.light for line in lines):
        return lines
    large = ACROSS * _usual_size([lines])
    return [
        line
        for line in lines
        if not (line.light and line.size > large) or not any(_overlap(line, other) for other in lines)
    ]


def _overlap(one: _Line, two: _Line) -> bool:
    across = min(one.right, two.right) - max(one.left, two.left)
    up = min(one.top, two.top) - max(one.bottom, two.bottom)
    return one is not two and not two.turned and across > 0 and up > 0.3 * two.size


def _usual_size(pages: Iterable[list[_Line]]) -> float:
    sizes: Counter[float] = Counter()
    for line in chain.from_iterable(pages):
        sizes[_rounded(line.size)] += len(line.text)
    return max(sizes, key=lambda size: sizes[size], default=0.0)


# What pages repeat, and how their columns are read


def _without_repeated(pages: list[list[_Line]], heights: list[float]) -> list[list[_Line]]:
    """The pages without the lines at their edges that others have as well, but for the numbers of pages in them.

    Large lines that stand across most pages are a watermark, and left out as well.
    """
    if len(pages) < 3:
        return pages
    places: dict[str, list[tuple[int, _Line]]] = {}
    large: dict[str, list[_Line]] = {}
    usual = _usual_size(pages)
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


def _is_running(found: list[tuple[int, _Line]]) -> bool:
    """Whether lines that are the same but for their numbers are a header or footer: the numbers count the pages.

    Those of a form that is on every page, as of an invoice, differ otherwise, or count what the form is for.
    """
    texts = {line.text for _, line in found}
    if len(texts) <= max(1, len(found) // 3):
        return True
    rows_of_numbers = [[int(n) for n in re.findall(r"\d{1,6}", _alone(line) or line.text)] for _, line in found]
    words = re.sub(r"\d+|\b[ivxl]+\b", "", found[0][1].text.lower())
    if not all(rows_of_numbers):
        return bool(AROUND_NUMBERS.fullmatch(words))  # Roman ones
    for column in zip(*rows_of_numbers, strict=False):
        offsets = [number - page for number, (page, _) in zip(column, found, strict=True)]
        usual, times = Counter(offsets).most_common(1)[0]
        if times >= 0.8 * len(offsets) and (abs(usual) <= FAR or AROUND_NUMBERS.fullmatch(words)):
            return True
    return False


def _without_contents(lines: list[_Line]) -> list[_Line]:
    kept = [line for line in lines if not CONTENTS.fullmatch(line.text)]
    return kept if len(lines) - len(kept) >= LEAST_CONTENTS else lines


def _edges(lines: list[_Line], height: float) -> list[_Line]:
    by_height = sorted((line for line in lines if not line.turned), key=lambda line: -line.bottom)
    top = [line for line in by_height[:EDGE] if line.bottom > (1 - MARGIN) * height]
    bottom = [line for line in by_height[-EDGE:] if line.bottom < MARGIN * height]
    return [*top, *bottom, *(line for line in lines if line.turned)]


def _alone(line: _Line) -> str:
    """The number that stands in a line apart from its words."""
    return next((cell.words for cell in (*line.cells[-1:], *line.cells[:1]) if cell.words.isdecimal()), "")


def _pattern(line: _Line) -> str:
    words = re.sub(r"\d+|\b[ivxl]+\b", "0", _alone(line) or line.text.lower())
    return f"{words} at {round(line.bottom / 8)}"


def _in_columns(lines: list[_Line]) -> list[_Line]:
    """Lines in which columns of text stand side by side are parted, and each column is read to its end."""
    upright = [line for line in lines if not line.turned]
    besides = sum(abs(one.bottom - two.bottom) < one.size and not _above(one, two) for one, two in pairwise(upright))
    if besides + sum(len(line.cells) > 1 for line in upright) < LEAST_LINES:
        return lines
    order = sorted(upright, key=lambda line: -line.top)
    edges = (min(line.left for line in upright), max(line.right for line in upright))
    places = {id(line): n for n, line in enumerate(lines)}
    found: dict[int, list[_Line]] = {}  # what is read in place of a line
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


def _above(one: _Line, two: _Line) -> bool:
    return min(one.right, two.right) > max(one.left, two.left)


def _gutters(order: list[_Line], start: int, edges: tuple[float, float]) -> tuple[int, list[tuple[float, float]]]:
    """How far down from a line the same gutters go, and those."""
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


def _columns(run: list[_Line], gutters: list[tuple[float, float]]) -> list[list[_Line]]:
    """The lines of each column, if these are columns of text and the file has their lines in turns."""
    parted = _parted(run, gutters)
    kept = [gutter for gutter, sides in zip(gutters, pairwise(parted), strict=True) if _are_columns(*sides)]
    if not kept:
        return []
    columns = _parted(run, kept)
    places = [bisect([gutter[0] for gutter in kept], line.left) for line in run]
    turns = sum(one != two for one, two in pairwise(places)) + sum(len(line.cells) > len(kept) for line in run)
    if turns < LEAST_LINES or not all(_are_columns(*sides) for sides in pairwise(columns)):
        return []
    if sum(map(len, map(RIGHT_TO_LEFT.findall, (line.text for line in run)))) > sum(len(line.text) for line in run) / 2:
        columns.reverse()
    return columns


def _parted(run: list[_Line], gutters: list[tuple[float, float]]) -> list[list[_Line]]:
    columns: list[list[_Line]] = [[] for _ in range(len(gutters) + 1)]
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
                    hang=own[1].left if marker and len(own) > 1 and own[0].words == marker[0] else own[0].left,
                    listing="",
                )
            )
    return columns


def _are_columns(one: list[_Line], two: list[_Line]) -> bool:
    """Whether lines that nothing crosses are two columns of text, and stand side by side."""
    fewer, more = sorted((one, two), key=len)
    beside = sum(any(abs(line.bottom - other.bottom) < line.size for other in more) for line in fewer)
    return _is_text(one) and _is_text(two) and beside > 0.5 * len(fewer)


def _is_text(column: list[_Line]) -> bool:
    """Whether lines below one another read as text: they are many, and most of them fill the column."""
    if len(column) < LEAST_LINES or sum(len(line.text) for line in column) < PROSE * len(column):
        return False
    wide = max(line.right for line in column) - min(line.left for line in column)
    return statistics.mean(line.right - line.left for line in column) > FILLED * wide


# Headings


def _style(pages: list[list[_Line]], levels: dict[int, int]) -> _Style:
    length = equally = 0
    hyphenated: set[str] = set()
    for line in chain.from_iterable(pages):
        length += len(line.text)
        equally += len(line.text) * bool(line.listing)
        if "-" in line.text or "‐" in line.text:
            hyphenated.update(word.lower().replace("‐", "-") for word in HYPHENATED.findall(line.text))
    return _Style(levels, _usual_size(pages), frozenset(hyphenated), equally < 0.5 * length)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _levels_by_outline(document: "pypdfium2.PdfDocument", pages: list[list[_Line]]) -> dict[int, int]:
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


def _lines_of(title: str, lines: list[_Line]) -> list[_Line]:
    """The lines that a heading takes: those that are its words, but for a number or "Chapter" before them."""
    best: list[_Line] = []
    for start in range(len(lines)):
        words = ""
        for stop in range(start, min(start + HEADING_LINES, len(lines))):
            words += _plain(lines[stop].text)
            before = words.removesuffix(title)
            if words.endswith(title) and len(before) <= 12 and (before.isdigit() or len(before) < 3 or stop > start):
                if not best or lines[start].size > best[0].size * 1.05:
                    best = lines[start : stop + 1]
                break
            if len(words) > len(title) + 12:
                break
    return best


def _levels_by_size(pages: list[list[_Line]]) -> dict[int, int]:
    """The levels of the lines, by id(), whose letters are larger than most, or that are bold and numbered."""
    lines = [line for line in chain.from_iterable(pages) if not line.turned]
    usual = _usual_size([lines])
    larger = [
        line
        for line in lines
        if line.size >= LARGER * usual and len(line.text) <= LONGEST_HEADING and re.search(r"[^\W\d]{2}", line.text)
    ]
    if len(larger) > max(2, MOST_HEADINGS * len(lines)):
        larger = []
    order = sorted({_rounded(line.size) for line in larger}, reverse=True)
    levels = {id(line): min(order.index(_rounded(line.size)) + 1, 6) for line in larger}
    if sum(len(line.text) * line.bold for line in lines) < 0.3 * sum(len(line.text) for line in lines):
        below = min(len(order) + 1, 6)
        for line in lines:
            if line.bold and id(line) not in levels and len(line.text) <= 100 and SECTION.fullmatch(line.text):
                levels[id(line)] = below
    return levels


def _rounded(size: float) -> float:
    return round(size * 2) / 2


# Parts


def _parts(pages: list[list[_Line]], style: _Style, scanned: dict[int, list[Part]]) -> list[Part]:
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
    words = bare(_last_words(last))
    return not SENTENCE_END.search(words) and (first.words[:1].islower() or bool(RIGHT_TO_LEFT.match(first.words)))


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

    def __init__(self, lines: list[_Line], style: _Style, table: _Table, last: _Block | None) -> None:
        self._lines, self._style, self._table, self._last = lines, style, table, last
        self._blocks: list[_Block] = []
        self._no_table = 0  # lines up to this one begin none
        self._distance = _distance(lines)
        upright = [line.bottom for line in lines if line.size > SMALLER * style.usual and not line.turned]
        self._foot = min(upright, default=0.0)

    def blocks(self) -> list[_Block]:
        lines = self._lines
        group: list[_Line] = []
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

    def _close(self, group: list[_Line]) -> None:
        if group:
            self._paragraphs(group)
            group.clear()

    def _heading(self, at: int, group: list[_Line]) -> int:
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

    def _code(self, at: int, group: list[_Line]) -> int:
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

    def _rows(self, at: int, group: list[_Line]) -> int:
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

    def _begins_paragraph(self, one: _Line, two: _Line) -> bool:
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

    def _is_note(self, line: _Line) -> bool:
        small = line.size < SMALLER * self._style.usual and line.bottom < self._foot
        return small and NOTE.match(line.text) is not None

    def _paragraphs(self, group: list[_Line]) -> None:
        """A group of lines: a paragraph, or the items of a list, each of which begins with a bullet or number."""
        runs: list[tuple[bool, list[_Line]]] = []
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

    def _begins_item(self, line: _Line, above: tuple[bool, list[_Line]] | None) -> bool:
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

    def _flowing(self, lines: Sequence[_Line]) -> list[Part]:
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


def _with_bullets(lines: Iterable[_Line]) -> list[_Line]:
    """The lines with bullets that stand on lines of their own set before what they belong to."""
    found: list[_Line] = []
    for line in lines:
        if found and (mark := found[-1]).marker == mark.text and BULLET.match(mark.text):
            text, words = f"{mark.text} {line.text}", f"{mark.text} {line.words}"
            found[-1] = replace(line, text=text, words=words, left=mark.left, marker=mark.text, hang=line.left)
        else:
            found.append(line)
    return found


def _leaves_item(run: list[_Line], line: _Line) -> bool:
    """Whether a line below an item is none of it: it begins further to the left than the item's words do."""
    first = run[0]
    if first.hang < first.left + INDENT or line.left > first.hang - INDENT or RIGHT_TO_LEFT.match(line.text):
        return False
    return len(run) > 1 or (bool(SENTENCE_END.search(first.text)) and not line.text[:1].islower())


def _same_heading(one: _Line, following: _Line, levels: dict[int, int]) -> bool:
    same = levels.get(id(one)) == levels.get(id(following)) and abs(one.size - following.size) < 0.6
    return same and 0 < one.bottom - following.bottom < 1.7 * one.size and not SECTION.fullmatch(following.text)


def _distance(lines: list[_Line]) -> float:
    """How far a page's lines are usually apart."""
    steps = [one.bottom - two.bottom for one, two in pairwise(lines) if 0.5 < (one.bottom - two.bottom) / one.size < 3]
    return statistics.median(steps) if steps else 0.0


# Tables


@dataclass(slots=True)
class _Row:
    cells: list[str]
    line: _Line
    step: float  # from the line above


def _placed(line: _Line, columns: list[tuple[float, float]]) -> list[str]:
    """A line's cells in their columns, each below that column's others; none where they don't fit."""
    found = [""] * len(columns)
    last = -1
    order = 1 if columns[0][0] < columns[-1][0] else -1  # from the left or from the right
    for left, right, words, _ in line.cells or (_Cell(line.left, line.right, line.words, line.size),):
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


def _title(document: "pypdfium2.PdfDocument", pages: list[list[_Line]], style: _Style) -> str | None:
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

"""PDF → Markdown, by PDFium: its text in reading order, with headings, paragraphs, lists and tables found again.

A PDF knows letters and their places only. What is a heading is told from its outline where it has one, else from the
size of its letters; a paragraph from the space above it; a table from cells that stand below one another. What every
page repeats at its top or bottom is left out.
"""

import ctypes
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from qa.errors import CorpusError
from qa.formats.converted import Converted, too_long
from qa.formats.writing import LIGATURES, YEAR, has_header, heading, item, one_line, paragraph, rows

if TYPE_CHECKING:
    import pypdfium2

NO_LETTERS = frozenset(map(chr, {*range(32), 0xFFFD} - set(b"\t\n\v\f\r\2")))  # of a font without a table of letters
UNKNOWN = 0.5  # of all letters; with more the text can't be read
HYPHEN = "\ufffe"  # PDFium's for a hyphen at a line's end, which it joins with the next line
LARGER = 1.12  # letters of a heading, against those of the text
LONGEST_HEADING = 150  # characters
HEADING_LINES = 4
MOST_HEADINGS = 0.25  # of all lines: with more of them the size of letters tells nothing
GAP = 1.4  # of the usual distance of lines: with more begins a paragraph
CELL = 1.0  # of the height of letters: with more space between words begins a cell
EDGE = 3  # lines at a page's top and at its bottom that can be repeated ones
MARGIN = 0.13  # of a page's height, in which they stand
BOLD = 600
LEAST_ROWS = 3  # of a table, with the names of its columns
MOST_ENTRIES = 5000  # of an outline
LEAST_TEXT = 4  # letters a page; with fewer and a picture on it, it is scanned
BULLET = re.compile(r"[•●○◦▪▫■□‣⁃∙·\uf0b7\uf0a7–*\-][ \t]+(?=\S)|[•●○◦▪■‣∙\uf0b7\uf0a7](?=\w)")
LONE_BULLET = re.compile(r"[•●○◦▪▫■□‣⁃∙·\uf0b7\uf0a7–*\-]")
NUMBERED = re.compile(r"(?:\d{1,3}[.)]|\(\d{1,3}\))[ \t]+\S")
SECTION = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,4}\.?|[IVX]{1,5}\.|[A-Z]\.)[ \t]+[A-Z].*[^.,;:]$")
LEADER = re.compile(r"(?:\. ?){4,}|…{2,}")
CONTENTS = re.compile(r"(?:.*\S)?[ \t]*(?:(?:\. ?){4,}|…{2,})[ \t]*(?:\d{1,4}|[ivxl]{1,6})")
LEAST_CONTENTS = 5  # lines of a page that is a table of contents, whose lines are left out
END = re.compile(r"[.?!:;…。？！][\"'”’)\]]*$")
FILE_NAME = re.compile(
    r"(?:microsoft (?:word|powerpoint|excel) - .*|untitled.*|.*\.(?:docx?|tex|dvi|pdf|indd|qxd|ps))", re.I
)


_Cell = tuple[float, float, str]  # left, right and words


@dataclass(frozen=True, slots=True)
class _Letter:
    words: str
    index: int
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    top: float = 0.0

    @property
    def height(self) -> float:
        return self.top - self.bottom


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float  # of its letters
    bold: bool = False
    cells: tuple[_Cell, ...] = ()  # where it has several


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
    pictures = size = broken = unknown = 0
    for number in range(len(document)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            broken += 1
            pages.append([])
            heights.append(0.0)
            continue
        text = page.get_textpage()
        letters = list(_letters(text))
        lines = list(_lines(text, letters))
        text.close()
        unknown += sum(letter.words in NO_LETTERS for letter in letters)
        pages.append(lines)
        heights.append(page.get_height())
        size += sum(len(line.text) for line in lines)
        too_long(size)
        if sum(len(line.text) for line in lines) < LEAST_TEXT:
            pictures += _has_picture(page)
        page.close()
    if broken == len(pages):
        raise CorpusError("damaged: none of its pages can be read")
    if unknown > UNKNOWN * (size + unknown) and unknown > LEAST_TEXT:
        raise CorpusError(
            "scanned without text: its fonts don't tell their letters, let a program for OCR add the text"
        )
    if size < LEAST_TEXT * len(pages) and pictures:
        raise CorpusError("scanned without text: let a program for OCR add the text")
    pages = [_without_contents(lines) for lines in _without_repeated(pages, heights)]
    levels = _levels_by_outline(document, pages) or _levels_by_size(pages)
    text, starts = _written(pages, levels)
    return Converted(text, _title(document, pages, levels), starts)


def _has_picture(page: "pypdfium2.PdfPage") -> bool:
    import pypdfium2.raw as pdfium

    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING)
    return next(iter(page.get_objects(filter=kinds, max_depth=3)), None) is not None


def _lines(text: "pypdfium2.PdfTextPage", letters: list[_Letter]) -> Iterator[_Line]:
    """A page's lines as PDFium orders them, with the place of each and the space between its words measured."""
    import pypdfium2.raw as pdfium

    line: list[_Letter] = []
    weights: list[int] = []
    for letter in letters:
        if letter.words in NO_LETTERS:
            continue
        if letter.words not in "\r\n":
            line.append(letter)
            if len(line) % 8 == 1:
                weights.append(pdfium.FPDFText_GetFontWeight(text.raw, letter.index))
        elif not (line and line[-1].words == HYPHEN):
            yield from _measured(line, min(weights, default=0) >= BOLD)
            line, weights = [], []
    yield from _measured(line, min(weights, default=0) >= BOLD)


def _letters(text: "pypdfium2.PdfTextPage") -> Iterator[_Letter]:
    """Every letter with the box that its font gives it, which is as high as those of its neighbours."""
    import pypdfium2.raw as pdfium

    box, high = pdfium.FS_RECTF(), ""
    for index in range(pdfium.FPDFText_CountChars(text.raw)):
        code = pdfium.FPDFText_GetUnicode(text.raw, index)
        letter = chr(code) if code <= sys.maxunicode else "\ufffd"
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
            yield _Letter(letter.translate(LIGATURES), index, box.left, box.right, box.bottom, box.top)


def _measured(letters: list[_Letter], bold: bool) -> Iterator[_Line]:
    """The line of these letters; two where a word is parted by a hyphen, the whole word in the upper one."""
    if any(letter.words == HYPHEN for letter in letters):
        at = next(number for number, letter in enumerate(letters) if letter.words == HYPHEN)
        upper, rest = letters[:at], letters[at + 1 :]
        stop = next((number for number, letter in enumerate(rest) if letter.words == " "), len(rest))
        if upper and rest and upper[-1].top and rest[0].top < upper[-1].top - 0.5 * upper[-1].height:
            last = upper[-1]
            upper += [replace(last, words=letter.words, left=last.right, right=last.right) for letter in rest[:stop]]
            yield from _measured(upper, bold)
            yield from _measured(rest[stop:], bold)
        else:
            yield from _measured(upper + rest, bold)
        return
    placed = [letter for letter in letters if letter.height > 0]
    words = one_line("".join(letter.words for letter in letters))
    if not words or not placed:
        return
    size = statistics.median(letter.height for letter in placed)
    left, right = min(letter.left for letter in placed), max(letter.right for letter in placed)
    bottom = statistics.median(letter.bottom for letter in placed)
    yield _Line(words, left, right, bottom, bottom + size, size, bold, _cells(letters, size))


def _cells(letters: list[_Letter], size: float) -> tuple[_Cell, ...]:
    """The parts of a line between which there is more space than between words."""
    cells: list[list[_Letter]] = [[]]
    last = None
    for letter in letters:
        if letter.height > 0:
            if last is not None and letter.left - last.right > CELL * size:
                cells.append([])
            last = letter
        cells[-1].append(letter)
    if len(cells) == 1:
        return ()
    return tuple(
        (
            min(letter.left for letter in cell if letter.height > 0),
            max(letter.right for letter in cell if letter.height > 0),
            one_line("".join(letter.words for letter in cell)),
        )
        for cell in cells
    )


def _without_repeated(pages: list[list[_Line]], heights: list[float]) -> list[list[_Line]]:
    """The pages without the lines at their edges that others have as well, but for the numbers in them."""
    if len(pages) < 3:
        return pages
    edges = [_edges(lines, height) for lines, height in zip(pages, heights, strict=True)]
    seen: Counter[str] = Counter()
    for lines in edges:
        seen.update({_pattern(line) for line in lines})
    often = {pattern for pattern, times in seen.items() if times >= max(3, 0.15 * len(pages))}
    kept = []
    for lines, edge in zip(pages, edges, strict=True):
        repeated = {id(line) for line in edge if _pattern(line) in often}
        kept.append([line for line in lines if id(line) not in repeated] or lines)
    return kept


def _without_contents(lines: list[_Line]) -> list[_Line]:
    kept = [line for line in lines if not CONTENTS.fullmatch(line.text)]
    return kept if len(lines) - len(kept) >= LEAST_CONTENTS else lines


def _edges(lines: list[_Line], height: float) -> list[_Line]:
    by_height = sorted(lines, key=lambda line: -line.bottom)
    top = [line for line in by_height[:EDGE] if line.bottom > (1 - MARGIN) * height]
    return top + [line for line in by_height[-EDGE:] if line.bottom < MARGIN * height]


def _pattern(line: _Line) -> str:
    words = re.sub(r"\d+|\b[ivxl]+\b", "0", line.text.lower())
    return f"{words} at {round(line.bottom / 8)}"


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
    sizes: Counter[float] = Counter()
    bold = total = 0
    for lines in pages:
        for line in lines:
            sizes[_rounded(line.size)] += len(line.text)
            bold += len(line.text) * line.bold
            total += len(line.text)
    if not sizes:
        return {}
    usual = max(sizes, key=lambda size: sizes[size])
    larger = [
        line
        for lines in pages
        for line in lines
        if line.size >= LARGER * usual and len(line.text) <= LONGEST_HEADING and re.search(r"[^\W\d]{2}", line.text)
    ]
    count = sum(map(len, pages))
    if len(larger) > max(2, MOST_HEADINGS * count):
        larger = []
    order = sorted({_rounded(line.size) for line in larger}, reverse=True)
    levels = {id(line): min(order.index(_rounded(line.size)) + 1, 6) for line in larger}
    if bold < 0.3 * total:
        below = min(len(order) + 1, 6)
        for lines in pages:
            for line in lines:
                if line.bold and id(line) not in levels and len(line.text) <= 100 and SECTION.fullmatch(line.text):
                    levels[id(line)] = below
    return levels


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _written(pages: list[list[_Line]], levels: dict[int, int]) -> tuple[str, tuple[int, ...]]:
    """The Markdown text of all pages, and where in it each of them begins."""
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    open_end = False  # the last page ended within a sentence
    for lines in pages:
        blocks = _page_blocks(lines, levels)
        text = "\n\n".join(blocks)
        goes_on = open_end and bool(blocks) and blocks[0][:1].islower()
        between = ("\n" if goes_on else "\n\n") if parts and text else ""
        starts.append(length + len(between))
        if text:
            parts.append(between + text)
            length += len(between) + len(text)
            open_end = not END.search(text) and not blocks[-1].startswith(("#", "- "))
    return "".join(parts), tuple(min(start, length) for start in starts)


def _page_blocks(lines: list[_Line], levels: dict[int, int]) -> list[str]:
    blocks: list[str] = []
    group: list[_Line] = []
    distance = _distance(lines)

    def close() -> None:
        if group:
            blocks.extend(_paragraph(group))
            group.clear()

    at = 0
    while at < len(lines):
        line = lines[at]
        if level := levels.get(id(line)):
            close()
            stop = at + 1
            while (
                stop < len(lines) and stop - at < HEADING_LINES and _same_heading(lines[stop - 1], lines[stop], levels)
            ):
                stop += 1
            blocks.append(heading(" ".join(one.text for one in lines[at:stop]), level))
            at = stop
        elif stop := _table_end(lines, at, levels):
            close()
            blocks.append("\n".join(_table(lines[at:stop])))
            at = stop
        else:
            if group and _begins_paragraph(group[-1], line, distance):
                close()
            group.append(line)
            at += 1
    close()
    return [block for block in blocks if block]


def _same_heading(one: _Line, following: _Line, levels: dict[int, int]) -> bool:
    same = levels.get(id(one)) == levels.get(id(following)) and abs(one.size - following.size) < 0.6
    return same and 0 < one.bottom - following.bottom < 1.7 * one.size and not SECTION.fullmatch(following.text)


def _distance(lines: list[_Line]) -> float:
    """How far a page's lines are usually apart."""
    steps = [one.bottom - two.bottom for one, two in pairwise(lines) if 0.5 < (one.bottom - two.bottom) / one.size < 3]
    return statistics.median(steps) if steps else 0.0


def _begins_paragraph(one: _Line, two: _Line, distance: float) -> bool:
    step = one.bottom - two.bottom
    if LONE_BULLET.fullmatch(one.text):
        return False
    if abs(step) < 0.5 * one.size:  # further on the same line
        return False
    if step < 0 or step > 20 * one.size:  # a new column: it goes on within a sentence
        return bool(END.search(one.text)) or not two.text[:1].islower()
    usual = max(distance, 1.05 * one.size) if distance else 1.3 * one.size
    indented = two.left - one.left > 0.8 * one.size and END.search(one.text) and not BULLET.match(one.text)
    return step > GAP * usual or abs(one.size - two.size) > 0.2 * one.size or bool(indented)


def _paragraph(lines: Sequence[_Line]) -> list[str]:
    """A paragraph, or the items of a list: each begins with a bullet, or the first with a number."""
    texts: list[str] = []
    for line in lines:
        if texts and LONE_BULLET.fullmatch(texts[-1]):
            texts[-1] = f"• {line.text}"
        else:
            texts.append(line.text)
    blocks: list[list[str]] = []
    kinds: list[bool] = []
    for text in texts:
        if found := BULLET.match(text):
            blocks.append([text[found.end() :]])
            kinds.append(True)
        elif NUMBERED.match(text) and (not blocks or re.match(r"\(?\d", blocks[-1][0])):
            blocks.append([text])
            kinds.append(False)
        elif blocks:
            blocks[-1].append(text)
        else:
            blocks.append([text])
            kinds.append(False)
    return _joined(
        [
            (item([paragraph("\n".join(words))]) if kind else _numbered("\n".join(words)), kind)
            for words, kind in zip(blocks, kinds, strict=True)
        ]
    )


def _joined(blocks: list[tuple[str, bool]]) -> list[str]:
    """Items that follow one another are one block of lines."""
    found: list[str] = []
    last = False
    for text, is_item in blocks:
        if found and is_item and last:
            found[-1] += "\n" + text
        else:
            found.append(text)
        last = is_item
    return found


def _numbered(text: str) -> str:
    found = re.match(r"(\d{1,3}[.)]) (\S.*)", text, re.DOTALL)
    return item([paragraph(found[2])], found[1]) if found else paragraph(text)


def _table_end(lines: list[_Line], start: int, levels: dict[int, int]) -> int:
    """Where the table that begins at a line ends; 0 where none does."""
    first = lines[start]
    if len(first.cells) < 2:
        return 0
    stop = start + 1
    while stop < len(lines) and id(lines[stop]) not in levels and _is_row(first, lines[stop - 1], lines[stop]):
        stop += 1
    found = lines[start:stop]
    if len(found) < LEAST_ROWS or not _has_names(found, at_top=start == 0):
        return 0
    prose = sum(len(line.text) > 40 * len(line.cells) for line in found)
    return stop if prose < len(found) / 2 else 0


def _has_names(lines: list[_Line], at_top: bool) -> bool:
    """Whether the first line is sure to name the columns; at a page's top a table may go on that began before."""
    table = [[cell[2] for cell in line.cells] for line in lines]
    if not has_header(table):
        return False
    if lines[0].bold and not any(line.bold for line in lines[1:]):
        return True
    columns = list(zip(*table, strict=True))
    if at_top or any(_digits(column[0]) and not YEAR.fullmatch(column[0]) for column in columns):
        return False
    return any(all(map(_digits, column[1:])) for column in columns)


def _digits(text: str) -> bool:
    return any(map(str.isdecimal, text))


def _is_row(first: _Line, above: _Line, line: _Line) -> bool:
    """Whether a line has a first one's cells, each below its own, and stands near the line above it."""
    if len(line.cells) != len(first.cells) or not 0 < above.bottom - line.bottom < 4 * above.size:
        return False
    if LEADER.search(line.text):
        return False
    near = line.size
    return all(
        abs(one[0] - two[0]) < near or abs(one[1] - two[1]) < near or abs(one[0] + one[1] - two[0] - two[1]) < 2 * near
        for one, two in zip(first.cells, line.cells, strict=True)
    )


def _table(lines: Sequence[_Line]) -> list[str]:
    return rows([[cell[2] for cell in line.cells] for line in lines], header=True)


def _title(document: "pypdfium2.PdfDocument", pages: list[list[_Line]], levels: dict[int, int]) -> str | None:
    """The title in the PDF's properties, else the largest heading on its first page."""
    named = one_line(document.get_metadata_value("Title") or "")
    if named and not FILE_NAME.fullmatch(named):
        return named
    first = pages[0] if pages else []
    headings = [line for line in first if id(line) in levels]
    if not headings:
        return None
    largest = max(line.size for line in headings)
    return one_line(" ".join(line.text for line in headings if line.size > 0.95 * largest))[:LONGEST_HEADING]

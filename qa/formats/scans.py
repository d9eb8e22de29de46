"""A picture of a page → its text in reading order, by RapidOCR, which carries its models: nothing is downloaded.

It finds the lines and reads each; those of letters that it doesn't know are left to Tesseract, where its languages are
installed. What they are is told from their places: columns from the space between them, a paragraph from the space
above it, a heading from its size. Both are there with the extra `ocr` only.
"""

import importlib.util
import io
import math
import os
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qa.errors import CorpusError
from qa.formats.converted import Converted, still_working, take_room
from qa.formats.writing import PAGE, PLACE, WORDS, Part, bare, heading, listed, one_line, paragraph, rows, written

if TYPE_CHECKING:
    from PIL.Image import Image

COMMAND = "pip install 'question-box[ocr]'"
LONGEST_SIDE = 2000  # pixels that are read of a page; 170 dots an inch of an A4 page
FOUND_SIDE = 1280  # of those, where its lines are looked for
MOST_PIXELS = 100_000_000  # of a picture, which is three bytes each
TOO_LARGE = f"too large: more than {MOST_PIXELS // 10**6} million pixels"
MOST_PAGES = 1000  # of a file
THREADS = 2
SKEW_SIDE = 800  # pixels, that a page is made smaller to for measuring how skewed it is
MOST_SKEW, LEAST_SKEW = 5.0, 0.3  # degrees, of a page that is made straight
SETTINGS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "Global.max_side_len": LONGEST_SIDE,
    "Det.limit_type": "max",
    "Det.limit_side_len": FOUND_SIDE,
    "Rec.rec_batch_num": 1,  # a line at a time is as fast, and takes the least memory
    "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}
TESSDATA = "usr/share/tesseract-ocr/*/tessdata"  # where Debian has Tesseract's languages
KNOWN = {"eng", "osd", "equ", "deu", "fra", "spa", "ita", "por", "nld"}  # languages that need no Tesseract
FIRST = {"rus", "ukr", "ell"}  # of others that it has, where they are many
MOST_LANGUAGES = 3
LEAST_SCORE = 0.6  # of a line
OTHER_SCORE = 0.75  # of one by Tesseract …
SURE_SCORE = 0.9  # … which tries no other way with this
USUAL_SCORE = 0.85  # of the usual line; with less the letters only look like Latin ones
LEAST_LETTERS = 0.6  # in as much of a line as it is high; Latin ones are 2, Chinese 1, and those it doesn't know none
LEAST_READ = 0.7  # of the width of all lines; with less the page is of other letters, or lies on its side
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
NO_MEMORY = re.compile(r"bad_alloc|nsufficient memory|ailed to allocate")
SENTENCE_END = re.compile(r"[.?!:;…。？！][\"'”’»)\]]*$")
PARTED = re.compile(r"[^\W\d_][-‐]$")
AND = re.compile(r"(?:and|or|und|oder|bzw|bis|et|ou|y|o|e|och|en|of)\b")  # after a hyphen that stays
MARKER = re.compile(r"([•·▪●○*–—-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+(?=\S)")
ITEM = re.compile(f"((?:{PLACE}[^{WORDS}]*{WORDS})?){MARKER.pattern}")
BULLET = re.compile(r"[•·▪●○*–—-]")


@dataclass(frozen=True, slots=True)
class _Line:
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
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def letter(self) -> float:
        """How wide a letter is, on an average."""
        return (self.right - self.left - self.height / 2) / max(len(self.text), 1)


class _Place(NamedTuple):
    """The corners of a line on a page, from the upper left one clockwise."""

    upper_left: tuple[float, float]
    upper_right: tuple[float, float]
    lower_right: tuple[float, float]
    lower_left: tuple[float, float]

    @property
    def width(self) -> float:
        return math.dist(self.upper_left, self.upper_right)

    @property
    def height(self) -> float:
        return math.dist(self.upper_left, self.lower_left)

    def of(self, page: "Image") -> "Image":
        """The strip of a page that has the line."""
        from PIL.Image import Resampling, Transform

        corners = (*self.upper_left, *self.lower_left, *self.lower_right, *self.upper_right)
        return page.transform((round(self.width), round(self.height)), Transform.QUAD, corners, Resampling.BICUBIC)

    def line(self, text: str, score: float) -> _Line:
        """What the line says there."""
        left, right = (self.upper_left[0] + self.lower_left[0]) / 2, (self.upper_right[0] + self.lower_right[0]) / 2
        top, bottom = (self.upper_left[1] + self.upper_right[1]) / 2, (self.lower_left[1] + self.lower_right[1]) / 2
        return _Line(left, max(right, left + 1), top, max(bottom, top + 1), one_line(text), score)


def installed() -> bool:
    """Whether pictures can be read."""
    return importlib.util.find_spec("rapidocr") is not None


def version() -> str:
    """What pictures are read with."""
    names = [name for name in ("rapidocr", "tesserocr") if importlib.util.find_spec(name)]
    return " ".join([f"{name} {metadata.version(name)}" for name in names] + _languages()[1])


def convert_picture(data: bytes) -> Converted:
    """The text of a picture, which is a page; of a TIFF that has several, of all of them."""
    if not installed():
        raise CorpusError(f"a picture: to read it, {COMMAND}")
    from PIL import Image, ImageSequence

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    reason = "no text in the picture"
    try:
        picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF"))
        parts: list[Part] = []
        marks, number = "", 0
        for number, frame in enumerate(ImageSequence.Iterator(picture) if picture.format == "TIFF" else [picture], 1):
            if number > MOST_PAGES:
                raise CorpusError(f"too large: more than {MOST_PAGES} pages")
            marks += PAGE
            try:
                own = read_page(frame)
            except CorpusError as error:  # the other pages may be readable
                own, reason = [], str(error)
            if own:
                parts += _marked(own, marks)
                marks = ""
    except Image.DecompressionBombError:
        raise CorpusError(TOO_LARGE) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise CorpusError(f"damaged: {one_line(str(error))[:200]}") from None
    if not parts:
        raise CorpusError(reason)
    parts[-1] = parts[-1]._replace(words=parts[-1].words + marks)
    return replace(written(parts, title_of(parts)), scanned=tuple(range(1, number + 1)))


def _marked(parts: Sequence[Part], marks: str) -> list[Part]:
    """A page's parts with the marks of the pages that begin there; those of a row stand before it."""
    return [parts[0]._replace(words=marks + parts[0].words), *parts[1:]]


def title_of(parts: Sequence[Part]) -> str | None:
    """The first heading of the highest level."""
    headings = [part for part in parts if part.kind == "heading"]
    return bare(min(headings, key=lambda part: part.level).words) if headings else None


def read_page(picture: "Image") -> list[Part]:
    """The parts of a page; nothing where it has no text.

    Raises CorpusError where its letters are of a kind that isn't read. Pictures have to be readable: see `installed`.
    """
    page = on_paper(picture, "L", LONGEST_SIDE)
    straight, skew = _straight(page)
    places = _places(straight)
    if not places:
        return []
    for turned in (90, 270) if _is_on_its_side(places) else (0, 180):
        if turned:
            straight, skew = _straight(page.rotate(turned, expand=True, fillcolor=255))
            places = _places(straight)
        lines = _lines(straight, places)
        still_working()
        if read := _sure(lines):
            view = _View(straight.size, page.size, turned + skew)
            return _parts(_ordered([replace(line, mark=view.mark(line)) for line in _in_rows(read)]))
    raise CorpusError(f"scanned without text: letters of its kind can't be read{_what_helps()}")


def on_paper(picture: "Image", mode: str, longest_side: int) -> "Image":
    """A picture as it is shown on paper, in greys ("L") or colours ("RGB"), not larger than is wanted."""
    from PIL import Image, ImageOps

    if picture.width * picture.height > MOST_PIXELS:
        raise CorpusError(TOO_LARGE)
    whole = ImageOps.exif_transpose(picture)
    if whole.mode in ("RGBA", "LA", "PA", "P"):  # what can be seen through is of paper
        whole = whole.convert("RGBA")
        whole = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole)
    if whole.mode.startswith("I"):
        whole = whole.point(lambda value: value / 257).convert("L")
    page = whole.convert(mode)
    page.thumbnail((longest_side, longest_side))
    return page


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params=SETTINGS)


def _asked(picture: "Image", **what: bool) -> Any:
    """What RapidOCR finds in a picture."""
    import numpy as np

    take_room()
    try:
        return _engine()(np.asarray(picture.convert("RGB")), use_cls=False, **what)
    except Exception as error:
        if NO_MEMORY.search(str(error)):
            raise MemoryError from None
        raise


def _places(page: "Image") -> list[_Place]:
    """Where the lines of a page are."""
    boxes = _asked(page, use_det=True, use_rec=False).boxes
    found = [_Place(*map(tuple, box)) for box in (() if boxes is None else boxes.tolist())]
    return [place for place in found if place.width >= 1 and place.height >= 1]


def _lines(page: "Image", places: Sequence[_Place]) -> list[_Line]:
    """What the lines of a page say, nothing and without a score where that can't be told."""
    lines = []
    for place in places:
        strip = place.of(page)
        found = _asked(strip, use_det=False, use_rec=True)
        text, score = (found.txts[0], float(found.scores[0])) if found.txts else ("", 0.0)
        line = place.line(text, score)
        lines.append(line if _is_read(line) else place.line(*_read_by_tesseract(strip)))
    return lines


def _read_by_tesseract(strip: "Image") -> tuple[str, float]:
    """What a line says in the languages that Tesseract has besides English; nothing where it isn't sure."""
    tesseract = _tesseract()
    if tesseract is None:
        return "", 0.0
    from PIL.ImageFilter import MedianFilter

    best = "", 0.0
    for filtered in (strip, strip.filter(MedianFilter(3))):  # the second one without specks
        tesseract.SetImage(filtered)
        text = tesseract.GetUTF8Text()
        best = max(best, (text, tesseract.MeanTextConf() / 100), key=lambda found: found[1])
        if best[1] >= SURE_SCORE:
            break
    return best if best[1] >= OTHER_SCORE else ("", 0.0)


@cache
def _tesseract() -> Any:
    """Tesseract with the languages that it is installed with, or None."""
    if importlib.util.find_spec("tesserocr") is None:
        return None
    folder, languages = _languages()
    if not languages:
        return None
    from tesserocr import PSM, PyTessBaseAPI

    return PyTessBaseAPI(path=folder, lang="+".join(languages), psm=PSM.SINGLE_LINE)


def _languages() -> tuple[str, list[str]]:
    """The folder with Tesseract's files, and the languages that it has, without those that RapidOCR reads better."""
    folders = [os.environ.get("TESSDATA_PREFIX", ""), *sorted(map(str, Path("/").glob(TESSDATA)), reverse=True)]
    for folder in filter(None, folders):
        names = {path.stem for path in Path(folder).glob("*.traineddata")} - KNOWN
        if names:
            return folder, sorted(names, key=lambda name: (name not in FIRST, name))[:MOST_LANGUAGES]
    return "", []


def _what_helps() -> str:
    if _languages()[1]:
        return ""
    return "; for Cyrillic ones install Tesseract's, as by apt install tesseract-ocr-rus"


def _sure(lines: Sequence[_Line]) -> list[_Line]:
    """The lines without those that aren't read; nothing where most aren't."""
    read = [line for line in lines if _is_read(line)]
    enough = read and _width(read) >= LEAST_READ * _width(lines)
    return read if enough and statistics.median(line.score for line in read) >= USUAL_SCORE else []


def _straight(page: "Image") -> tuple["Image", float]:
    """A page made straight, and by how many degrees it was turned for that."""
    from PIL.Image import Resampling

    angle = _skew(page)
    return (page.rotate(angle, Resampling.BICUBIC, expand=True, fillcolor=255) if angle else page), angle


class _View(NamedTuple):
    """How a page was turned to be read: the size of what was read, of the page, and by how many degrees."""

    read: tuple[int, int]
    page: tuple[int, int]
    turned: float

    def mark(self, line: _Line) -> str:
        """Where a line stands on the page: its height and the line's corners, in thousandths of its width."""
        angle, (width, height) = math.radians(self.turned), self.page
        sine, cosine = math.sin(angle), math.cos(angle)
        numbers: list[float] = [height]
        for x, y in (
            (line.left, line.top),
            (line.right, line.top),
            (line.right, line.bottom),
            (line.left, line.bottom),
        ):
            right, down = x - self.read[0] / 2, y - self.read[1] / 2
            numbers += [width / 2 + right * cosine - down * sine, height / 2 + right * sine + down * cosine]
        return f"{PLACE}{','.join(str(round(1000 * number / width)) for number in numbers)}{WORDS}"


def _skew(page: "Image") -> float:
    """By how many degrees a page has to be turned for its lines to be level, where their edges are sharpest."""
    import numpy as np
    from PIL.Image import Resampling

    small = page.copy()
    small.thumbnail((SKEW_SIDE, SKEW_SIDE))

    def sharpness(angle: float) -> tuple[float, float]:
        rows = np.asarray(small.rotate(angle, Resampling.BILINEAR, fillcolor=255), dtype=np.float32).sum(axis=1)
        return float(np.square(np.diff(rows)).sum()), -abs(angle)

    about = max(np.arange(-MOST_SKEW, MOST_SKEW + 0.5, 0.5), key=sharpness)
    best = float(max(about + np.arange(-0.4, 0.5, 0.1), key=sharpness))
    return best if abs(best) >= LEAST_SKEW else 0.0


def _is_on_its_side(places: Sequence[_Place]) -> bool:
    upright = sum(place.width for place in places if place.width > place.height)
    return sum(place.height for place in places if place.height > place.width) > upright


def _width(lines: Sequence[_Line]) -> float:
    return sum(line.right - line.left for line in lines)


def _is_read(line: _Line) -> bool:
    """Whether a line is what is written there: for letters that it doesn't know, as Cyrillic ones, it has none."""
    letters = sum(map(str.isalnum, line.text))
    room = (line.right - line.left) / line.height
    return line.score >= LEAST_SCORE and (letters > LEAST_LETTERS * room or (room < 3 and bool(line.text)))


def _in_rows(lines: Sequence[_Line]) -> list[_Line]:
    """The lines from the top down, those joined that are found as several next to one another."""
    found: list[_Line] = []
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


def _beside(one: _Line, two: _Line) -> bool:
    """Whether two stand on the same line."""
    lower, higher = sorted((one.height, two.height))
    return abs(one.middle - two.middle) < 0.4 * lower and higher < ALIKE * lower


def _ordered(lines: Sequence[_Line]) -> list[list[_Line]]:
    """The columns of text in reading order: the left one first; what stands across them is one above or below."""
    between = _between(lines)
    if between is None:
        return [list(lines)] if lines else []
    columns: list[list[_Line]] = []
    for crosses, group in groupby(lines, lambda line: line.left < between < line.right):
        band = list(group)
        sides = [band] if crosses else [[one for one in band if (one.left > between) == right] for right in (0, 1)]
        for side in sides:
            columns += [side] if crosses and side else _ordered(side)
    return columns


def _between(lines: Sequence[_Line]) -> float | None:
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


def _parts(columns: Sequence[Sequence[_Line]]) -> list[Part]:
    """What the lines of a page are."""
    every = [line for column in columns for line in column]
    usual = _Usual(statistics.median(line.height for line in every), statistics.median(line.letter for line in every))
    parts: list[Part] = []
    for column in columns:
        for wide, group in groupby(_across(column), lambda line: len(line.cells)):
            run = list(group)
            if wide and len(run) >= LEAST_ROWS:
                parts += rows([line.cells for line in run])
            else:
                for lines in [[line] for line in run] if wide else _grouped(run, usual):
                    parts += _part(lines, usual)
    return _with_lists(parts)


class _Usual(NamedTuple):
    """How high the usual line of a page is, and how wide its letters."""

    height: float
    letter: float


def _across(column: Sequence[_Line]) -> list[_Line]:
    """The lines of a column, in which those next to one another are a row of a table."""
    groups: list[list[_Line]] = []
    for line in column:
        if groups and all(
            _beside(one, line) and (one.right < line.left or line.right < one.left) for one in groups[-1]
        ):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [_row(sorted(group, key=lambda line: line.left)) if len(group) > 1 else group[0] for group in groups]


def _row(line: Sequence[_Line]) -> _Line:
    cells = tuple(cell.marked for cell in line)
    place = line[0].left, line[-1].right, min(cell.top for cell in line), max(cell.bottom for cell in line)
    return _Line(*place, " ".join(cells), min(cell.score for cell in line), cells)


def _grouped(column: Sequence[_Line], usual: _Usual) -> Iterator[list[_Line]]:
    """The lines of a column, those of a paragraph or a heading together."""
    steps = [below.middle - above.middle for above, below in pairwise(column)]
    likely = [step for step in steps if 0.5 * usual.height < step < 3 * usual.height]
    step = statistics.median_low(likely) if likely else 0.0
    left, right = min(line.left for line in column), max(line.right for line in column)
    group: list[_Line] = []
    for line in column:
        if group and _begins(group[-1], line, step, left + SHORT * (right - left), usual):
            yield group
            group = []
        group.append(line)
    yield group


def _begins(above: _Line, line: _Line, step: float, full: float, usual: _Usual) -> bool:
    """Whether a paragraph begins with a line; `full` is how far to the right a line reaches that goes on below."""
    size, size_above = _size(line, usual), _size(above, usual)
    if size or size_above:
        return size != size_above or line.middle - above.middle > 2 * max(line.height, above.height)
    if line.middle - above.middle > GAP * step or line.middle - above.middle < 0.5 * usual.height:
        return True
    ended = SENTENCE_END.search(above.text) is not None
    indented = line.left - above.left > 0.8 * usual.height
    return ended and (above.right < full or indented or MARKER.match(line.text) is not None)


def _size(line: _Line, usual: _Usual) -> int:
    """The level of the heading that a line is by its size, 0 where it is none."""
    large = line.height >= LARGER * usual.height and line.letter >= WIDER * usual.letter
    if not large or len(line.text) > LONGEST_HEADING or not re.search(r"[^\W\d_]{2}", line.text):
        return 0
    return 1 if line.letter >= WIDEST * usual.letter else 2


def _part(lines: Sequence[_Line], usual: _Usual) -> list[Part]:
    words = lines[0].marked
    for line in lines[1:]:
        words = _joined(words, line)
    level = _size(lines[0], usual)
    return heading(words, level) if level and len(bare(words)) <= 2 * LONGEST_HEADING else paragraph(words)


def _joined(above: str, below: _Line) -> str:
    """A line added to those above it; the hyphen of a word that is parted between them is left out."""
    if PARTED.search(above) and below.text[:1].isalnum() and not AND.match(below.text):
        return f"{above[:-1] if below.text[:1].islower() else above}{below.marked}"
    return f"{above} {below.marked}"


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

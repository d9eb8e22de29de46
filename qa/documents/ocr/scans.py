"""Pictures, and scanned pages of a PDF → their text: a page is deskewed, its lines are found, and each is read."""

import io
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, ImageSequence
from PIL.Image import Resampling, Transform

from qa.documents.converted import Converted, nothing
from qa.documents.ocr import engines as ocr
from qa.documents.ocr.layout import ScanLine, arranged
from qa.documents.writing.parts import Part, title_of, written
from qa.documents.writing.words import PAGE, PLACE, WORDS, one_line
from qa.errors import CorpusError

MOST_PIXELS = 100_000_000  # of a picture, which is three bytes each
TOO_LARGE = f"too large: more than {MOST_PIXELS // 10**6} million pixels"
MOST_PAGES = 1000  # of a file
SKEW_SIDE = 800  # pixels, that a page is made smaller to for measuring how skewed it is
MOST_SKEW, LEAST_SKEW = 5.0, 0.3  # degrees, of a page that is made straight
LEAST_SCORE = 0.6  # of a line
USUAL_SCORE = 0.85  # of the usual line; with less the letters only look like Latin ones
LEAST_LETTERS = 0.6  # in as much of a line as it is high; Latin ones are 2, Chinese 1, and those it doesn't know none
LEAST_READ = 0.7  # of the width of all lines; with less the page is of other letters, or lies on its side


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

    def of(self, page: Image.Image) -> Image.Image:
        """The strip of a page that has the line."""
        corners = (*self.upper_left, *self.lower_left, *self.lower_right, *self.upper_right)
        return page.transform((round(self.width), round(self.height)), Transform.QUAD, corners, Resampling.BICUBIC)

    def line(self, text: str, score: float) -> ScanLine:
        """What the line says there."""
        left, right = (self.upper_left[0] + self.lower_left[0]) / 2, (self.upper_right[0] + self.lower_right[0]) / 2
        top, bottom = (self.upper_left[1] + self.upper_right[1]) / 2, (self.lower_left[1] + self.lower_right[1]) / 2
        return ScanLine(left, max(right, left + 1), top, max(bottom, top + 1), one_line(text), score)


def convert_picture(data: bytes, on_scan: Callable[[], None] = nothing) -> Converted:
    """Read a picture, which is a page, or all pages of a TIFF; `on_scan` is called before each."""
    ocr.need_extra("a picture")
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
                own = read_page(frame, on_scan)
            except CorpusError as error:  # the other pages may be readable
                own, reason = [], str(error)
            if own:
                parts += [own[0]._replace(words=marks + own[0].words), *own[1:]]
                marks = ""
    except Image.DecompressionBombError:
        raise CorpusError(TOO_LARGE) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise CorpusError(f"damaged: {one_line(str(error))[:200]}") from None
    if not parts:
        raise CorpusError(reason)
    parts[-1] = parts[-1]._replace(words=parts[-1].words + marks)
    return replace(written(parts, title_of(parts)), scanned=tuple(range(1, number + 1)))


def read_page(picture: Image.Image, on_scan: Callable[[], None] = nothing) -> list[Part]:
    """The parts of a page; nothing where it has no text.

    `on_scan` is called before each time that it is read. Raises CorpusError where its letters are of a kind that isn't
    read. The extra has to be installed: see `ocr.need_extra`.
    """
    on_scan()
    page = on_paper(picture, "L", ocr.LONGEST_SIDE)
    straight, skew = _straight(page)
    places = _places(straight)
    if not places:
        return []
    for turned in (90, 270) if _is_on_its_side(places) else (0, 180):
        if turned:
            on_scan()
            straight, skew = _straight(page.rotate(turned, expand=True, fillcolor=255))
            places = _places(straight)
        lines = _lines(straight, places)
        if read := _sure(lines):
            return arranged(read, _View(straight.size, page.size, turned + skew).mark)
    raise CorpusError(f"scanned without text: letters of its kind can't be read{ocr.what_helps()}")


def on_paper(picture: Image.Image, mode: str, longest_side: int) -> Image.Image:
    """A picture as it is shown on paper, in greys ("L") or colours ("RGB"), not larger than is wanted."""
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


def _places(page: Image.Image) -> list[_Place]:
    """Where the lines of a page are."""
    found = [_Place(*corners) for corners in ocr.corners_of_lines(page)]
    return [place for place in found if place.width >= 1 and place.height >= 1]


def _lines(page: Image.Image, places: Sequence[_Place]) -> list[ScanLine]:
    """What the lines of a page say, nothing and without a score where that can't be told."""
    lines = []
    for place in places:
        strip = place.of(page)
        line = place.line(*ocr.read_line(strip))
        lines.append(line if _is_read(line) else place.line(*ocr.read_other_letters(strip)))
    return lines


def _sure(lines: Sequence[ScanLine]) -> list[ScanLine]:
    """The lines without those that aren't read; nothing where most aren't."""
    read = [line for line in lines if _is_read(line)]
    enough = read and _width(read) >= LEAST_READ * _width(lines)
    return read if enough and statistics.median(line.score for line in read) >= USUAL_SCORE else []


def _straight(page: Image.Image) -> tuple[Image.Image, float]:
    """A page made straight, and by how many degrees it was turned for that."""
    angle = _skew(page)
    return (page.rotate(angle, Resampling.BICUBIC, expand=True, fillcolor=255) if angle else page), angle


class _View(NamedTuple):
    """How a page was turned to be read: the size of what was read, of the page, and by how many degrees."""

    read: tuple[int, int]
    page: tuple[int, int]
    turned: float

    def mark(self, line: ScanLine) -> str:
        """Where a line stands on the page: its height and the line's corners, in thousandths of its width."""
        angle, (width, height) = math.radians(self.turned), self.page
        sine, cosine = math.sin(angle), math.cos(angle)
        numbers: list[float] = [height]
        across, up = (line.left, line.right, line.right, line.left), (line.top, line.top, line.bottom, line.bottom)
        for x, y in zip(across, up, strict=True):
            right, down = x - self.read[0] / 2, y - self.read[1] / 2
            numbers += [width / 2 + right * cosine - down * sine, height / 2 + right * sine + down * cosine]
        return f"{PLACE}{','.join(str(round(1000 * number / width)) for number in numbers)}{WORDS}"


def _skew(page: Image.Image) -> float:
    """By how many degrees a page has to be turned for its lines to be level, where their edges are sharpest."""
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


def _width(lines: Sequence[ScanLine]) -> float:
    return sum(line.right - line.left for line in lines)


def _is_read(line: ScanLine) -> bool:
    """Whether a line is what is written there: for letters that it doesn't know, as Cyrillic ones, it has none."""
    letters = sum(map(str.isalnum, line.text))
    room = (line.right - line.left) / line.height
    return line.score >= LEAST_SCORE and (letters > LEAST_LETTERS * room or (room < 3 and bool(line.text)))

"""PDF, step 1: a page's letters in reading order, with their places, links and rotation."""

import ctypes
import math
import re
import sys
import unicodedata
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from qa.documents.writing.words import LIVE

NO_LETTERS = frozenset(  # of a font without a table of letters, and what no text can have
    map(chr, {*range(32), 0xFFFD, *range(0xFDD0, 0xFDF0)} - set(b"\t\n\v\f\r\2"))
)
HYPHEN = "\ufffe"  # PDFium's for a hyphen at a line's end, which it joins with the next line
LEVEL = 0.55  # of the height of the lower ones that letters of a line share
MOST_LINKS = 500  # of a page
ALEF, LAM = "اآأإ", "ل"
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
UPRIGHT = 0.1  # radians; letters that are turned further are none of a line
Box = tuple[float, float, float, float]  # left, right, bottom and top


class Letter(NamedTuple):
    """A letter, or several that one sign stands for, and its box in points; a space or a line's end has none."""

    words: str
    number: int  # in PDFium's text
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    top: float = 0.0
    target: str = ""  # of a link that it is in

    @property
    def height(self) -> float:
        """How high its box is."""
        return self.top - self.bottom


def letters_of(text: pypdfium2.PdfTextPage) -> Iterator[Letter]:
    """Every letter with the box that its font gives it, which is as high as those of its neighbours."""
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
            yield Letter(letter, index)
        elif letter in (HYPHEN, "\x02"):
            yield Letter(HYPHEN, index)
        elif letter.isspace():
            yield Letter(" ", index)
        elif letter in NO_LETTERS:
            yield Letter(letter, index)
        else:
            pdfium.FPDFText_GetLooseCharBox(text.raw, index, box)
            shown = letter
            if "\ufb00" <= letter <= "\ufefc":  # ligatures, and forms of Arabic and Hebrew letters
                shown = unicodedata.normalize("NFKC", letter).strip() or letter
            yield Letter(shown, index, box.left, box.right, box.bottom, box.top)


def in_order(letters: list[Letter]) -> list[Letter]:
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


def links_of(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> list[tuple[Box, str]]:
    """The boxes of a page's links to addresses, each with its address."""
    found: list[tuple[Box, str]] = []
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


def with_links(letters: list[Letter], links: list[tuple[Box, str]]) -> list[Letter]:
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


def runs_of(text: pypdfium2.PdfTextPage, letters: list[Letter]) -> Iterator[tuple[int, list[Letter]]]:
    """Letters that follow one another in a line, with how many quarters they are turned; -1 where they are slanted."""
    run: list[Letter] = []
    turn = 0
    last: Letter | None = None
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


def _goes_on_beside(last: Letter, letter: Letter) -> bool:
    back = letter.left < last.left - last.height and not RIGHT_TO_LEFT.match(letter.words)
    return not back and is_level(last[4:6], letter[4:6])


def placed_anew(run: list[Letter], turn: int, box: tuple[float, float, float, float]) -> list[Letter]:
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


def is_level(one: Sequence[float], two: Sequence[float]) -> bool:
    """Whether what goes from a bottom to a top stands on a line with another."""
    return min(one[1], two[1]) - max(one[0], two[0]) > LEVEL * min(one[1] - one[0], two[1] - two[0])

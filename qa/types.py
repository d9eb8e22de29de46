"""The frozen types that cross the seams between the steps.

Offsets are characters of `Document.text`, half open: `text[start:end]`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

HEADING_SEPARATOR = " › "  # between the headings of a passage
# why nothing is quoted: the documents don't say, what was asked is small talk or no question, or in another language
REASONS = ("abstained", "greeting", "thanks", "farewell", "empty", "foreign")

Progress = Callable[[str, int, int], None]  # takes what is being done, how many are done, and how many there are
Span = tuple[int, int]  # where a stretch of a text begins and ends


class Cell(NamedTuple):
    """A cell in a row of a table: the name of its column, empty where it has none, and where its words stand."""

    name: str
    start: int
    end: int


class Block(NamedTuple):
    """A stretch of a document that a reader sees as one unit.

    kind     "heading", "paragraph", "item", "row", "code", "caption" or "note"
    level    of a heading, 1 outermost; of an item, the depth of its list, 0 outermost
    list     the number of the list or table it belongs to, 0 outside any
    opens    whether it begins an item or is a row
    page     the number of the page it begins on, None where there are no pages
    cells    the cells of a row
    anchor   the name by which links point at a heading, empty where it has none
    """

    kind: str
    start: int
    end: int
    level: int = 0
    list: int = 0
    opens: bool = False
    page: int | None = None
    cells: tuple[Cell, ...] = ()
    anchor: str = ""


class Link(NamedTuple):
    """Words of a document that link to another place."""

    start: int
    end: int
    target: str


class ScannedLine(NamedTuple):
    """A line that was read from a picture: the place of its words in the text, and its place on the page.

    corners  x and y of each corner, clockwise from the upper left one, in thousandths of the page's width from the
             page's upper left corner
    height   the page's, in the same unit
    """

    start: int
    end: int
    page: int
    height: int
    corners: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a source file as its reader sees it.

    id         unique in the corpus
    blocks     the structure of the text, in order; a text without any is read as plain text
    links      in order
    pages      where each page begins in the text, empty where there are no pages
    titled     whether the file itself gives the title; a title made from the file's name is shown and searched by its
               words, but not embedded
    address    where the file says it is published
    scanned    the numbers of the pages whose text was read from a picture
    lines      the lines that were read there, in order
    file_hash  the SHA-256 of a file that has such lines
    """

    id: str
    title: str
    text: str = field(repr=False)
    blocks: tuple[Block, ...] = field(default=(), repr=False)
    path: Path | None = None
    links: tuple[Link, ...] = field(default=(), repr=False)
    pages: tuple[int, ...] = field(default=(), repr=False)
    titled: bool = True
    address: str | None = None
    scanned: tuple[int, ...] = ()
    lines: tuple[ScannedLine, ...] = field(default=(), repr=False)
    file_hash: str = ""


class Sentence(NamedTuple):
    """The part of a passage that is quoted: a sentence, a list item, a row of a table or a line.

    list   the number of the list it belongs to, 0 outside any
    opens  whether it begins an item
    page   the number of the page it begins on, None where there are no pages
    """

    start: int
    end: int
    text: str
    list: int = 0
    opens: bool = False
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, the unit of retrieval. `text == document.text[start:end]`.

    heading    the headings it stands under, outermost first, joined by HEADING_SEPARATOR
    sentences  its sentences, in order, with offsets in the document
    label      the title and heading that are encoded before the text; empty in a passage read back from a store
    """

    document_id: str
    title: str
    heading: str
    start: int
    end: int
    text: str = field(repr=False)
    sentences: tuple[Sentence, ...] = field(default=(), repr=False)
    label: str = field(default="", repr=False, compare=False)

    @property
    def page(self) -> int | None:
        """The number of the page it begins on, None where there are no pages."""
        return self.sentences[0].page if self.sentences else None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its score for a question; higher is better."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A sentence that answers the question. `quote == document.text[start:end]`.

    page      the number of the page it begins on, None where there are no pages
    span      the words in it that answer, as offsets in the document; None where no words alone do, or it is unclear
    also      other places where the same sentence stands
    original  the address of the quote where its owner has published the document, None where that is unknown
    scanned   whether it was read from a picture of its page, so that letters may be wrong
    """

    document_id: str
    title: str
    heading: str
    quote: str
    start: int
    end: int
    page: int | None = None
    span: Span | None = None
    also: tuple["Citation", ...] = ()
    original: str | None = None
    scanned: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of `Assistant.ask`: citations, best first, or an abstention without any.

    standalone  the question as it was searched
    hits        the nearest passages, best first, even where the assistant abstained
    confidence  the probability that the first citation answers the question
    unsure      whether people are told that the citations may not answer the question
    reason      why the assistant abstained, one of REASONS, for whoever says it in other words than `text`
    examples    with the reason, questions that can be asked
    languages   with the reason, the codes of the languages that can be asked in
    """

    question: str
    standalone: str
    text: str
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    confidence: float
    abstained: bool
    unsure: bool = False
    reason: str = ""
    examples: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

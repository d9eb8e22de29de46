"""What crosses the seams between the steps, all of it frozen.

Offsets are characters of `Document.text`, half open: `text[start:end]`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

# why nothing is quoted: the documents don't say, what was asked is small talk or no question, or in another language
REASONS = ("abstained", "greeting", "thanks", "farewell", "empty", "foreign")
KINDS_OF_BLOCKS = ("heading", "paragraph", "item", "row", "code", "caption", "note")


class Cell(NamedTuple):
    """A cell of a table's row: its column's name, empty where it has none, and where its words stand."""

    name: str
    start: int
    end: int


class Block(NamedTuple):
    """A stretch of a document that its reader sees as one: `kind` is one of KINDS_OF_BLOCKS.

    `level` is a heading's, 1 outermost, and how deep an item's list is inside others, 0 outermost. `list` tells apart
    the lists and tables of a document, 0 outside any; `opens` those that begin an item or are a row. `cells` are a
    row's, and `anchor` the name that links to a heading use, where it has one.
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
    """Words of a document that lead somewhere else."""

    start: int
    end: int
    target: str


@dataclass(frozen=True, slots=True)
class Document:
    """A source file's text as its reader sees it, under an id that is unique in its corpus.

    `blocks` are what the text consists of, in order; a text without any is read as plain text. `pages` has where each
    of its pages begins in the text, nothing where it has none. `titled` is whether it names itself so; a title that is
    only its file's name is shown and searched by its words, but isn't embedded. `address` is where the document says
    that it is published. `scanned` are the numbers of the pages whose text was read from a picture.
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


class Sentence(NamedTuple):
    """The part of a passage that is quoted: a sentence, list item, table row or line.

    `list` tells apart the lists of a document that sentences stand in, 0 outside any; `opens` those that begin an item.
    `page` is the number of the page that it begins on, None where the document has no pages.
    """

    start: int
    end: int
    text: str
    list: int = 0
    opens: bool = False
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, what is retrieved. `text == document.text[start:end]`, and so for its sentences.

    `heading` is the path of headings that it stands under, outermost first, joined by " › "; empty where there is none.
    `label` is what stands before the text when it is encoded; a passage that was read back from a store has none.
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
        """The number of the page that it begins on."""
        return self.sentences[0].page if self.sentences else None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and how well it fits the question; a higher score is better."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A sentence that answers, and where it stands: `quote == document.text[start:end]`; `page` as a sentence's.

    `span` has the words in it that answer, as characters of the document, or None where no words alone do, or which is
    not sure. `also` are the places where the same sentence stands as well. `original` is the address of the quote where
    its owner has published the document, where that is known. `scanned` is whether it was read from a picture of its
    page, and may have wrong letters.
    """

    document_id: str
    title: str
    heading: str
    quote: str
    start: int
    end: int
    page: int | None = None
    span: tuple[int, int] | None = None
    also: tuple["Citation", ...] = ()
    original: str | None = None
    scanned: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What `Assistant.ask` found: citations, best first, or an abstention with none.

    `standalone` is the question as it was searched, `confidence` the probability that the first citation answers it.
    `hits` are the nearest passages, best first, also of an abstention. An answer that is `unsure` has citations that
    are the closest to an answer, and people are told that it isn't certain.

    An abstention has a `reason`, one of REASONS, for whoever says it in other words than `text`; with it `examples` of
    questions that can be asked, or the codes of the `languages` that can be asked in.
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

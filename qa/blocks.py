"""A text's structure: its paragraphs, list items and table rows, each under its path of headings.

Markdown's rules, by markdown-it, which read plain text as well; besides, a short line alone above a long paragraph is
its heading, as plain text has them. Only places in the text are found, nothing is rewritten.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PLAIN_HEADING = 60  # characters; a line that stands alone above a paragraph is its heading up to this length …
PLAIN_PARAGRAPH = 120  # … where the paragraph is at least as long as this
PLAIN_LEVEL = 7  # below every Markdown heading

STATES = re.compile(  # a heading that is a sentence, as "The pool is closed on Mondays", and not a question
    r"(?!(?:what|which|who|whose|when|where|why|how|is|are|was|were|can|do|does|did|will|should|may|must)\b|.*\?$)"
    r"(?=(?:\S+\s+){3}\S).*\S\s"
    r"(?:is|are|was|were|has|have|had|can|cannot|may|must|will|should|do|does|did|\w+n['’]t)\s",
    re.IGNORECASE,
)
NEWLINE = re.compile(r"\r\n?|\n")
SPACE = re.compile(r"\s*")
BLANK_LINE = re.compile(r"[ \t]*\n[ \t]*\n")
CELL = re.compile(r"[\s|]*")
HASHES = re.compile(r"\s*(?:#{1,6}(?=\s))?\s*")
CLOSING_HASHES = re.compile(r"(?:^|\s+)#+$")
MARKERS = re.compile(r"(?:[\s>|]|[-*+•](?=\s|$)|\d{1,9}[.)](?=\s|$))*")
LISTS = ("bullet_list", "ordered_list", "tbody")  # a table's rows, but for its head, are items as well
LEAVES = ("paragraph_open", "heading_open", "tr_open", "fence", "code_block", "html_block")
NO_TEXT = ("hr", "table_open")  # lines that are taken, though there is no text to quote in them


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a text: `level` is a heading's, 1 outermost, and 0 for any other; `headings` those it is under."""

    start: int
    end: int
    level: int = 0
    headings: tuple[str, ...] = ()
    plain: bool = False  # a paragraph that is in no list or quotation
    list: int = 0  # the innermost list that it is in, by the number of the line where that begins, from 1
    opens: bool = False  # it is the first of its item


def blocks(text: str) -> Iterator[Block]:
    """A text's blocks in order; a heading that is a sentence, or stands above no text, is one as well as a path."""
    path: list[tuple[int, str]] = []
    for block, following in pairwise([*structure(text), None]):
        if block is None:
            continue
        if not block.level:
            yield replace(block, headings=tuple(name for _, name in path))
            continue
        path = [(level, name) for level, name in path if level < block.level]
        own = " ".join(text[block.start : block.end].split())
        if following is None or 0 < following.level <= block.level or STATES.match(own):
            yield replace(block, level=0, headings=tuple(name for _, name in path))
        path.append((block.level, own))


def structure(text: str) -> Iterator[Block]:
    """A text's blocks in order with every heading among them, none of them under a path."""
    return _with_plain_headings(text, sorted(_found(text), key=lambda block: block.start))


def title(text: str) -> str | None:
    """A Markdown text's first top heading, or None where it has none."""
    found = next((block for block in _found(text) if block.level == 1), None)
    return " ".join(text[found.start : found.end].split()) if found else None


def _with_plain_headings(text: str, found: list[Block]) -> Iterator[Block]:
    for block, following in pairwise([*found, Block(0, 0)]):
        line = text[block.start : block.end]
        is_heading = (
            block.plain
            and len(line) <= PLAIN_HEADING
            and line[-1].isalnum()
            and not line[0].islower()
            and not NEWLINE.search(line)
            and following.end - following.start >= PLAIN_PARAGRAPH
            and BLANK_LINE.match(NEWLINE.sub("\n", text[block.end : following.start]))
        )
        yield replace(block, level=PLAIN_LEVEL) if is_heading else block


def _found(text: str) -> Iterator[Block]:
    """What the parser calls a block, and the lines that it gives to none, as those of a link's definition."""
    starts = [0, *(m.end() for m in NEWLINE.finditer(text)), len(text)]
    taken = [False] * len(starts)
    lists, opens = [0], False
    for token in _parser().parse(text):
        if token.type.removesuffix("_open") in LISTS and token.map:
            lists.append(token.map[0] + 1)
        elif token.type.removesuffix("_close") in LISTS:
            lists.pop()
        opens = opens or token.type in ("list_item_open", "tr_open")
        if token.map is None or token.type not in LEAVES + NO_TEXT:
            continue
        first, last = token.map[0], min(token.map[1], len(starts) - 1)
        taken[first:last] = [True] * (last - first)
        underlined = token.type == "heading_open" and not token.markup.startswith("#")
        if token.type == "fence":  # without the lines of its marks
            closed = text[starts[last - 1] : starts[last]].strip().startswith(token.markup) and last - first > 1
            first, last = first + 1, last - closed
        start, end = starts[first], max(starts[first], starts[last - 1 if underlined else last])
        if token.type in LEAVES and (block := _trimmed(text, start, end, token)):
            yield replace(block, list=lists[-1], opens=opens and lists[-1] > 0)
            opens = False
    for line, (start, end) in enumerate(pairwise(starts)):
        if not taken[line] and (block := _trimmed(text, start, end, None)):
            yield block


def _trimmed(text: str, start: int, end: int, token: "Token | None") -> Block | None:
    """The words of a block, without the marks of its structure around them; None where there are none."""
    kind = token.type if token else ""
    level = int(token.tag[1]) if token and kind == "heading_open" else 0
    nested = token is None or token.level > (2 if kind == "tr_open" else 0)  # a row is in a table and its head or body
    for opening in (MARKERS if nested else SPACE, HASHES if level else CELL if kind == "tr_open" else SPACE):
        if mark := opening.match(text, start, end):
            start = mark.end()
    words = text[start:end].rstrip("| \t\r\n" if kind == "tr_open" else None)
    if level:
        words = CLOSING_HASHES.sub("", words)
    plain = kind == "paragraph_open" and not nested
    return Block(start, start + len(words), level, plain=plain) if words else None


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable("inline", ignoreInvalid=True)

"""The blocks of a document: how a plain text is divided into blocks, and which blocks can be quoted.

Empty lines separate paragraphs; bullets and numbers begin items. A heading is a short line that is underlined or stands
alone above a long paragraph. Blocks are places in the text, which is never rewritten.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from qa.types import Block

PLAIN_HEADING = 60  # characters: the longest line that, alone above a paragraph, is its heading …
PLAIN_PARAGRAPH = 120  # characters: … and the shortest such paragraph
UNDERLINED = {"=": 1, "-": 2, "~": 3}  # the level of a heading by the character that underlines it
PLAIN_LEVEL = 6  # the level of a heading that nothing underlines
UNEVEN = 2  # characters by which a heading and its underline may differ in length

STATEMENT = re.compile(  # a heading that states something, like "The pool is closed on Mondays", and isn't a question
    r"(?!(?:what|which|who|whose|when|where|why|how|is|are|was|were|can|do|does|did|will|should|may|must)\b|.*\?$)"
    r"(?=(?:\S+\s+){3}\S).*\S\s"
    r"(?:is|are|was|were|has|have|had|can|cannot|may|must|will|should|do|does|did|\w+n['’]t)\s",
    re.IGNORECASE,
)
LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
BULLETS = "-*+•‣◦–▪●○"
BULLET = re.compile(rf"[{re.escape(BULLETS)}][ \t]+(?=\S)")
NUMBER = re.compile(r"(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)][ \t]+(?=\S)|\((?:\d{1,3}|[a-z]|[ivx]{1,5})\)[ \t]+(?=\S)")
RULE = re.compile(r"[\W_]*")
FIRST = re.compile(r"\(?(?:1|a|A|i)[.)]")


class Quotable(NamedTuple):
    """A block that can be quoted, with the headings it stands under, outermost first."""

    block: Block
    headings: tuple[str, ...]


def quotable(text: str, blocks: Iterable[Block]) -> Iterator[Quotable]:
    """Yield the blocks that can be quoted, in order.

    These are all blocks that aren't headings, and the headings that state something or have no text below them.
    """
    path: list[tuple[int, str]] = []  # levels and headings
    for block, following in pairwise([*blocks, None]):
        if block is None:
            continue
        if block.kind == "heading":
            path = [(level, name) for level, name in path if level < block.level]
            heading = " ".join(text[block.start : block.end].split())
            is_alone = following is None or (following.kind == "heading" and following.level <= block.level)
            if is_alone or STATEMENT.match(heading):
                yield Quotable(block, tuple(name for _, name in path))
            path.append((block.level, heading))
        elif block.start < block.end:
            yield Quotable(block, tuple(name for _, name in path))


class _Line(NamedTuple):
    """A line that isn't empty, without the white space around it; `indent` is in columns."""

    start: int
    end: int
    indent: int
    words: str


def plain_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a text that has no structure but its lines."""
    blocks: list[Block] = []
    lists = 0
    inside: list[tuple[int, int]] = []  # the indents and numbers of the lists that the last item is in, outermost first
    for group in _groups(text):
        in_list = bool(inside) and group[0].indent > inside[-1][0]
        if not in_list and not _marker(group[0].words):
            inside = []
        first = True
        for lines in _items(group, in_list or bool(_marker(group[0].words))):
            start, end = lines[0].start, lines[-1].end
            if mark := _marker(lines[0].words):
                indent = lines[0].indent
                while inside and inside[-1][0] > indent:
                    inside.pop()
                if not inside or inside[-1][0] < indent:
                    lists += 1
                    inside.append((indent, lists))
                skipped = len(mark) if mark[0] in BULLETS else 0
                blocks.append(Block("item", start + skipped, end, len(inside) - 1, inside[-1][1], opens=True))
            elif inside and (in_list or not first):
                blocks.append(Block("item", start, end, len(inside) - 1, inside[-1][1]))
            elif level := _underlined(lines):
                blocks.append(Block("heading", start, lines[0].end, level))
            else:
                blocks.append(Block("paragraph", start, end))
            first = False
    return tuple(_with_headings(text, blocks))


def _groups(text: str) -> Iterator[list[_Line]]:
    """Yield the lines between empty lines or rules; a rule that underlines a single line belongs to its group."""
    group: list[_Line] = []
    for match in LINE.finditer(text):
        words = match[0].strip()
        if words:
            start = match.start() + match[0].index(words[0])
            line = _Line(start, start + len(words), len(match[0][: start - match.start()].expandtabs(4)), words)
            if not RULE.fullmatch(words):
                group.append(line)
                continue
            if len(group) == 1 and _underlined([group[0], line]):
                group.append(line)
        if group:
            yield group
            group = []
    if group:
        yield group


def _underlined(lines: list[_Line]) -> int:
    """Return the level of a heading if these lines are an underlined one, otherwise 0."""
    if len(lines) != 2 or len(set(lines[1].words)) > 1 or lines[0].words[-1] in ".,;:":
        return 0
    fits = abs(len(lines[0].words) - len(lines[1].words)) <= UNEVEN
    return UNDERLINED.get(lines[1].words[0], 0) if fits else 0


def _marker(words: str) -> str:
    """Return the bullet or number that a line begins with, with the space after it."""
    match = BULLET.match(words) or NUMBER.match(words)
    return match[0] if match else ""


def _items(group: list[_Line], listed: bool) -> Iterator[list[_Line]]:
    """Divide the lines of a group into paragraphs and items."""
    lines: list[_Line] = []
    for line in group:
        mark = _marker(line.words)
        begins = bool(mark) and (listed or mark[0] in BULLETS or bool(FIRST.match(mark)))
        if begins and lines:
            yield lines
            lines = []
        listed = listed or begins
        lines.append(line)
    yield lines


def _with_headings(text: str, blocks: list[Block]) -> Iterator[Block]:
    """Turn short paragraphs above long ones into headings."""
    for block, following in pairwise([*blocks, Block("", 0, 0)]):
        line = text[block.start : block.end]
        is_heading = (
            block.kind == "paragraph"
            and len(line) <= PLAIN_HEADING
            and line[-1].isalnum()
            and not line[0].islower()
            and "\n" not in line
            and "\r" not in line
            and following.kind != "heading"
            and following.end - following.start >= PLAIN_PARAGRAPH
        )
        yield block._replace(kind="heading", level=PLAIN_LEVEL) if is_heading else block

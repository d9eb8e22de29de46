"""How Markdown is written: blocks of text that stay what they are when qa.blocks reads them again.

The words of a document are quoted, so nothing visible is added to them: a line that only looks like a mark of Markdown
gets a no-break space before it, which a quotation is stripped of, and no backslash.
"""

import re
from collections.abc import Iterable, Sequence

NO_BREAK = "\u00a0"
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\x00-\x08\x0e-\x1f\x7f]")
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
LOOKS_LIKE_MARK = re.compile(
    r"""^[ \t]*(?=
        \#{1,6}(?:\s|$) | [-+*](?:\s|$) | \d{1,9}[.)](?:\s|$) | > | < | (?:[-*_][ \t]*){3,}$ | =+[ \t]*$ | -+[ \t]*$
        | `{3} | ~{3} | \[[^\]]+\]: | [-:|\s]+$
    )|^(?:[ ]{4}|\t)[ \t]*""",
    re.VERBOSE | re.MULTILINE,
)
NUMBER = re.compile(r"[^\w]*\d[\d\s.,:/%'’-]*[^\w]*")
YEAR = re.compile(r"(?:1\d|20)\d\d")
HEADER_LENGTH = 80  # characters; a column's name is at most this long


def one_line(text: str) -> str:
    """The words of a text on one line, without characters that nobody sees."""
    return " ".join(INVISIBLE.sub("", text).split())


def paragraph(text: str) -> str:
    """A paragraph; its lines are kept, and none of them is read as a mark of Markdown."""
    lines = [one_line(line) for line in text.splitlines()]
    return LOOKS_LIKE_MARK.sub(NO_BREAK, "\n".join(line for line in lines if line))


def heading(text: str, level: int) -> str:
    """A heading, or an empty text where it has no words."""
    words = one_line(text)
    return f"{'#' * min(max(level, 1), 6)} {words}" if words else ""


def code(text: str) -> str:
    """A listing between fences, its lines as they are."""
    text = INVISIBLE.sub("", text.expandtabs()).strip("\n").rstrip()
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}" if text.strip() else ""


def item(blocks: Sequence[str], marker: str = "-") -> str:
    """A list's item: what follows its first line is indented below it."""
    blocks = [block for block in blocks if block]
    if not blocks:
        return ""
    indent = " " * (len(marker) + 1)
    text = join(blocks).replace("\n", "\n" + indent)
    return f"{marker} {text}".replace("\n" + indent + "\n", "\n\n")


def join(blocks: Iterable[str]) -> str:
    """Blocks one after the other: the items of a list on lines of their own, all others apart by a blank line."""
    text, last = [], ""
    for block in blocks:
        if block:
            text.append("" if not last else "\n" if _is_item(last) and _is_item(block) else "\n\n")
            text.append(block)
            last = block
    return "".join(text)


def _is_item(block: str) -> bool:
    return block.startswith("- ") or bool(re.match(r"\d{1,9}\. ", block))


def rows(table: Sequence[Sequence[str]], header: bool | None = None, notes: Sequence[int] = ()) -> list[str]:
    """A table's rows as list items that read as sentences, with the names of their columns: "Year: 1912; Tons: 40".

    `header` tells whether the first row holds those names; None looks for itself. `notes` are the numbers of columns
    that name their row.
    """
    table = [[one_line(cell) for cell in row] for row in table]
    table = [row for row in table if any(row)]
    if not table:
        return []
    names: list[str] = []
    if header if header is not None else has_header(table):
        names, table = [name.rstrip(": ") for name in table[0]], table[1:]
        if not table:
            return [item([paragraph("; ".join(name for name in names if name))])]
    return [item([_row(row, names, notes)]) for row in table]


def _row(row: Sequence[str], names: Sequence[str], notes: Sequence[int]) -> str:
    if not names and len(row) > 1 and 0 in notes and row[0]:  # a row that only its own first cell names
        return paragraph(f"{row[0].rstrip(': ')}: {'; '.join(cell for cell in row[1:] if cell)}".rstrip(": "))
    cells = []
    for number, cell in enumerate(row):
        name = names[number] if number < len(names) else ""
        if cell:
            cells.append(f"{name}: {cell}" if name and name != cell else cell)
    return paragraph("; ".join(cells))


def has_header(table: Sequence[Sequence[str]]) -> bool:
    """Whether a table's first row reads as the names of its columns: short, all different, and no numbers but years."""
    if len(table) < 2 or len(table[0]) < 2:
        return False
    first = [name for name in table[0][1:] if name] + [table[0][0]] * bool(table[0][0])
    width = max(len([cell for cell in row if cell]) for row in table)
    return (
        len(first) >= max(2, width - 1)
        and len(set(first)) == len(first)
        and all(len(name) <= HEADER_LENGTH for name in first)
        and not any(NUMBER.fullmatch(name) and not YEAR.fullmatch(name) for name in first)
        and not all(YEAR.fullmatch(name) for name in first)
    )

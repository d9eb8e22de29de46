"""A document → the page that shows it, with a stretch marked. Every text goes through `escape`; there is no script."""

from collections.abc import Iterable
from html import escape
from itertools import groupby

from qa.blocks import Block, structure, title
from qa.types import Document
from qa.web.render import flowing

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{root}/pages.css">
<main>
<header><h1>{title}</h1><p class="path">{path}</p></header>
{body}
</main>
</html>
"""


def source_html(document: Document, start: int, end: int, root: str) -> str:
    """The document's headings, paragraphs, lists and rows, with characters `start` to `end` marked where they are text.

    `root` is the path that the server is mounted under.
    """
    marks = _Marks(document.text, start, end)
    blocks = list(structure(document.text))
    if blocks and blocks[0].level == 1 and title(document.text) == document.title:
        blocks.pop(0)  # it stands above as the page's
    body = "".join(_run(number, list(run), marks) for number, run in groupby(blocks, key=lambda block: block.list))
    return PAGE.format(title=escape(document.title), path=escape(document.id), body=body, root=escape(root))


def message_html(title: str, message: str, root: str) -> str:
    """A page that says why there is nothing to show."""
    return PAGE.format(title=escape(title), path="", body=f"<p>{escape(message)}</p>", root=escape(root))


class _Marks:
    """Marks what lies in the stretch; the first mark is where the page is scrolled to."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text = text
        self._start, self._end = start, end
        self._id = ' id="quote"'

    def html(self, block: Block) -> str:
        """A block's text, with what of it lies in the stretch marked."""
        start = min(max(block.start, self._start), block.end)
        end = max(start, min(block.end, self._end))
        before, inside, after = (
            flowing(self._text[a:b]) for a, b in ((block.start, start), (start, end), (end, block.end))
        )
        if not inside.strip():
            return before + inside + after
        anchor, self._id = self._id, ""
        return f"{before}<mark{anchor}>{inside}</mark>{after}"


def _run(number: int, blocks: Iterable[Block], marks: _Marks) -> str:
    """Neighbouring blocks of one list, or of none."""
    if not number:
        return "".join(_block(block, marks) for block in blocks)
    items: list[list[str]] = []
    for block in blocks:
        if block.opens or not items:
            items.append([])
        items[-1].append(f"<p>{marks.html(block)}</p>")
    listed = "".join("<li>" + "".join(item) + "</li>" for item in items)
    return f"<ul>{listed}</ul>\n"


def _block(block: Block, marks: _Marks) -> str:
    tag = f"h{min(block.level + 1, 6)}" if block.level else "p"
    return f"<{tag}>{marks.html(block)}</{tag}>\n"

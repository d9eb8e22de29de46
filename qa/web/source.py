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
<link rel="stylesheet" href="{root}/source.css">
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
    blocks = list(structure(document.text))
    if blocks and blocks[0].level == 1 and title(document.text) == document.title:
        blocks.pop(0)  # it stands above as the page's
    body = _Body(document.text, start, end).html(blocks)
    return PAGE.format(title=escape(document.title), path=escape(document.id), body=body, root=escape(root))


def message_html(title: str, message: str, root: str) -> str:
    """A page that says why there is nothing to show."""
    return PAGE.format(title=escape(title), path="", body=f"<p>{escape(message)}</p>", root=escape(root))


class _Body:
    """Writes blocks as HTML; the first mark is where the page is scrolled to, and headings leave out no level."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text = text
        self._start, self._end = start, end
        self._id = ' id="quote"'
        self._above: list[int] = []  # the levels of the headings that the last one is under, and its own

    def html(self, blocks: Iterable[Block]) -> str:
        """All blocks, neighbours in one list together."""
        runs = groupby(blocks, key=lambda block: block.list)
        return "".join(self._list(run) if number else "".join(map(self._block, run)) for number, run in runs)

    def _list(self, blocks: Iterable[Block]) -> str:
        items: list[str] = []
        for block in blocks:
            if block.opens or not items:
                items.append("")
            items[-1] += f"<p>{self._marked(block)}</p>"
        return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>\n"

    def _block(self, block: Block) -> str:
        if not block.level:
            return f"<p>{self._marked(block)}</p>\n"
        self._above = [*(level for level in self._above if level < block.level), block.level]
        tag = f"h{min(len(self._above) + 1, 6)}"
        return f"<{tag}>{self._marked(block)}</{tag}>\n"

    def _marked(self, block: Block) -> str:
        start = min(max(block.start, self._start), block.end)
        end = max(start, min(block.end, self._end))
        places = ((block.start, start), (start, end), (end, block.end))
        before, inside, after = (flowing(self._text[a:b]) for a, b in places)
        if not inside.strip():
            return before + inside + after
        anchor, self._id = self._id, ""
        return f"{before}<mark{anchor}>{inside}</mark>{after}"

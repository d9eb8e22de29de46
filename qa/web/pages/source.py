"""A document → the page that shows it as it was, with a stretch marked. Every text is escaped; there is no script."""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from qa.text.blocks import plain_blocks
from qa.types import Block, Document, ScannedLine

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{root}/source.css">
<header><nav>{links}</nav><h1>{title}</h1><p class="path">{path}</p></header>
<main>
{body}
</main>
</html>
"""
NUMBERED = re.compile(r"\S{0,12}?[\w§][.)]?[ \t]")  # how an item begins that shows a number of its own
LONG, PART = 300_000, 200_000  # characters: a longer document is shown in parts, of so many
LIVE = ("http:", "https:", "mailto:")
MOST_PICTURES = 2  # a sentence may go on on the next page
PICTURE = """<figure><a href="?picture={page}"><svg viewBox="0 0 1000 {height}" role="img" aria-label="Page {page} \
as a picture"><image href="?picture={page}" width="1000" height="{height}"/>{lines}</svg></a>
<figcaption>The page as it was scanned. Its text, as it was read from it:</figcaption></figure>
"""


def source_html(
    document: Document, start: int, end: int, root: str, back: str = "", original: str = "", pictured: bool = False
) -> str:
    """The document's headings, paragraphs, lists, tables and listings, with characters `start` to `end` marked.

    `root` is the path that the server is mounted under, `back` where the visitor came from, `original` the address of
    the owner's own page. With `pictured` the pages of a scan that have the stretch are shown as pictures as well.
    """
    blocks = list(document.blocks or plain_blocks(document.text))
    if blocks and blocks[0].kind == "heading" and document.text[blocks[0].start : blocks[0].end] == document.title:
        blocks.pop(0)  # it stands above as the page's
    links = [f'<a href="{escape(back)}">← Back</a>'] if back else []
    if original.startswith(LIVE):
        links.append(f'<a href="{escape(original)}" rel="nofollow noopener">The original</a>')
    first, last = _part(document, start)
    if (first, last) != (0, len(document.text)):
        blocks = [block for block in blocks if first <= block.start < last]
        links += _neighbours(first, last, len(document.text))
    body = "".join(_Body(document, start, end, pictured).html(blocks))
    title, path = escape(document.title), escape(document.id)
    return PAGE.format(title=title, path=path, links=" ".join(links), body=body, root=escape(root))


def _part(document: Document, at: int) -> tuple[int, int]:
    """The stretch of a document that is shown with a place in it: all of a document that isn't long."""
    if len(document.text) <= LONG:
        return 0, len(document.text)
    number = min(max(at, 0), len(document.text) - 1) // PART
    return number * PART, min((number + 1) * PART, len(document.text))


def _neighbours(first: int, last: int, size: int) -> Iterator[str]:
    if first:
        yield f'<a href="?start={first - PART}&amp;end={first - PART}">Earlier part</a>'
    if last < size:
        yield f'<a href="?start={last}&amp;end={last}">Later part</a>'


def message_html(title: str, message: str, root: str) -> str:
    """A page that says why there is nothing to show."""
    return PAGE.format(title=escape(title), path="", links="", body=f"<p>{escape(message)}</p>", root=escape(root))


def token_html(root: str, to: str, message: str = "This question box asks for its token once.") -> str:
    """A page that asks for the token and posts it to an address; the browser then keeps a session."""
    form = (
        f'<meta name="referrer" content="same-origin"><p>{escape(message)}</p>'
        f'<form method="post" action="{escape(to)}">'
        '<label>Token <input type="password" name="token" required autofocus autocomplete="current-password"></label> '
        "<button>Go on</button></form>"
    )
    return PAGE.format(title="The token", path="", links="", body=form, root=escape(root))


class _Body:
    """Writes blocks as HTML; the first mark is where the page is scrolled to, and headings leave out no level."""

    def __init__(self, document: Document, start: int, end: int, pictured: bool) -> None:
        self._text = document.text
        self._links = document.links
        self._start, self._end = start, end
        self._id = ' id="quote"'
        self._pictures: dict[int, list[ScannedLine]] = {}  # the lines of the stretch, by their pages
        for line in document.lines if pictured else ():
            if line.start < end and start < line.end and len(self._pictures.keys() | {line.page}) <= MOST_PICTURES:
                self._pictures.setdefault(line.page, []).append(line)
        self._above: list[int] = []  # the levels of the headings that the last one is under, and its own

    def html(self, blocks: Iterable[Block]) -> Iterator[str]:
        """All blocks in order, those of one list or table together, and where each page begins."""
        page = None
        for _, run in groupby(blocks, key=_run):
            group = list(run)
            if group[0].page != page:
                page = group[0].page
                yield f'<p class="page" id="page-{page}">Page {page}</p>\n'
                yield from self._picture(page)
            if group[0].kind == "row":
                yield self._table(group)
            elif group[0].list:
                yield self._list(group)
            else:
                yield from map(self._block, group)

    def _picture(self, page: int | None) -> Iterator[str]:
        """The picture of a page that has the stretch, with its lines marked."""
        if page not in self._pictures:
            return
        polygons = []
        for line in self._pictures[page]:
            points = " ".join(f"{x},{y}" for x, y in zip(line.corners[::2], line.corners[1::2], strict=True))
            polygons.append(f'<polygon{self._id} points="{points}"/>')
            self._id = ""
        yield PICTURE.format(page=page, height=line.height, lines="".join(polygons))

    def _block(self, block: Block) -> str:
        words = self._inline(block.start, block.end)
        if block.kind == "heading":
            self._above = [*(level for level in self._above if level < block.level), block.level]
            tag = f"h{min(len(self._above) + 1, 6)}"
            return f"<{tag}>{words}</{tag}>\n"
        if block.kind == "code":
            return f'<pre tabindex="0">{words}</pre>\n'
        kind = f' class="{block.kind}"' if block.kind in ("caption", "note") else ""
        return f"<p{kind}>{words}</p>\n"

    def _list(self, blocks: Sequence[Block]) -> str:
        """Items, each list in the item of the list that it is in."""
        parts: list[str] = []
        open_lists = 0
        for block in blocks:
            while open_lists > block.level + 1:
                parts.append("</li></ul>")
                open_lists -= 1
            if open_lists <= block.level or block.opens:
                parts.append("<ul>" * (block.level + 1 - open_lists) or "</li>")
                numbered = NUMBERED.match(self._text, block.start, block.end) if block.opens else None
                bare = numbered and not numbered[0].strip().isalpha()
                parts.append('<li class="numbered">' if bare else "<li>")
                open_lists = block.level + 1
            parts.append(self._block(block).rstrip())
        return "".join(parts) + "</li></ul>" * open_lists + "\n"

    def _table(self, blocks: Sequence[Block]) -> str:
        names = list(dict.fromkeys(cell.name for block in blocks for cell in block.cells if cell.name))
        if all(len(block.cells) == 1 for block in blocks):  # names and values
            lines = [
                (f'<th scope="row">{escape(b.cells[0].name)}</th>' if b.cells[0].name else "") + self._cell(b.cells[0])
                for b in blocks
            ]
            head = ""
        else:
            head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
            lines = ["".join(self._columns(block, names)) for block in blocks]
        head = f"<thead><tr>{head}</tr></thead>" if head else ""
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f'<div class="table" tabindex="0"><table>{head}<tbody>{body}</tbody></table></div>\n'

    def _columns(self, block: Block, names: Sequence[str]) -> Iterator[str]:
        at = 0
        for cell in block.cells:
            if cell.name:
                column = names.index(cell.name)
                yield "<td></td>" * (column - at)
                at = max(at, column)
            yield self._cell(cell)
            at += 1

    def _cell(self, cell: "tuple[str, int, int]") -> str:
        return f"<td>{self._inline(cell[1], cell[2])}</td>"

    def _inline(self, start: int, end: int) -> str:
        """The words from one place to another, with the links and the mark that are in them."""
        links = [link for link in self._links if link.start < end and start < link.end]
        parts = []
        at = start
        for link in links:
            parts.append(self._marked(at, link.start))
            words = self._marked(max(at, link.start), min(end, link.end))
            live = link.target.lower().startswith(LIVE)
            parts.append(f'<a href="{escape(link.target)}" rel="nofollow noopener">{words}</a>' if live else words)
            at = min(end, link.end)
        return "".join(parts) + self._marked(at, end)

    def _marked(self, start: int, end: int) -> str:
        first = min(max(start, self._start), max(start, end))
        last = max(first, min(end, self._end))
        before, inside, after = (escape(self._text[a:b]) for a, b in ((start, first), (first, last), (last, end)))
        if not inside.strip():
            return before + inside + after
        anchor, self._id = self._id, ""
        return f"{before}<mark{anchor}>{inside}</mark>{after}"


def _run(block: Block) -> tuple[object, ...]:
    """What neighbours have in common that are shown together."""
    return ("row", block.list, block.page) if block.kind == "row" else (bool(block.list), block.page)

"""HTML → Markdown: a page's own text with its headings, lists, tables and listings, and none of what surrounds it.

Other formats that are HTML inside, or are turned into it, come here as well. The tree is only read: no script runs,
and no image, style sheet or frame is fetched.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from qa.formats.converted import Converted
from qa.formats.text import decode
from qa.formats.writing import code, heading, item, join, one_line, paragraph, rows

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

DEEPEST = 150  # elements inside one another; what is further in is taken as one text
WHOLE = 0.4  # of a page's text: an element with more is no boilerplate, whatever its name
MAIN = 0.2  # of a page's text: an element named main holds at least this much of it

LEAST_MENU = 8  # links of a list that is nothing else
MENU_ITEM = 30  # characters of such a link, at most
MENU_SHARE = 0.2  # of a page's text; where there is more of them they are what the page is for

PROSE = 200  # characters beside links, with which an element named as boilerplate is none

HEADINGS = {f"h{level}": level for level in range(1, 7)}
NEVER = frozenset(
    "head script style noscript template svg canvas iframe frame object embed audio video map button input select "
    "option textarea dialog link meta img picture source annotation annotation-xml rp rt".split()
)
AROUND = frozenset("nav footer aside header form menu".split())  # left out, unless they are in the page's main part
LISTS = frozenset(("ul", "ol", "dir", "menu"))
BLOCKS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form header "
    "hgroup hr html legend li main nav ol p pre search section summary table tbody td tfoot th thead tr ul dir menu "
    "caption frameset noframes".split()
) | frozenset(HEADINGS)
ROLES = frozenset("navigation banner contentinfo search dialog alert menu menubar toolbar button doc-toc".split())
BOILERPLATE = re.compile(
    r"(?:(?:site|page|main|global|top|bottom|left|right|wiki|sphinx|doc|docs|bs|md|mw|post|book|chapter)[-_]?)?"
    r"(?:nav|navbar|navbox|navigation|navi|navheader|navfooter|menu|menubar|breadcrumbs?|footer|sidebar|sidebarwrapper|"
    r"cookies?|consent|toc|contents-nav|tableofcontents|pagination|pager|prevnext|prev-next|share|sharing|social|"
    r"related|skip|skiplinks?|skip-link|noprint|ads?|advert|advertisement|promo|newsletter|subscribe|comments-form|"
    r"headerlink|anchorlink|permalink|editsection|jump-link|catlinks|printfooter|metadata-nav|edit-link|"
    r"linenos|lineno|linenumbers|sr-only|visually-hidden|screen-reader-text|searchbox|search-form|searchform|"
    r"mw-portlet|mw-editsection|interlanguage|langlist|vector-(?:dropdown|page-toolbar|page-titlebar-toc|toc|sitenotice))"
    r"(?:[-_](?:lang|links?|items?|list|bar|box|menu|wrapper|container|inner|top|bottom|left|right|btn|buttons?))?",
    re.IGNORECASE,
)
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
PERMALINK = re.compile(r"[¶#§🔗\uf0c1]?")
SELF_CLOSED = re.compile(
    r"<(title|script|style|a|p|div|span|i|b|em|td|th|li|iframe|textarea)\b([^<>]*)/>", re.IGNORECASE
)
CHARSET = re.compile(rb"<(?:meta\b[^>]*\bcharset\s*=|\?xml\b[^>]*\bencoding\s*=)\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)


def convert_html(data: bytes) -> Converted:
    """An HTML or XHTML file's own text and its title."""
    declared = CHARSET.search(data[:4096])
    return convert_page(decode(data, declared[1].decode() if declared else None))


def convert_page(html: str, bare: bool = False) -> Converted:
    """The same of a text; a `bare` page is nothing but its own text, with no boilerplate around it."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(SELF_CLOSED.sub(r"<\1\2></\1>", html))
    body, head = tree.body, tree.head
    page = _Page(body, bare) if body is not None else None
    text = page.markdown() if page else ""
    found = head.css_first("title") if head is not None else None
    title = one_line(found.text()) if found is not None and not bare else ""
    if not title and (first := re.search(r"^# (.+)", text, re.MULTILINE)):
        title = first[1]
    return Converted(text, title or None)


class _Page:
    def __init__(self, body: "LexborNode", bare: bool) -> None:
        self._bare = bare
        self._inside = bare  # of the page's main part
        self._root = body
        self._length = len(body.text())
        if not bare:
            self._find_main(body)

    def _find_main(self, body: "LexborNode") -> None:
        for selector in ("main", "[role=main]", "[itemprop=articleBody]", "article", "#mw-content-text", "#content"):
            found = body.css(selector)
            if len(found) == 1 and (length := len(found[0].text())) >= MAIN * self._length:
                self._root, self._inside, self._length = found[0], True, length
                return

    def markdown(self) -> str:
        text = join(self._blocks(self._root, 0))
        if not self._inside or self._bare or re.search(r"^# ", text, re.MULTILINE):
            return text
        top = self._root.parser.css("h1")  # that of a page often stands above its main part
        return join([heading(self._inline(top[0]), 1), text]) if len(top) == 1 else text

    def _left_out(self, node: "LexborNode") -> bool:
        tag = node.tag or ""
        if tag in NEVER:
            return True
        attributes = node.attributes
        if attributes and ("hidden" in attributes or HIDDEN.search(attributes.get("style") or "")):
            return True
        if self._bare:
            return False
        return (tag in AROUND and self._is_around(node, tag)) or bool(attributes and self._is_named_so(node))

    def _is_named_so(self, node: "LexborNode") -> bool:
        """Whether an element's role, class or id says that it is no part of the text."""
        attributes = node.attributes
        if attributes.get("aria-hidden") == "true" or attributes.get("role") in ROLES:
            return not self._is_whole(node)
        names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".split()
        return any(map(BOILERPLATE.fullmatch, names)) and not self._is_whole(node) and not _is_prose(node)

    def _is_around(self, node: "LexborNode", tag: str) -> bool:
        if self._inside and tag in ("aside", "header"):
            return False
        if tag in ("header", "form", "menu") and (self._is_whole(node) or node.css_first("h1") is not None):
            return False
        return tag == "nav" or not self._is_whole(node)

    def _is_whole(self, node: "LexborNode") -> bool:
        return node.tag == "body" or len(node.text()) > WHOLE * self._length

    def _blocks(self, node: "LexborNode", depth: int) -> list[str]:
        """The blocks in an element; text that stands in it without an element of its own is a paragraph."""
        if depth > DEEPEST:
            return [paragraph(node.text())]
        blocks: list[str] = []
        loose: list[str] = []
        for child in node.iter(include_text=True):
            tag = child.tag or ""
            if tag == "-text":
                loose.append(_spaced(child.text(deep=False)))
            elif tag.startswith("-") or self._left_out(child):
                continue
            elif tag in BLOCKS or self._holds_blocks(child):
                blocks += _flush(loose)
                blocks += self._block(child, tag, depth + 1)
            else:
                loose.append(self._element(child, tag, depth + 1))
        return blocks + _flush(loose)

    def _holds_blocks(self, node: "LexborNode") -> bool:
        """An inline element, as a link or an unknown one, can have blocks in it."""
        child = node.child
        if child is None or (child.next is None and child.tag == "-text"):
            return False
        return any((n.tag or "") in BLOCKS for n in node.traverse(include_text=False) if n.mem_id != node.mem_id)

    def _block(self, node: "LexborNode", tag: str, depth: int) -> list[str]:
        if level := HEADINGS.get(tag):
            return [heading(self._inline(node, depth), level)]
        if tag == "pre":
            return [code(self._verbatim(node))]
        if tag in LISTS:
            return self._list(node, tag, depth)
        if tag == "dl":
            return self._definitions(node, depth)
        if tag == "table":
            return self._table(node, depth)
        return self._blocks(node, depth)

    def _list(self, node: "LexborNode", tag: str, depth: int) -> list[str]:
        start = node.attributes.get("start") or ""
        if self._is_menu(node):
            return []
        number = int(start) if start.isdecimal() and len(start) < 6 else 1
        items: list[str] = []
        for child in node.iter():
            if self._left_out(child):
                continue
            blocks = self._block(child, child.tag or "", depth + 1)
            if child.tag != "li" and items and child.tag in LISTS:  # a list right in a list belongs to the item above
                items[-1] += "\n" + "\n".join("  " + line for line in join(blocks).splitlines())
            elif text := item(blocks, f"{number}." if tag == "ol" else "-"):
                items.append(text)
                number += 1
        return items

    def _is_menu(self, node: "LexborNode") -> bool:
        """Whether a list is nothing but many short links, on a page that has other text."""
        if self._bare or len(node.css("a[href]")) < LEAST_MENU:
            return False
        words = len("".join(node.text().split()))
        linked = sum(len("".join(link.text().split())) for link in node.css("a[href]"))
        short = linked < MENU_ITEM * len(node.css("li"))
        return linked > 0.95 * words and short and words < MENU_SHARE * self._length

    def _definitions(self, node: "LexborNode", depth: int) -> list[str]:
        """A short explanation stands on one line with its term, a long one below it."""
        blocks: list[str] = []
        terms: list[str] = []
        for child in _terms(node):
            if self._left_out(child):
                continue
            if child.tag == "dt":
                terms.append(self._inline(child, depth))
                continue
            found = self._blocks(child, depth + 1)
            term = paragraph(", ".join(filter(None, terms)))
            if term and len(found) == 1 and not re.match(r"[-#`]|\d+\. ", found[0]):
                blocks.append(item([f"{term.rstrip(':')}: {found[0].lstrip()}"]))
            else:
                blocks += [term, *found]
            terms = []
        return [*blocks, *(item([paragraph(term)]) for term in terms)]

    def _table(self, node: "LexborNode", depth: int) -> list[str]:
        lines = [row for row in _rows(node) if not self._left_out(row)]
        cells = [[c for c in row.iter() if c.tag in ("td", "th") and not self._left_out(c)] for row in lines]
        caption = next((paragraph(self._inline(c, depth)) for c in node.iter() if c.tag == "caption"), "")
        layout = max((len(row) for row in cells), default=0) < 2 or any(
            cell.css_first("h1,h2,h3,h4,h5,h6,pre") is not None
            or any(inner.mem_id != node.mem_id for inner in cell.css("table"))
            for row in cells
            for cell in row
        )
        if layout:
            return [caption, *(block for row in cells for cell in row for block in self._blocks(cell, depth + 1))]
        top = self._header_rows(lines, cells)
        spans = [[(self._cell(c, depth), _span(c, "colspan"), _span(c, "rowspan")) for c in row] for row in cells]
        grid = _grid(spans, top)
        names = [
            _named(row[column] if column < len(row) else "" for row in grid[:top]) for column in range(_width(grid))
        ]
        sides = [0] if any(row and row[0].tag == "th" for row in cells[top:]) else []
        table = [names, *grid[top:]] if top else grid
        return [caption, *rows(table, header=bool(top), notes=sides)]

    def _header_rows(self, lines: "list[LexborNode]", cells: "list[list[LexborNode]]") -> int:
        """How many rows at a table's top hold the names of its columns."""
        top = 0
        for line, row in zip(lines, cells, strict=True):
            in_head = line.parent is not None and line.parent.tag == "thead"
            if row and not (in_head or all(cell.tag == "th" for cell in row)):
                break
            top += 1
        if top == 0 and len(cells) > 1 and all(_is_bold(cell) for cell in cells[0]):
            top = 1
        return top if top < len(cells) else min(top, 1)

    def _cell(self, node: "LexborNode", depth: int) -> str:
        return one_line(self._inline(node, depth + 1))

    def _inline(self, node: "LexborNode", depth: int = 0) -> str:
        """An element's words as one text; blocks in it are apart by a line's end."""
        if depth > DEEPEST:
            return node.text()
        parts = []
        for child in node.iter(include_text=True):
            tag = child.tag or ""
            if tag == "-text":
                parts.append(_spaced(child.text(deep=False)))
            elif not tag.startswith("-") and not self._left_out(child):
                text = self._element(child, tag, depth + 1)
                parts.append(f"\n{text}\n" if tag in BLOCKS else text)
        return "".join(parts)

    def _element(self, node: "LexborNode", tag: str, depth: int) -> str:
        if tag == "br":
            return "\n"
        if tag == "wbr":
            return ""
        if tag == "math" and (words := node.attributes.get("alttext")):
            return words
        text = self._inline(node, depth)
        if tag == "a" and PERMALINK.fullmatch(text.strip()):
            return "" if text.strip() else text
        if tag == "sup" and re.fullmatch(r"\s*\[\w{1,6}\]\s*", text):  # the mark of a note
            return ""
        return text

    def _verbatim(self, node: "LexborNode", depth: int = 0) -> str:
        parts = []
        for child in node.iter(include_text=True):
            tag = child.tag or ""
            if tag == "-text":
                parts.append(child.text(deep=False))
            elif tag == "br":
                parts.append("\n")
            elif not tag.startswith("-") and not self._left_out(child):
                parts.append(child.text() if depth > DEEPEST else self._verbatim(child, depth + 1))
        return "".join(parts)


def _is_prose(node: "LexborNode") -> bool:
    """Whether an element reads as text, whatever its name: a box in a book is a "sidebar" as well."""
    words = len(node.text())
    linked = sum(len(link.text()) for link in node.css("a[href]"))
    return words - linked > PROSE and linked < 0.3 * words


def _flush(loose: list[str]) -> list[str]:
    text = paragraph("".join(loose))
    loose.clear()
    return [text] if text else []


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _terms(node: "LexborNode") -> "Iterator[LexborNode]":
    for child in node.iter():
        if child.tag == "div":
            yield from child.iter()
        else:
            yield child


def _rows(table: "LexborNode") -> "Iterator[LexborNode]":
    for child in table.iter():
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child.iter() if row.tag == "tr")


def _span(cell: "LexborNode", name: str) -> int:
    value = (cell.attributes.get(name) or "").strip()
    return min(int(value), 100) if value.isascii() and value.isdecimal() and len(value) < 6 and int(value) else 1


def _grid(table: list[list[tuple[str, int, int]]], top: int) -> list[list[str]]:
    """Cells that span several rows are repeated in each; those that span columns only in the `top` rows of names."""
    grid: list[list[str]] = []
    held: dict[int, tuple[str, int]] = {}
    for at, row in enumerate(table):
        line: list[str] = []
        cells = iter(row)
        while True:
            if (column := len(line)) in held:
                text, left = held.pop(column)
                line.append(text)
                if left > 1:
                    held[column] = (text, left - 1)
                continue
            cell = next(cells, None)
            if cell is None:
                if not held or max(held) < column:
                    break
                line.append("")
                continue
            text, wide, high = cell
            for number in range(wide):
                shown = text if number == 0 or at < top else ""
                if high > 1:
                    held[column + number] = (shown, high - 1)
                line.append(shown)
        grid.append(line)
    return grid


def _width(grid: list[list[str]]) -> int:
    return max((len(row) for row in grid), default=0)


def _named(names: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(name for name in names if name))


def _is_bold(cell: "LexborNode") -> bool:
    words = cell.text(strip=True)
    return bool(words) and words == "".join(b.text(strip=True) for b in cell.css("b, strong"))

"""HTML → a page's own text with its headings, lists, tables and listings, without the boilerplate around it.

Other formats that are HTML inside, or are turned into it, come here as well. The tree is only read: no script runs,
and no image, style sheet or frame is fetched.
"""

import html
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from selectolax.lexbor import LexborHTMLParser, LexborNode

from qa.documents.archive import parse_xml
from qa.documents.converted import Converted
from qa.documents.formats.html.boilerplate import HEADINGS, Surroundings, is_note
from qa.documents.formats.plain import decode
from qa.documents.writing.formulas import of_mathml
from qa.documents.writing.parts import Part, code, counted, heading, listed, paragraph, written
from qa.documents.writing.rows import Span, spanned
from qa.documents.writing.words import LIVE, RESERVED, bare, linked, lowered, one_line, raised
from qa.errors import CorpusError

DEEPEST = 150  # elements inside one another; what is further in is taken as one text
LISTS = frozenset(("ul", "ol", "dir", "menu"))
BLOCKS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form header "
    "hgroup hr html legend li main nav ol p pre search section summary table tbody td tfoot th thead tr ul dir menu "
    "caption frameset noframes".split()
) | frozenset(HEADINGS)
ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(\w+);")
SELF_CLOSED = re.compile(
    r"<(title|script|style|a|p|div|span|i|b|em|td|th|li|iframe|textarea|video|audio|object|canvas)\b([^<>]*)/>",
    re.IGNORECASE,
)
XHTML = re.compile(r"\s*(?:<\?xml\b|<!DOCTYPE[^>]*XHTML|<html[^>]*\bxmlns\s*=)", re.IGNORECASE)
FORMULA = re.compile(r"\b(?:math|tex|latex|mwe-math\S*)\b")
CHARSET = re.compile(rb"<(?:meta\b[^>]*\bcharset\s*=|\?xml\b[^>]*\bencoding\s*=)\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)


def convert_html(data: bytes) -> Converted:
    """Convert an HTML or XHTML file."""
    return convert_page(page_of(data))


def page_of(data: bytes) -> str:
    """Decode a file's HTML; XHTML is XML and becomes the HTML that means the same."""
    declared = CHARSET.search(data[:4096])
    text = decode(data, declared[1].decode() if declared else None)
    if not XHTML.match(text):
        return text
    try:
        return ElementTree.tostring(parse_xml(_without_entities(text).encode(), "page"), "unicode", "html")
    except CorpusError:  # many that call themselves so are none
        return SELF_CLOSED.sub(r"<\1\2></\1>", text)


def _without_entities(text: str) -> str:
    """Replace the named characters of HTML, which XML doesn't know, and drop the declarations at the top."""
    declared = re.sub(r"\A\s*<\?xml[^>]*\?>|<!DOCTYPE[^>\[]*>", "", text, flags=re.IGNORECASE)
    return ENTITY.sub(lambda found: html.escape(html.unescape(found[0])), declared)


def convert_page(page: str, bare: bool = False) -> Converted:
    """Convert HTML; a `bare` page has no boilerplate around its text."""
    parts, title, address = parts_of(page, bare)
    return written(parts, title, address)


def parts_of(page: str, bare: bool = False) -> tuple[list[Part], str | None, str | None]:
    """Return a page's parts, its title and its canonical address."""
    tree = LexborHTMLParser(page)
    body, head = tree.body, tree.head
    parts = _Page(body, bare).parts() if body is not None else []
    found = head.css_first("title") if head is not None else None
    title = one_line(found.text()) if found is not None and not bare else ""
    if not title:
        title = next((_plain(part.words) for part in parts if part.kind == "heading" and part.level == 1), "")
    link = head.css_first("link[rel=canonical]") if head is not None else None
    address = (link.attributes.get("href") or "") if link is not None else ""
    return parts, title or None, address if LIVE.match(address) else None


def _plain(words: str) -> str:
    return one_line(bare(words))


class _Page:
    """Reads the parts of a page's body."""

    def __init__(self, body: LexborNode, bare: bool) -> None:
        self._bare = bare
        self._around = Surroundings(body, bare)

    def parts(self) -> list[Part]:
        parts = self._blocks(self._around.root, 0)
        if not self._around.is_main or self._bare or any(part.kind == "heading" and part.level == 1 for part in parts):
            return parts
        top = self._around.root.parser.css("h1")  # that of a page often stands above its main part
        return [*self._heading(top[0], 1, 0), *parts] if len(top) == 1 else parts

    def _blocks(self, node: LexborNode, depth: int) -> list[Part]:
        """Return the blocks in an element; loose text between them is a paragraph."""
        if depth > DEEPEST:
            return paragraph(_shown(node.text()))
        parts: list[Part] = []
        loose: list[str] = []
        for child in node.iter(include_text=True):
            tag = child.tag or ""
            if tag == "-text":
                loose.append(_shown(child.text(deep=False)))
            elif tag == "img":
                loose.append(_formula(child))
            elif tag.startswith("-") or self._around.leaves_out(child):
                continue
            elif tag in BLOCKS or self._holds_blocks(child):
                parts += _flush(loose)
                parts += self._block(child, tag, depth + 1)
            else:
                loose.append(self._element(child, tag, depth + 1))
        return parts + _flush(loose)

    def _holds_blocks(self, node: LexborNode) -> bool:
        """Tell whether an inline element, such as a link, has blocks in it."""
        child = node.child
        if child is None or (child.next is None and child.tag == "-text"):
            return False
        return any((n.tag or "") in BLOCKS for n in node.traverse(include_text=False) if n.mem_id != node.mem_id)

    def _block(self, node: LexborNode, tag: str, depth: int) -> list[Part]:
        if level := HEADINGS.get(tag):
            return self._heading(node, level, depth)
        if tag == "pre":
            return code(self._verbatim(node))
        if tag in LISTS:
            return self._list(node, tag, depth)
        if tag == "dl":
            return self._definitions(node, depth)
        if tag == "table":
            return self._table(node, depth)
        parts = self._blocks(node, depth)
        kind = "caption" if tag in ("figcaption", "caption") else "note" if is_note(node) else ""
        return [part._replace(kind=kind) if kind and part.kind == "paragraph" else part for part in parts]

    def _heading(self, node: LexborNode, level: int, depth: int) -> list[Part]:
        inner = node.css_first("[id], a[name]")
        around = node.parent if node.prev is None or node.prev.tag == "-text" else None
        places = (node, inner, around if around is not None and around.tag in ("section", "div", "article") else None)
        found = (one.attributes.get("id") or one.attributes.get("name") for one in places if one is not None)
        return heading(self._inline(node, depth), level, next(filter(None, found), ""))

    def _list(self, node: LexborNode, tag: str, depth: int) -> list[Part]:
        if self._around.is_menu(node):
            return []
        kind = node.attributes.get("type") or ""
        number = _integer(node.attributes.get("start"), 1)
        step = 1
        if "reversed" in node.attributes:
            step = -1
            number = _integer(node.attributes.get("start"), sum(child.tag == "li" for child in node.iter()))
        items: list[tuple[str, list[Part]]] = []
        for child in node.iter():
            if self._around.leaves_out(child):
                continue
            parts = self._block(child, child.tag or "", depth + 1)
            if child.tag != "li" and items and child.tag in LISTS:  # a list right in a list belongs to the item above
                items[-1][1].extend(parts)
            elif parts:
                number = _integer(child.attributes.get("value"), number)
                items.append((f"{counted(number, kind)}." if tag == "ol" else "", parts))
                number += step
        return listed(items)

    def _definitions(self, node: LexborNode, depth: int) -> list[Part]:
        """Convert a definition list: an explanation goes on a line with its term, as neither says much alone."""
        items: list[tuple[str, list[Part]]] = []
        terms: list[str] = []
        for child in _terms(node):
            if self._around.leaves_out(child):
                continue
            if child.tag == "dt":
                terms.append(one_line(self._inline(child, depth)))
                continue
            found = self._blocks(child, depth + 1)
            term = ", ".join(filter(None, terms))
            if term and found and found[0].kind == "paragraph":
                found = [*paragraph(f"{term.rstrip(':')}: {found[0].words}"), *found[1:]]
            elif term:
                found = [*paragraph(term), *found]
            items.append(("", found))
            terms = []
        return listed([*items, *(("", paragraph(term)) for term in terms)])

    def _table(self, node: LexborNode, depth: int) -> list[Part]:
        lines = [row for row in _rows(node) if not self._around.leaves_out(row)]
        cells = [[c for c in row.iter() if c.tag in ("td", "th") and not self._around.leaves_out(c)] for row in lines]
        caption = [part for c in node.iter() if c.tag == "caption" for part in paragraph(self._inline(c), "caption")]
        layout = max((len(row) for row in cells), default=0) < 2 or any(
            cell.css_first("h1,h2,h3,h4,h5,h6,pre") is not None
            or any(inner.mem_id != node.mem_id for inner in cell.css("table"))
            for row in cells
            for cell in row
        )
        if layout:
            return [*caption, *(part for row in cells for cell in row for part in self._blocks(cell, depth + 1))]
        top = self._header_rows(lines, cells)
        sides = any(row and row[0].tag == "th" for row in cells[top:])
        return [*caption, *spanned([[self._cell(c, depth) for c in row] for row in cells], top, sides)]

    def _header_rows(self, lines: list[LexborNode], cells: list[list[LexborNode]]) -> int:
        """Count the rows at the top that name the columns."""
        top = 0
        for line, row in zip(lines, cells, strict=True):
            in_head = line.parent is not None and line.parent.tag == "thead"
            if row and not (in_head or all(cell.tag == "th" for cell in row)):
                break
            top += 1
        if top == 0 and len(cells) > 1 and all(_is_bold(cell) for cell in cells[0]):
            top = 1
        return top if top < len(cells) else min(top, 1)

    def _cell(self, node: LexborNode, depth: int) -> Span:
        return Span(one_line(self._inline(node, depth + 1)), _span(node, "colspan"), _span(node, "rowspan"))

    def _inline(self, node: LexborNode, depth: int = 0) -> str:
        """Return an element's words as one text; each block in it is a line."""
        if depth > DEEPEST:
            return _shown(node.text())
        parts = []
        for child in node.iter(include_text=True):
            tag = child.tag or ""
            if tag == "-text":
                parts.append(_shown(child.text(deep=False)))
            elif tag == "img":
                parts.append(_formula(child))
            elif not tag.startswith("-") and not self._around.leaves_out(child):
                text = self._element(child, tag, depth + 1)
                parts.append(f"\n{text}\n" if tag in BLOCKS else text)
        return "".join(parts)

    def _element(self, node: LexborNode, tag: str, depth: int) -> str:
        if tag == "br":
            return "\n"
        if tag == "wbr":
            return ""
        if tag == "math":
            return self._math(node, depth) if bare(self._inline(node, depth)).strip() else _alternative(node)
        text = self._inline(node, depth)
        if tag == "a" and LIVE.match(target := (node.attributes.get("href") or "").strip()):
            return linked(text, target)
        if tag in ("sup", "sub"):
            note = node.css_first("a[href^='#']") is not None or re.fullmatch(r"\s*\[\w{1,6}\]\s*", bare(text))
            return "" if note and tag == "sup" else raised(text) if tag == "sup" else lowered(text)
        return text

    def _math(self, node: LexborNode, depth: int) -> str:
        """Write a formula of MathML on a line."""
        if depth > DEEPEST:
            return _shown(node.text())
        parts: list[str] = []
        for child in node.iter(include_text=True):
            if child.tag == "-text":
                parts += filter(None, [_shown(child.text(deep=False)).strip()])
            elif child.tag and not child.tag.startswith(("-", "annotation")):
                parts.append(self._math(child, depth + 1))
        return of_mathml(node.tag or "", parts, node.attributes)

    def _verbatim(self, node: LexborNode, depth: int = 0) -> str:
        parts = []
        for child in node.iter(include_text=True):
            tag = child.tag or ""
            if tag == "-text":
                parts.append(child.text(deep=False))
            elif tag == "br":
                parts.append("\n")
            elif not tag.startswith("-") and not self._around.leaves_out(child):
                parts.append(child.text() if depth > DEEPEST else self._verbatim(child, depth + 1))
        return "".join(parts)


def _flush(loose: list[str]) -> list[Part]:
    parts = paragraph("".join(loose))
    loose.clear()
    return parts


def _shown(text: str) -> str:
    return re.sub(r"\s+", " ", RESERVED.sub("", text))


def _formula(picture: LexborNode) -> str:
    """Return the alternative text of a formula's picture; other pictures have no words."""
    attributes = picture.attributes
    return _shown(attributes.get("alt") or "") if FORMULA.search(attributes.get("class") or "") else ""


def _alternative(formula: LexborNode) -> str:
    return _shown(formula.attributes.get("alttext") or "")


def _integer(text: str | None, otherwise: int) -> int:
    return int(text) if text and re.fullmatch(r"-?\d{1,6}", text.strip()) else otherwise


def _terms(node: LexborNode) -> Iterator[LexborNode]:
    for child in node.iter():
        if child.tag == "div":
            yield from child.iter()
        else:
            yield child


def _rows(table: LexborNode) -> Iterator[LexborNode]:
    for child in table.iter():
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child.iter() if row.tag == "tr")


def _span(cell: LexborNode, name: str) -> int:
    value = (cell.attributes.get(name) or "").strip()
    return min(int(value), 100) if value.isascii() and value.isdecimal() and len(value) < 6 and int(value) else 1


def _is_bold(cell: LexborNode) -> bool:
    words = cell.text(strip=True)
    return bool(words) and words == "".join(b.text(strip=True) for b in cell.css("b, strong"))

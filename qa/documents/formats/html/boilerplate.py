"""Boilerplate of HTML pages: navigation, headers, footers, buttons, and what isn't shown.

An element counts as boilerplate by its tag, role, class or id, unless it holds much of the page's text.
"""

import re
from collections.abc import Mapping

from selectolax.lexbor import LexborNode

WHOLE = 0.4  # of a page's text: an element with more is no boilerplate, whatever its name
MAIN = 0.2  # of a page's text: an element named main holds at least this much of it
LEAST_MENU = 8  # links of a list that is nothing else
MENU_ITEM = 30  # characters of such a link, at most
MENU_SHARE = 0.2  # of a page's text; where there is more of them they are what the page is for
PROSE = 200  # characters beside links, with which an element named as boilerplate is none
HEADINGS = {f"h{level}": level for level in range(1, 7)}
NEVER = frozenset(
    "head script style noscript template svg canvas iframe frame object embed audio video map input select "
    "option textarea dialog link meta img picture source annotation annotation-xml rp rt rtc".split()
)
AROUND = frozenset("nav footer aside header form menu".split())  # left out, unless they are in the page's main part
ROLES = frozenset("navigation banner contentinfo search dialog menu menubar toolbar doc-toc".split())
NOTES = frozenset("doc-footnote doc-endnote footnote endnote footnotes endnotes rearnote".split())
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
DISPLAY_NONE = re.compile(r"([.#][\w-]+)\s*\{[^{}]*display\s*:\s*none[^{}]*\}", re.IGNORECASE)


class Surroundings:
    """Finds a page's main part, its `root`, and tells what to leave out: in a `bare` page only what isn't shown."""

    def __init__(self, body: LexborNode, bare: bool) -> None:
        self._bare = bare
        self.is_main = bare  # of the page's main part
        self.root = body
        self._length = len(body.text())
        styles = [style.text() for style in body.parser.css("style")]
        self._unseen = frozenset(
            name[1:] if name[0] == "." else name
            for style in styles
            for name in DISPLAY_NONE.findall(re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", style))
        )
        if not bare:
            self._find_main(body)

    def _find_main(self, body: LexborNode) -> None:
        for selector in ("main", "[role=main]", "[itemprop=articleBody]", "article", "#mw-content-text", "#content"):
            found = body.css(selector)
            if len(found) == 1 and (length := len(found[0].text())) >= MAIN * self._length:
                self.root, self.is_main, self._length = found[0], True, length
                return

    def leaves_out(self, node: LexborNode) -> bool:
        """Whether an element is no part of the text."""
        tag = node.tag or ""
        if tag in NEVER:
            return True
        attributes = node.attributes
        if attributes and (self._is_unseen(attributes) or (tag == "a" and _is_permalink(node))):
            return True
        if tag == "button":
            return not self._bare and not _is_text(node)
        if self._bare:
            return False
        return (tag in AROUND and self._is_around(node, tag)) or bool(attributes and self._is_named_so(node))

    def _is_unseen(self, attributes: Mapping[str, str | None]) -> bool:
        if "hidden" in attributes or HIDDEN.search(attributes.get("style") or ""):
            return True
        names = (attributes.get("class") or "").split()
        return bool(self._unseen) and not self._unseen.isdisjoint([*names, f"#{attributes.get('id')}"])

    def _is_named_so(self, node: LexborNode) -> bool:
        """Whether an element's role, class or id says that it is no part of the text; a heading's words name it too."""
        attributes = node.attributes
        if (node.tag or "") in HEADINGS or is_note(node):
            return False
        if attributes.get("aria-hidden") == "true" or attributes.get("role") in ROLES:
            return not self._is_whole(node)
        id_ = attributes.get("id") or ""
        names = [*(attributes.get("class") or "").split(), *([] if _is_slug(id_, node) else [id_])]
        return any(map(BOILERPLATE.fullmatch, names)) and not self._is_whole(node) and not _is_prose(node)

    def _is_around(self, node: LexborNode, tag: str) -> bool:
        if (self.is_main and tag in ("aside", "header")) or is_note(node):
            return False
        if tag in ("header", "form", "menu") and (self._is_whole(node) or node.css_first("h1") is not None):
            return False
        return tag == "nav" or not self._is_whole(node)

    def _is_whole(self, node: LexborNode) -> bool:
        return node.tag == "body" or len(node.text()) > WHOLE * self._length

    def is_menu(self, node: LexborNode) -> bool:
        """Whether a list is nothing but many short links, on a page that has other text."""
        if self._bare or len(node.css("a[href]")) < LEAST_MENU:
            return False
        words = len("".join(node.text().split()))
        linked = sum(len("".join(link.text().split())) for link in node.css("a[href]"))
        short = linked < MENU_ITEM * len(node.css("li"))
        return linked > 0.95 * words and short and words < MENU_SHARE * self._length


def _is_prose(node: LexborNode) -> bool:
    """Whether an element reads as text, whatever its name: a box in a book is a "sidebar" as well."""
    words = len(node.text())
    linked = sum(len(link.text()) for link in node.css("a[href]"))
    return words - linked > PROSE and linked < 0.3 * words


def _is_permalink(link: LexborNode) -> bool:
    return bool(link.text().strip()) and bool(PERMALINK.fullmatch(link.text().strip()))


def _is_text(button: LexborNode) -> bool:
    """Whether what stands in a button is part of the text, as a heading that opens what is below it."""
    around = button.parent
    attributes = button.attributes
    opens = "aria-expanded" in attributes or "aria-controls" in attributes or "data-toggle" in attributes
    return (around is not None and around.tag in HEADINGS) or (opens and len(button.text().split()) > 2)


def is_note(node: LexborNode) -> bool:
    """Whether an element is a note to the text, as at a page's foot."""
    attributes = node.attributes
    names = " ".join(attributes.get(name) or "" for name in ("role", ":type", "epub:type", "class"))
    return not NOTES.isdisjoint(names.split())


def _is_slug(id_: str, node: LexborNode) -> bool:
    """Whether an element's name is made of the words of the heading that it begins with."""
    first = node.css_first("h1,h2,h3,h4,h5,h6")
    return first is not None and _slug(id_) == _slug(first.text())


def _slug(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())

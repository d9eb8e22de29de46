"""Originals: the address of a quote on the page where its owner published the document."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import splitext
from urllib.parse import quote

from qa.errors import SettingsError
from qa.types import Citation, Document

PLACES = ("path", "stem", "id")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
ADDRESS = re.compile(r"https?://[^\s/]+\S*")
PAGES = (".html", ".htm", ".xhtml")  # files whose headings may have anchors
WORDS = 5  # at each end of a long quote that go into a text fragment


@dataclass(frozen=True, slots=True)
class Originals:
    """Patterns of addresses as (folder, pattern), the longest folder first; the folder "" covers all others.

    In a pattern, {path} is a file's path in the corpus, {stem} the path without its extension, and {id} the path quoted
    as a single segment of a URL.
    """

    patterns: Sequence[tuple[str, str]] = ()

    @classmethod
    def read(cls, text: str) -> "Originals":
        """Parse QA_SOURCE_URL: "https://docs.example.org/{stem}", or several such as "laws=https://…", with spaces.

        Raises SettingsError, which names the part that can't be used.
        """
        patterns = []
        for part in text.split():
            folder, pattern = ("", part) if ADDRESS.match(part) else part.split("=", 1) if "=" in part else ("", part)
            named = PLACEHOLDER.findall(pattern)
            braces = re.search(r"[{}]", PLACEHOLDER.sub("", pattern))
            if not ADDRESS.fullmatch(pattern) or braces or not named or not set(named) <= set(PLACES):
                raise SettingsError(
                    f"QA_SOURCE_URL has {part!r}; give https://docs.example.org/{{path}} with {{path}}, {{stem}} or "
                    "{id}, for one folder only laws=https://…"
                )
            patterns.append((folder.strip("/"), pattern))
        return cls(tuple(sorted(patterns, key=lambda pair: -len(pair[0]))))

    def address(self, document: Document) -> str:
        """Return the address of a document, empty if unknown; the address in the document itself comes first."""
        if document.address:
            return document.address
        for folder, pattern in self.patterns:
            if not folder or document.id.startswith(f"{folder}/"):
                values = {"path": quote(document.id), "stem": quote(splitext(document.id)[0])}
                values["id"] = quote(document.id, safe="")
                return pattern.format(**values)
        return ""

    def of(self, document: Document, citation: Citation) -> str | None:
        """Return the address of a quote: a page of a PDF, the anchor of the heading above, or the quote's words."""
        address = self.address(document)
        if not address:
            return None
        if "#" in address:
            return address
        suffix = splitext(document.id)[1].lower()
        if suffix == ".pdf" and citation.page:
            return f"{address}#page={citation.page}"
        if suffix in PAGES and (anchor := _anchor_above(document, citation.start)):
            return f"{address}#{quote(anchor)}"
        return f"{address}#:~:text={_fragment(citation.quote)}"


def _anchor_above(document: Document, start: int) -> str:
    """Return the anchor of the nearest heading above an offset that has one, or an empty string."""
    last = bisect_right(document.blocks, start, key=lambda block: block.start)
    above = (block for block in reversed(document.blocks[:last]) if block.kind == "heading")
    return next((block.anchor for block in above if block.anchor), "")


def _fragment(text: str) -> str:
    """Return a text fragment of all words, or the first and last (wicg.github.io/scroll-to-text-fragment)."""
    words = text.split()
    if len(words) <= 2 * WORDS:
        return _encoded(" ".join(words))
    return f"{_encoded(' '.join(words[:WORDS]))},{_encoded(' '.join(words[-WORDS:]))}"


def _encoded(text: str) -> str:
    return quote(text, safe="").replace("-", "%2D")

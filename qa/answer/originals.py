"""Where a document is published by its owner → the address of a quote there, by a pattern or by what it says itself."""

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
PAGES = (".html", ".htm", ".xhtml")  # files whose headings have names that a browser goes to
WORDS = 5  # of a quote's beginning and its end, that a text fragment names


@dataclass(frozen=True, slots=True)
class Originals:
    """The owner's own pages: a pattern for each folder, the longest name that fits first, "" for all others.

    In a pattern, {path} is a file's path below the folder that is indexed, {stem} the same without its ending, and {id}
    the path as one part of an address.
    """

    patterns: Sequence[tuple[str, str]] = ()

    @classmethod
    def read(cls, text: str) -> "Originals":
        """Patterns as in QA_SOURCE_URL: "https://docs.example.org/{stem}", or several as "laws=https://…" in a row.

        Raises SettingsError, which names what can't be used.
        """
        found = []
        for part in text.split():
            folder, pattern = ("", part) if ADDRESS.match(part) else part.split("=", 1) if "=" in part else ("", part)
            named = PLACEHOLDER.findall(pattern)
            braces = re.search(r"[{}]", PLACEHOLDER.sub("", pattern))
            if not ADDRESS.fullmatch(pattern) or braces or not named or not set(named) <= set(PLACES):
                raise SettingsError(
                    f"QA_SOURCE_URL has {part!r}; give https://docs.example.org/{{path}} with {{path}}, {{stem}} or "
                    "{id}, for a folder alone laws=https://…"
                )
            found.append((folder.strip("/"), pattern))
        return cls(tuple(sorted(found, key=lambda pair: -len(pair[0]))))

    def address(self, document: Document) -> str:
        """Where a document is published, empty where that isn't known; what it says of itself comes first."""
        if document.address:
            return document.address
        for folder, pattern in self.patterns:
            if not folder or document.id.startswith(f"{folder}/"):
                values = {"path": quote(document.id), "stem": quote(splitext(document.id)[0])}
                values["id"] = quote(document.id, safe="")
                return pattern.format(**values)
        return ""

    def of(self, document: Document, citation: Citation) -> str | None:
        """The address of a quote on its document's own page: a PDF's page, the heading above it, or its words."""
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
    """The name of the nearest heading above a place."""
    last = bisect_right(document.blocks, start, key=lambda block: block.start)
    above = (block for block in reversed(document.blocks[:last]) if block.kind == "heading")
    return next((block.anchor for block in above if block.anchor), "")


def _fragment(words: str) -> str:
    """A text fragment of a quote: all of it, or how it begins and ends (wicg.github.io/scroll-to-text-fragment)."""
    parts = words.split()
    if len(parts) <= 2 * WORDS:
        return _encoded(" ".join(parts))
    return f"{_encoded(' '.join(parts[:WORDS]))},{_encoded(' '.join(parts[-WORDS:]))}"


def _encoded(words: str) -> str:
    return quote(words, safe="").replace("-", "%2D")

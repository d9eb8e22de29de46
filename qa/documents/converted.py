"""The result of a converter, and the limit on its text."""

import json
from dataclasses import dataclass

from qa.errors import CorpusError
from qa.text.structure import Structure
from qa.types import Block, Link, ScannedLine

MAX_TEXT = 20_000_000  # characters of a document's text, about twenty Bibles


@dataclass(frozen=True, slots=True)
class Converted:
    """A file's text as its reader sees it, with its blocks, links and where each of its pages begins.

    `title` and `address` are what the file says of itself, `scanned` the numbers of the pages that are pictures, and
    `lines` what was read of them.
    """

    text: str
    title: str | None = None
    blocks: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    pages: tuple[int, ...] = ()
    address: str | None = None
    scanned: tuple[int, ...] = ()
    lines: tuple[ScannedLine, ...] = ()

    def dumped(self) -> str:
        """Serialize to JSON."""
        structure = Structure(self.blocks, self.links, self.pages, self.address, self.scanned, self.lines)
        return json.dumps({"text": self.text, "title": self.title, "structure": structure.to_json()})

    @classmethod
    def loaded(cls, text: str | bytes) -> "Converted":
        """Restore what `dumped` returned."""
        found = json.loads(text)
        return cls(found["text"], found["title"], *Structure.from_json(found["structure"])[:-1])


def too_long(characters: int) -> None:
    """Raise CorpusError where a text has grown beyond what is read."""
    if characters > MAX_TEXT:
        raise CorpusError(f"too large: more than {MAX_TEXT // 10**6} million characters of text")


def nothing() -> None:
    """Do nothing: the default for `on_scan`, where nobody needs to know that a scanned page is read."""

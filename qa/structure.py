"""A document's blocks, links and pages as JSON, as they are kept and sent between processes."""

import json
from typing import NamedTuple

from qa.types import Block, Cell, Document, Link, ScannedLine


class Structure(NamedTuple):
    """All of a document that isn't its text or name."""

    blocks: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    pages: tuple[int, ...] = ()
    address: str | None = None
    scanned: tuple[int, ...] = ()
    lines: tuple[ScannedLine, ...] = ()
    file_hash: str = ""

    @classmethod
    def of(cls, document: Document) -> "Structure":
        """A document's."""
        return cls(*(getattr(document, name) for name in cls._fields))

    def dumped(self) -> str:
        """It as JSON on one line; what is empty at the end of a block is left out."""
        return json.dumps([[_short(b) for b in self.blocks], *self[1:]])

    @classmethod
    def loaded(cls, text: str) -> "Structure":
        """What `dumped` gave; versions before this one gave no lines."""
        blocks, links, pages, address, scanned, lines, file_hash = [*json.loads(text), [], ""][:7]
        made = tuple(map(_block, blocks)), tuple(Link(*link) for link in links)
        read = tuple(ScannedLine(*line)._replace(corners=tuple(line[-1])) for line in lines)
        return cls(*made, tuple(pages), address, tuple(scanned), read, file_hash)


NOTHING = Block("", 0, 0)


def _short(block: Block) -> list[object]:
    row: list[object] = list(block)
    while row and row[-1] == NOTHING[len(row) - 1] and len(row) > 3:
        row.pop()
    return row


def _block(row: list[object]) -> Block:
    found = Block(*row)  # type: ignore[arg-type]
    return found._replace(cells=tuple(Cell(*cell) for cell in found.cells))

"""The structure of a document as JSON, to keep it and to send it between processes."""

import json
from pathlib import Path
from typing import NamedTuple

from qa.types import Block, Cell, Document, Link, ScannedLine


class Structure(NamedTuple):
    """All of a document but its id, title, path and text."""

    blocks: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    pages: tuple[int, ...] = ()
    address: str | None = None
    scanned: tuple[int, ...] = ()
    lines: tuple[ScannedLine, ...] = ()
    file_hash: str = ""

    @classmethod
    def of(cls, document: Document) -> "Structure":
        """Return the structure of a document."""
        return cls(*(getattr(document, name) for name in cls._fields))

    def document(self, id_: str, title: str, text: str, path: Path | None) -> Document:
        """Return the document of this structure."""
        return Document(id_, title, text, path=path, **self._asdict())

    def to_json(self) -> str:
        """Return JSON on one line, without the defaults at the end of each block."""
        return json.dumps([[_short(b) for b in self.blocks], *self[1:]])

    @classmethod
    def from_json(cls, text: str) -> "Structure":
        """Return the structure that `to_json` wrote."""
        blocks, links, pages, address, scanned, lines, file_hash = json.loads(text)
        return cls(
            tuple(map(_block, blocks)),
            tuple(Link(*link) for link in links),
            tuple(pages),
            address,
            tuple(scanned),
            tuple(ScannedLine(*line)._replace(corners=tuple(line[-1])) for line in lines),
            file_hash,
        )


EMPTY = Block("", 0, 0)


def _short(block: Block) -> list[object]:
    row: list[object] = list(block)
    while row and row[-1] == EMPTY[len(row) - 1] and len(row) > 3:
        row.pop()
    return row


def _block(row: list[object]) -> Block:
    block = Block(*row)  # type: ignore[arg-type]
    return block._replace(cells=tuple(Cell(*cell) for cell in block.cells))

"""txtai: dense vectors and BM25, added up by its own weights."""

from pathlib import Path

from common import FOUND, Find, Row, model, titled
from txtai import Embeddings


def build(texts: list[Row], folder: Path) -> None:
    """As its documentation has it for hybrid search with content."""
    embeddings = Embeddings(path=model(), hybrid=True, content=True)
    embeddings.index((number, titled(title, text), None) for number, title, text in texts)
    embeddings.save(str(folder / "index"))


def searcher(folder: Path) -> Find:
    """Returns texts from its database as well."""
    embeddings = Embeddings()
    embeddings.load(str(folder / "index"))
    return lambda question: [found["id"] for found in embeddings.search(question, FOUND)]

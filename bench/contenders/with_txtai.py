"""txtai: dense vectors and BM25, combined with its own weights."""

from pathlib import Path

from common import TOP_K, Find, Row, model, titled
from txtai import Embeddings


def build(texts: list[Row], folder: Path) -> None:
    """Index as its documentation shows for hybrid search with content."""
    embeddings = Embeddings(path=model(), hybrid=True, content=True)
    embeddings.index((number, titled(title, text), None) for number, title, text in texts)
    embeddings.save(str(folder / "index"))


def searcher(folder: Path) -> Find:
    """Load the index; results come with their texts from its database."""
    embeddings = Embeddings()
    embeddings.load(str(folder / "index"))
    return lambda question: [row["id"] for row in embeddings.search(question, TOP_K)]

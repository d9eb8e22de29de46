"""The question box as its users have it: a folder of files, `Assistant.open`, whole answers with quotes."""

from pathlib import Path

from common import Find, Row

from qa import Assistant


def build(texts: list[Row], folder: Path) -> None:
    """A file for each text, named by its number, under its title; then the index."""
    (folder / "corpus").mkdir()
    for number, title, text in texts:
        (folder / "corpus" / f"{number}.md").write_text(f"---\ntitle: {title}\n---\n\n{text}", "utf-8")
    Assistant.open(folder / "corpus", folder / "index")


def searcher(folder: Path) -> Find:
    """Opening checks that the index is up to date with the files."""
    assistant = Assistant.open(folder / "corpus", folder / "index", threshold=0)
    return lambda question: [hit.passage.document_id.removesuffix(".md") for hit in assistant.ask(question).hits]

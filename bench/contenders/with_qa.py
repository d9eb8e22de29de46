"""The question box as users run it: a folder of files, `Assistant.open`, whole answers with quotes."""

from pathlib import Path

from common import Find, Row

from qa import Assistant


def build(texts: list[Row], folder: Path) -> None:
    """Write each text with its title into a file named by its number, then index them."""
    (folder / "corpus").mkdir()
    for number, title, text in texts:
        (folder / "corpus" / f"{number}.md").write_text(f"---\ntitle: {title}\n---\n\n{text}", "utf-8")
    Assistant.open(folder / "corpus", folder / "index")


def searcher(folder: Path) -> Find:
    """Open the index, which checks that it is up to date with the files."""
    assistant = Assistant.open(folder / "corpus", folder / "index", threshold=0)
    return lambda question: [hit.passage.document_id.removesuffix(".md") for hit in assistant.ask(question).hits]

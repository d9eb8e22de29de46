"""The question box as its users have it: a folder of files, `Assistant.open`, whole answers with quotes."""

from pathlib import Path

from common import Find, Row

from qa import Assistant


def build(texts: list[Row], folder: Path) -> None:
    """A file for each text, named by its title in a folder named by its number, then the index."""
    for number, title, text in texts:
        place = folder / "corpus" / number
        place.mkdir(parents=True)
        (place / f"{title.replace('/', ' ')[:80]}.txt").write_text(text, "utf-8")
    Assistant.open(folder / "corpus", folder / "index")


def searcher(folder: Path) -> Find:
    """Opening checks that the index is up to date with the files."""
    assistant = Assistant.open(folder / "corpus", folder / "index", threshold=0)
    return lambda question: [hit.passage.document_id.split("/")[0] for hit in assistant.ask(question).hits]

"""What a converter gives back, and the limits that all of them keep to."""

from dataclasses import dataclass

from qa.errors import CorpusError

MAX_TEXT = 20_000_000  # characters of a document's text, about twenty Bibles


@dataclass(frozen=True, slots=True)
class Converted:
    """A file's text as Markdown, the title that it gives itself, and where in the text each of its pages begins."""

    text: str
    title: str | None = None
    pages: tuple[int, ...] = ()


def too_long(characters: int) -> None:
    """Raise CorpusError where a text has grown beyond what is read."""
    if characters > MAX_TEXT:
        raise CorpusError(f"too large: more than {MAX_TEXT // 10**6} million characters of text")

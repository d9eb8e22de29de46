"""A folder of Sphinx's HTML pages → texts without their headings, and the headings as questions."""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

WORDS = 150  # at most in a text, so that the encoder rarely has to cut one
MIN_WORDS = 3  # of a heading that is asked
BLOCKS = {"p", "li", "dt", "dd", "tr", "pre", "blockquote", "div", "section"}
VOID = {"br", "hr", "img", "input", "link", "meta", "col", "wbr"}
NUMBER = re.compile(r"^\s*\d+(\.\d+)*\.\s+")  # of a section
HEADINGS = {f"h{level}" for level in range(1, 7)}
LEFT_OUT = {"headerlink", "toctree-wrapper", "contents"}  # classes of permalinks and tables of contents
LISTS = ("genindex", "index", "contents", "search", "py-modindex", "changelog", "download")  # pages that list others


class Text(NamedTuple):
    """A text to index; a long section makes several."""

    id: str
    title: str
    text: str
    section: str


class Question(NamedTuple):
    """A question and the section that answers it."""

    question: str
    section: str


class Section(NamedTuple):
    """A heading and the paragraphs below it, up to the next heading."""

    heading: str
    paragraphs: list[str]


class _Page(HTMLParser):
    """The sections in a page's `role="main"`, or in all of it where there is none."""

    def __init__(self, whole: bool) -> None:
        super().__init__()
        self.sections: list[Section] = []
        self._inside = int(whole)  # depth below the main element, 0 outside
        self._skipped = 0  # depth below an element that is left out
        self._heading: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        main = attributes.get("role") == "main"
        if not (self._inside or main):
            return
        if tag in VOID:
            self.handle_data("\n" if tag == "br" else "")
            return
        self._inside += 1
        if self._skipped or LEFT_OUT & set((attributes.get("class") or "").split()) or tag in {"script", "style"}:
            self._skipped += 1
        elif tag in HEADINGS:
            self._break()
            self._heading = ""
        elif tag in BLOCKS:
            self._break()

    def handle_endtag(self, tag: str) -> None:
        if not self._inside or tag in VOID:
            return
        self._inside -= 1
        if self._skipped:
            self._skipped -= 1
        elif tag in HEADINGS and self._heading is not None:
            self.sections.append(Section(_plain(NUMBER.sub("", self._heading)), []))
            self._heading = None
        elif tag in BLOCKS:
            self._break()

    def handle_data(self, data: str) -> None:
        if not self._inside or self._skipped:
            return
        if self._heading is None:
            self._text += data
        else:
            self._heading += data

    def close(self) -> None:
        super().close()
        self._break()

    def _break(self) -> None:
        if (text := _plain(self._text)) and self.sections:
            self.sections[-1].paragraphs.append(text)
        self._text = ""


def sections(page: str) -> list[Section]:
    """Return the sections of an HTML page that have a heading, in order."""
    parser = _Page(whole='role="main"' not in page)
    parser.feed(page)
    parser.close()
    return parser.sections


def read(folder: Path, limit: int = 0) -> tuple[list[Text], list[Question]]:
    """Read a folder, or random pages of it with about `limit` texts, and return the texts and questions about them."""
    pages = [path for path in sorted(folder.rglob("*.html")) if not path.stem.startswith(LISTS)]
    if limit:
        random.Random(7).shuffle(pages)
    texts: list[Text] = []
    headings: list[Question] = []
    for path in pages:
        if limit and len(texts) >= limit:
            break
        in_page = sections(path.read_text("utf-8", errors="replace"))
        name = path.relative_to(folder).as_posix()
        for number, section in enumerate(in_page):
            place = f"{name}#{number}"
            chunks = list(_chunks(section.paragraphs))
            texts += [Text(f"{place}.{n}", in_page[0].heading, chunk, place) for n, chunk in enumerate(chunks)]
            if chunks and number:
                headings.append(Question(section.heading, place))
    count = Counter(heading.question.lower() for heading in headings)
    askable = [h for h in headings if count[h.question.lower()] == 1 and len(h.question.split()) >= MIN_WORDS]
    return texts, askable


def _chunks(paragraphs: Sequence[str]) -> Iterator[str]:
    """Yield whole paragraphs joined, up to WORDS words; a longer one is cut."""
    chunk: list[str] = []
    for paragraph in paragraphs:
        words = paragraph.split()
        for start in range(0, len(words), WORDS):
            piece = words[start : start + WORDS]
            if chunk and sum(len(p.split()) for p in chunk) + len(piece) > WORDS:
                yield "\n".join(chunk)
                chunk = []
            chunk.append(" ".join(piece))
    if chunk:
        yield "\n".join(chunk)


def _plain(text: str) -> str:
    return " ".join(text.split())

"""How much of files' words the converters keep, beside other parsers of the same files: see docs/formats.md.

Give it folders of real files. What a file holds is told by a simple reading of its own here: the HTML without what is
marked as navigation, the chapters of an e-book, the runs of text in Office's XML, and for PDF by poppler's pdftotext.
Parsers that aren't installed are left out, and so are kinds of which a folder has none.
"""

import argparse
import io
import re
import shutil
import signal
import statistics
import subprocess
import time
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from selectolax.lexbor import LexborHTMLParser

from qa.documents.convert import convert

LIMIT_S = 60  # for one file
NAVIGATION = (
    "nav, header, footer, script, style, head, [role=navigation], .related, .sphinxsidebar, .footer, .navheader, "
    ".navfooter, .docnav, #title"
)

Words = Counter[str]
Parser = Callable[[bytes], str]


class Truth(NamedTuple):
    """The words that a file's reader is to get, and those that are none of its own."""

    own: Words
    others: Words


class Result(NamedTuple):
    """Shares of a file's own words that are kept, of what is given that is its own, and of the others left in."""

    kept: float
    own: float
    left_in: float | None
    seconds: float


def words(text: str) -> Words:
    """How often each word is in a text, whatever its form: ² is 2, and ﬁ is fi."""
    return Counter(re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower()))


# What files hold


def in_html(data: bytes) -> Truth:
    """A page's own part, and its navigation, headers and footers."""
    page = LexborHTMLParser(data)
    page.strip_tags(["script", "style", "head"])
    others = " ".join(node.text(separator=" ") for node in page.css(NAVIGATION))
    for node in page.css(NAVIGATION):
        node.decompose()
    return Truth(words(page.text(separator=" ")), words(others))


def in_epub(data: bytes) -> Truth:
    """The chapters of an e-book, but for the one that is its table of contents."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        package = ElementTree.fromstring(book.read("META-INF/container.xml")).find(".//{*}rootfile")
        path = package.get("full-path", "") if package is not None else ""
        tree = ElementTree.fromstring(book.read(path))
        items = {item.get("id"): item for item in tree.findall(".//{*}item")}
        spine = [items.get(entry.get("idref")) for entry in tree.findall(".//{*}itemref")]
        own: Words = Counter()
        for item in spine:
            if item is not None and "nav" not in item.get("properties", "").split():
                page = LexborHTMLParser(book.read((Path(path).parent / item.get("href", "")).as_posix()))
                page.strip_tags(["script", "style", "head"])
                own += words(page.text(separator=" "))
        return Truth(own, Counter())


def in_pdf(data: bytes) -> Truth:
    """What pdftotext finds."""
    found = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, timeout=LIMIT_S, check=False)
    return Truth(words(found.stdout.decode("utf-8", "replace")), Counter())


def in_docx(data: bytes) -> Truth:
    """The text of the document with its notes, without what is deleted."""
    return _in_xml(data, r"word/(?:document|footnotes|endnotes)\.xml")


def in_pptx(data: bytes) -> Truth:
    """The text of the slides."""
    return _in_xml(data, r"ppt/slides/slide\d+\.xml")


def _in_xml(data: bytes, parts: str) -> Truth:
    own: Words = Counter()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if re.fullmatch(parts, name):
                own += words("".join(_runs(ElementTree.fromstring(archive.read(name)))))
    return Truth(own, Counter())


def _runs(element: ElementTree.Element) -> Iterator[str]:
    tag = element.tag.rpartition("}")[2]
    if tag in ("del", "moveFrom", "Fallback", "instrText"):
        return
    if tag == "t":
        yield element.text or ""
    elif tag in ("p", "tab", "br"):
        yield " "
    for child in element:
        yield from _runs(child)


# Parsers


def parsers(suffix: str) -> Iterator[tuple[str, Parser]]:
    """Those of a kind that are installed, by their names, ours first."""
    yield "this project", lambda data: convert(data, suffix).text
    for name, make in OTHERS.get(suffix, {}).items():
        with suppress(ImportError):
            yield name, make()


def trafilatura() -> Parser:
    """The part of a page that it takes for the main one."""
    from trafilatura import extract

    return lambda data: extract(data, include_tables=True) or ""


def markdownify() -> Parser:
    """A page without scripts and styles, as markitdown uses it."""
    from markdownify import markdownify as made

    return lambda data: str(made(data.decode("utf-8", "replace"), strip=["script", "style"]))


def inscriptis() -> Parser:
    """A page's whole text."""
    from inscriptis import get_text

    return lambda data: str(get_text(data.decode("utf-8", "replace")))


def pypdf() -> Parser:
    """A PDF's pages."""
    from pypdf import PdfReader

    return lambda data: "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def pdfminer() -> Parser:
    """A PDF's text, as markitdown takes it."""
    from pdfminer.high_level import extract_text

    return lambda data: str(extract_text(io.BytesIO(data)))


def python_docx() -> Parser:
    """A document's paragraphs, and the cells of its tables."""
    from docx import Document

    def text(data: bytes) -> str:
        document = Document(io.BytesIO(data))
        cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
        return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])

    return text


def mammoth() -> Parser:
    """A document's text."""
    from mammoth import extract_raw_text

    return lambda data: str(extract_raw_text(io.BytesIO(data)).value)


def python_pptx() -> Parser:
    """The texts and the cells of a presentation's shapes."""
    from pptx import Presentation

    def texts(shapes: Any) -> Iterator[str]:
        for shape in shapes:
            if shape.has_text_frame:
                yield shape.text_frame.text
            if getattr(shape, "has_table", False):
                yield from (cell.text for row in shape.table.rows for cell in row.cells)
            yield from texts(getattr(shape, "shapes", ()))

    return lambda data: "\n".join(text for s in Presentation(io.BytesIO(data)).slides for text in texts(s.shapes))


def markitdown(suffix: str) -> Callable[[], Parser]:
    """A file as Markdown."""

    def make() -> Parser:
        from markitdown import MarkItDown, StreamInfo

        converter = MarkItDown()
        return lambda data: str(converter.convert_stream(io.BytesIO(data), stream_info=StreamInfo(extension=suffix)))

    return make


TRUTHS = {".html": in_html, ".epub": in_epub, ".pdf": in_pdf, ".docx": in_docx, ".pptx": in_pptx}
OTHERS: dict[str, dict[str, Callable[[], Parser]]] = {
    ".html": {"trafilatura": trafilatura, "markdownify": markdownify, "inscriptis": inscriptis},
    ".epub": {"markitdown": markitdown(".epub")},
    ".pdf": {"pypdf": pypdf, "pdfminer.six": pdfminer},
    ".docx": {"python-docx": python_docx, "mammoth": mammoth, "markitdown": markitdown(".docx")},
    ".pptx": {"python-pptx": python_pptx, "markitdown": markitdown(".pptx")},
}


# Measuring


def measured(parser: Parser, data: bytes, truth: Truth) -> Result | None:
    """What a parser gives of a file; None where it fails or takes too long."""
    began = time.perf_counter()
    signal.alarm(LIMIT_S)
    try:
        found = words(parser(data))
    except (Exception, SystemExit):
        return None
    finally:
        signal.alarm(0)
    seconds = time.perf_counter() - began
    more = (found - truth.own) & truth.others
    left_in = more.total() / truth.others.total() if truth.others else None
    own = (found & truth.own).total()
    return Result(own / truth.own.total(), own / max(1, found.total()), left_in, seconds)


def compare(files: Sequence[Path], suffix: str) -> Iterator[str]:
    """The rows of a table, one for each parser: averages over the files that any words are known of."""
    known = []
    for path in files:
        with suppress(Exception):  # encrypted and damaged ones have none
            data = path.read_bytes()
            if (truth := TRUTHS[suffix](data)).own.total():
                known.append((data, truth))
    yield f"| {suffix}, {len(known)} files | kept | of what it gives | left in | ms a file | failed |"
    yield "|---|---|---|---|---|---|"
    for name, parser in parsers(suffix) if known else ():
        results = [measured(parser, data, truth) for data, truth in known]
        found = [result for result in results if result]
        if not found:
            continue
        left_in = [result.left_in for result in found if result.left_in is not None]
        cells = [f"{statistics.fmean(result.kept for result in found):.3f}"]
        cells += [f"{statistics.fmean(result.own for result in found):.3f}"]
        cells += [f"{statistics.fmean(left_in):.3f}" if left_in else ""]
        cells += [f"{1000 * statistics.fmean(result.seconds for result in found):.0f}"]
        yield f"| {name} | {' | '.join(cells)} | {len(results) - len(found)} |"


def evenly(files: Sequence[Path], most: int) -> list[Path]:
    """So many of the files at most, from all over them."""
    return [files[n * len(files) // min(most, len(files))] for n in range(min(most, len(files)))]


def _late(*_: object) -> None:
    raise TimeoutError(f"took longer than {LIMIT_S} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="of files, each a table of its own for each kind")
    parser.add_argument("--kind", choices=TRUTHS, action="append", help="of all if none is given")
    parser.add_argument("--files", type=int, default=100, help="at most of each kind in each folder")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _late)
    for folder in options.folders:
        print(f"{folder.name}\n")
        for suffix in options.kind or TRUTHS:
            files = sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file() and not path.is_symlink())
            if files and (suffix != ".pdf" or shutil.which("pdftotext")):
                print("\n".join(compare(evenly(files, options.files), suffix)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()

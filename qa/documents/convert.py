"""The converter for each kind of file: bytes → text, blocks, links, title and pages."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from qa.documents.converted import Converted, nothing, too_long
from qa.errors import CorpusError

VERSION = 14  # raise it where converters come to give something else: every file is then converted anew
KINDS = {
    ".txt": "formats.plain:convert_txt",
    ".md": "formats.markdown:convert_md",
    ".html": "formats.html.page:convert_html",
    ".htm": "formats.html.page:convert_html",
    ".xhtml": "formats.html.page:convert_html",
    ".pdf": "formats.pdf.document:convert_pdf",
    ".docx": "formats.office.docx:convert_docx",
    ".pptx": "formats.office.pptx:convert_pptx",
    ".xlsx": "formats.office.xlsx:convert_xlsx",
    ".csv": "formats.tables:convert_csv",
    ".tsv": "formats.tables:convert_tsv",
    ".jsonl": "formats.tables:convert_jsonl",
    ".epub": "formats.epub:convert_epub",
    ".rst": "formats.rst:convert_rst",
    ".srt": "formats.subtitles:convert_srt",
    ".vtt": "formats.subtitles:convert_vtt",
    ".png": "ocr.scans:convert_picture",
    ".jpg": "ocr.scans:convert_picture",
    ".jpeg": "ocr.scans:convert_picture",
    ".tif": "ocr.scans:convert_picture",
    ".tiff": "ocr.scans:convert_picture",
}
LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # no text in UTF-8 can have it
SCANS = (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff")  # these can have pages that are pictures
PLAIN = (".txt",)  # this needs no library and no process of their own


def convert(data: bytes, suffix: str, on_scan: Callable[[], None] = nothing) -> Converted:
    """Find the text in a file's bytes, of the kind that the ending of its name tells: one of KINDS.

    `on_scan` is called before each page that is read from a picture: that takes seconds, and more memory than any other
    file may have.

    Raises CorpusError with the reason where there is no text: "encrypted: …", "damaged: …", "empty", "too large: …",
    "scanned without text: …" or "not text: …".
    """
    if not data.strip():
        raise CorpusError("empty")
    module, _, name = KINDS[suffix].partition(":")
    converter: Callable[..., Converted] = getattr(import_module(f"{__package__}.{module}"), name)
    try:
        converted = converter(data, on_scan) if suffix in SCANS else converter(data)
    except RecursionError:
        raise CorpusError("damaged: its parts are too deep inside one another") from None
    if not converted.text.strip():
        raise CorpusError("empty")
    too_long(len(converted.text))
    title = LONE_SURROGATE.sub("\ufffd", converted.title) if converted.title else None
    return replace(converted, text=LONE_SURROGATE.sub("\ufffd", converted.text), title=title)

"""The converter for each kind of file: bytes → text, blocks, links, title and pages."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from qa.errors import CorpusError
from qa.formats.converted import Converted, nothing, too_long

KINDS = {
    ".txt": "text:convert_txt",
    ".md": "markdown:convert_md",
    ".html": "markup:convert_html",
    ".htm": "markup:convert_html",
    ".xhtml": "markup:convert_html",
    ".pdf": "pdf:convert_pdf",
    ".docx": "word:convert_docx",
    ".pptx": "slides:convert_pptx",
    ".xlsx": "sheets:convert_xlsx",
    ".csv": "records:convert_csv",
    ".tsv": "records:convert_tsv",
    ".jsonl": "records:convert_jsonl",
    ".epub": "books:convert_epub",
    ".rst": "restructured:convert_rst",
    ".srt": "subtitles:convert_srt",
    ".vtt": "subtitles:convert_vtt",
    ".png": "scans:convert_picture",
    ".jpg": "scans:convert_picture",
    ".jpeg": "scans:convert_picture",
    ".tif": "scans:convert_picture",
    ".tiff": "scans:convert_picture",
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

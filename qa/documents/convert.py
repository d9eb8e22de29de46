"""The bytes of a file of any kind that is known → its text, blocks, links, title and pages."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from qa.documents.converted import Converted, too_long
from qa.errors import CorpusError

VERSION = 13  # raise it where converters come to give something else: every file is then converted anew
KINDS = {
    ".txt": "formats.plain:convert_txt",
    ".md": "formats.markdown:convert_md",
    ".html": "formats.html:convert_html",
    ".htm": "formats.html:convert_html",
    ".xhtml": "formats.html:convert_html",
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
PLAIN = (".txt",)  # this needs no library and no process of their own


def convert(data: bytes, suffix: str) -> Converted:
    """The text in a file's bytes, of the kind that the ending of its name tells: one of KINDS.

    Raises CorpusError with the reason where there is none: "encrypted: …", "damaged: …", "empty", "too large: …",
    "scanned without text: …" or "not text: …".
    """
    if not data.strip():
        raise CorpusError("empty")
    kind = KINDS[suffix]
    module, _, name = kind.partition(":")
    converter: Callable[[bytes], Converted] = getattr(import_module(f"{__package__}.{module}"), name)
    try:
        converted = converter(data)
    except RecursionError:
        raise CorpusError("damaged: its parts are too deep inside one another") from None
    if not converted.text.strip():
        raise CorpusError("empty")
    too_long(len(converted.text))
    title = LONE_SURROGATE.sub("\ufffd", converted.title) if converted.title else None
    return replace(converted, text=LONE_SURROGATE.sub("\ufffd", converted.text), title=title)

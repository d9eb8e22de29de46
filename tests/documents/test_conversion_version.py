"""Conversions are kept under a version: whoever changes what a converter gives raises it."""

import hashlib

from documents.files import GOOD

from qa.documents.convert import VERSION, convert

RECORDED_VERSION = 14
RECORDED = {
    ".txt": "df3179019edf",
    ".md": "a3fb1c29e312",
    ".html": "cf2bcaeaa464",
    ".htm": "cf2bcaeaa464",
    ".xhtml": "cf2bcaeaa464",
    ".pdf": "8889d9f54aea",
    ".docx": "18a318d9c028",
    ".pptx": "6f3e2f04e703",
    ".xlsx": "a6755ef055c9",
    ".csv": "1580899c1daf",
    ".tsv": "1580899c1daf",
    ".jsonl": "012b27f4c114",
    ".epub": "c66a60ea4e75",
    ".rst": "bb11f0a86d29",
    ".srt": "2b6ac08440f9",
    ".vtt": "47bae2ae6496",
}


def digest(suffix: str) -> str:
    converted = convert(GOOD[suffix](), suffix)
    return hashlib.sha256(converted.dumped().encode()).hexdigest()[:12]


def test_whoever_changes_what_a_converter_gives_raises_its_version() -> None:
    assert (VERSION, {suffix: digest(suffix) for suffix in GOOD}) == (RECORDED_VERSION, RECORDED), (
        "a converter gives something else: raise VERSION in qa/documents/convert.py, so that files are converted anew, "
        "and record it here with the new digests"
    )

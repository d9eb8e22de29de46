"""Conversions are kept under a version: whoever changes what a converter gives raises it."""

import hashlib

from documents.files import GOOD

from qa.documents.convert import VERSION, convert

RECORDED_VERSION = 13
RECORDED = {
    ".txt": "40ebc33f410c",
    ".md": "e7275f1b1629",
    ".html": "b8e7f4d863c9",
    ".htm": "b8e7f4d863c9",
    ".xhtml": "b8e7f4d863c9",
    ".pdf": "12360b7f8eb9",
    ".docx": "67015f851cf3",
    ".pptx": "520a366a5bd8",
    ".xlsx": "ca4d36177565",
    ".csv": "9cb18246b7ed",
    ".tsv": "9cb18246b7ed",
    ".jsonl": "b80d8d808ed4",
    ".epub": "e135bf755d87",
    ".rst": "05790eec3fd0",
    ".srt": "870688f54c67",
    ".vtt": "4404d34fa099",
}


def digest(suffix: str) -> str:
    converted = convert(GOOD[suffix](), suffix)
    return hashlib.sha256(converted.dumped().encode()).hexdigest()[:12]


def test_whoever_changes_what_a_converter_gives_raises_its_version() -> None:
    assert (VERSION, {suffix: digest(suffix) for suffix in GOOD}) == (RECORDED_VERSION, RECORDED), (
        "a converter gives something else: raise VERSION in qa/documents/convert.py, so that files are converted anew, "
        "and record it here with the new digests"
    )

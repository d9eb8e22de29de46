"""Bytes → text, in whatever encoding they are, and the kinds of file that are nothing but text: .txt and .md."""

import codecs
import re
from collections import Counter
from contextlib import suppress

from qa.blocks import structure, title
from qa.errors import CorpusError
from qa.formats.converted import Converted

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
BEGINNING = 4000  # characters of a plain text that its title is looked for in
SAMPLE = 64 * 1024  # bytes that an encoding is guessed from
MOST_BINARY = 0.01  # of a text's bytes: with more control characters than that it is none
LIKELY = (
    "utf_8 cp1252 cp1251 cp1250 iso8859_2 koi8_r cp1253 cp1254 cp1255 cp1256 cp1257 cp866 shift_jis cp932 euc_jp "
    "gb18030 big5 euc_kr iso2022_jp"
).split()
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
FIELD = re.compile(r"^title[ \t]*:[ \t]*(.*?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
TOML = re.compile(r"\A\+\+\+[ \t]*\n(.*?)\n\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
TOML_FIELD = re.compile(r"^title[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)


def decode(data: bytes, declared: str | None = None) -> str:
    """The text in a file's bytes, each of its lines ended by a line feed.

    `declared` is the encoding that it names itself; one that doesn't fit is not believed. Raises CorpusError where
    the bytes are no text.
    """
    return _decode(data, declared).replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, declared: str | None) -> str:
    for mark, marked in BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(marked, "replace")
    if unmarked := _unmarked_utf_16(data):
        return data.decode(unmarked, "replace")
    sample = data[:SAMPLE]
    if len(BINARY.findall(sample)) > MOST_BINARY * len(sample):
        raise CorpusError("not text: it has bytes that no text has")
    if data.isascii() and b"\x1b$" not in sample:  # ISO-2022-JP is of ASCII's bytes alone
        return data.decode("ascii")
    for encoding in ("utf-8", declared) if not data.isascii() else ():
        if encoding:
            with suppress(UnicodeError, LookupError):
                return data.decode(encoding)
    return _guess(data)


def _unmarked_utf_16(data: bytes) -> str | None:
    """UTF-16 without its mark, by the few bytes at one of its two places: 0 for Latin, 4 for Cyrillic."""
    sample = data[: SAMPLE // 16 * 2]
    if len(sample) < 8:
        return None
    for encoding, high, low in (("utf-16-le", sample[1::2], sample[::2]), ("utf-16-be", sample[::2], sample[1::2])):
        (byte, times), *more = Counter(high).most_common(2)
        times += more[0][1] if more else 0
        if byte < 8 and times > 0.8 * len(high) and low.count(0) < 0.05 * len(low):
            return encoding
    return None


def _guess(data: bytes) -> str:
    """The text in the encoding that makes most sense of it."""
    from charset_normalizer import from_bytes

    broken = data.decode("utf-8", "replace")
    bad = broken.count("\ufffd")
    if sum(1 for character in broken if character > "\x7f") > 5 * bad:  # a UTF-8 text with a few damaged bytes
        return broken
    lines = b"\n".join(line for line in data[: 16 * SAMPLE].splitlines() if not line.isascii())[:SAMPLE]
    best = from_bytes(lines or data[:SAMPLE], cp_isolation=LIKELY).best()
    if best is not None:
        with suppress(UnicodeError):
            return data.decode(best.encoding)
    return data.decode(best.encoding if best else "cp1252", "replace")


def convert_txt(data: bytes) -> Converted:
    """A plain text, as it is; its title is the heading that it begins with, if it does."""
    text = decode(data)
    first = next(structure(text[:BEGINNING]), None)
    return Converted(text, " ".join(text[first.start : first.end].split()) if first and first.level else None)


def convert_md(data: bytes) -> Converted:
    """A Markdown text as it is but for its front matter; its title is the one named there, else its top heading."""
    text = decode(data)
    for block, field in ((FRONT_MATTER, FIELD), (TOML, TOML_FIELD)):
        if front := block.match(text):
            named = field.search(front[1])
            body = text[front.end() :]
            found = (named[1].strip("\"'") if named else "") or title(body)
            return Converted(body, found or None) if body.strip() else Converted(text, found or None)
    return Converted(text, title(text))

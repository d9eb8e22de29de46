"""Plain text: bytes → text, whatever their encoding, and the converter for .txt."""

import codecs
import re
from collections import Counter
from contextlib import suppress

from qa.documents.converted import Converted
from qa.documents.writing.parts import Part, written
from qa.documents.writing.words import RESERVED
from qa.errors import CorpusError
from qa.text.blocks import plain_blocks

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
WRAPPED = 45  # characters; a paragraph's lines, but for its last, are wrapped where all are at least this long
SAMPLE = 64 * 1024  # bytes that an encoding is guessed from
MOST_BINARY = 0.01  # of a text's bytes: with more control characters than that it is none
LIKELY = (
    "utf_8 cp1252 cp1251 cp1250 iso8859_2 koi8_r cp1253 cp1254 cp1255 cp1256 cp1257 cp866 shift_jis cp932 euc_jp "
    "gb18030 big5 euc_kr iso2022_jp"
).split()
AS_BROWSERS = {  # what calls itself the one is the other, by the Encoding Standard of the WHATWG
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1", "us-ascii", "ascii"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "latin5"), "cp1254"),
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
    "iso-8859-11": "cp874",
}
NEIGHBOURS = ("cp1250", "iso8859_2", "cp1257")  # that a western text is taken for
SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[¹³¿¾¼¥£¯º](?![\d])")


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode a file's bytes; each line ends with a line feed.

    `declared` is the encoding that it names itself; one that doesn't fit is not believed. Raises CorpusError where
    the bytes are no text.
    """
    return RESERVED.sub("\ufffd", _decode(data, declared)).replace("\r\n", "\n").replace("\r", "\n")


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
    read_as = AS_BROWSERS.get(declared.lower(), declared) if declared else None
    for encoding in ("utf-8", read_as, declared) if not data.isascii() else ():
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
    """Decode in the encoding that makes most sense of the bytes."""
    from charset_normalizer import from_bytes

    broken = data.decode("utf-8", "replace")
    bad = broken.count("\ufffd")
    if sum(1 for character in broken if character > "\x7f") > 5 * bad:  # a UTF-8 text with a few damaged bytes
        return broken
    lines = b"\n".join(line for line in data[: 16 * SAMPLE].splitlines() if not line.isascii())[:SAMPLE]
    best = from_bytes(lines or data[:SAMPLE], cp_isolation=LIKELY).best()
    encodings = [best.encoding] if best else []
    if best and best.encoding in NEIGHBOURS and _is_western(lines.decode("cp1252", "replace")):
        encodings.insert(0, "cp1252")
    for encoding in encodings:
        with suppress(UnicodeError):
            return data.decode(encoding)
    return data.decode(best.encoding if best else "cp1252", "replace")


def _is_western(text: str) -> bool:
    """Whether a text makes sense as Windows-1252: others, read so, have signs in words, or letters that don't meet.

    "był" becomes "by³", "říká" "øíká" beside a "š", "fűtő" "fûtõ" beside an "ö", "toți" "toþi" in no Icelandic.
    """
    letters = set(text.lower())
    foreign = len(SIGN_IN_WORD.findall(text)) > 0.05 * sum(character > "\x7f" for character in text)
    czech = not letters.isdisjoint("šž") and not letters.isdisjoint("èìøùïò")
    hungarian = "û" in letters and not letters.isdisjoint("öü") and letters.isdisjoint("çêàè")
    romanian = "þ" in letters and letters.isdisjoint("ðæö")
    return not (foreign or czech or hungarian or romanian)


def convert_txt(data: bytes) -> Converted:
    """Convert a plain text; wrapped lines are joined, and a heading at its start is the title."""
    text = decode(data)
    blocks = plain_blocks(text)
    parts = []
    for block in blocks:
        words = text[block.start : block.end]
        wrapped = block.kind == "item" or _is_wrapped(words)
        words = " ".join(words.split()) if wrapped else "\n".join(" ".join(line.split()) for line in words.splitlines())
        parts.append(Part(block.kind, words, block.level, block.list, block.opens))
    title = parts[0].words if parts and parts[0].kind == "heading" else None
    return written(parts, title)


def _is_wrapped(words: str) -> bool:
    """Tell whether a paragraph's lines are wrapped at a page's width, unlike a verse, an address or a listing."""
    lines = words.splitlines()
    return min(map(len, lines[:-1]), default=0) >= WRAPPED

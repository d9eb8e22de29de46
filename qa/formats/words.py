"""The words of a part: their signs and marks, and how lines become one text.

What is no word stands between characters that no text can have, as Unicode keeps U+FDD0 to U+FDEF for a program's own
use: where a link begins, its target and its end, and where a page begins.
"""

import re

TARGET, WORDS, END, PAGE = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"  # of a link, of its words, its end; a page begins
MARK = re.compile(f"{TARGET}([^{WORDS}]*){WORDS}|{END}|{PAGE}")
LIVE = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)  # addresses that a link may lead to
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\x00-\x08\x0e-\x1f\x7f]")
RESERVED = re.compile("[\ufdd0-\ufdef]")
RAISED = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
LOWERED = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")


def one_line(text: str) -> str:
    """The words of a text on one line, without characters that nobody sees."""
    return " ".join(INVISIBLE.sub("", text).split())


def bare(words: str) -> str:
    """Words without what stands between them that is no word."""
    return MARK.sub("", words)


def linked(words: str, target: str) -> str:
    """Words that lead to a target."""
    target = RESERVED.sub("", "".join(target.split()))
    return f"{TARGET}{target}{WORDS}{words}{END}" if target and words.strip() else words


def raised(text: str) -> str:
    """Digits and signs as they are written above a line; letters, as of 19th, have no other form that is read well."""
    return _moved(text, RAISED, "^")


def lowered(text: str) -> str:
    """The same for below a line."""
    return _moved(text, LOWERED, "_")


def _moved(text: str, table: dict[int, int], mark: str) -> str:
    words = text.strip()
    if not words or MARK.search(words):
        return text
    moved = words.translate(table)
    if all(ord(character) in table for character in words):
        return text.replace(words, moved)
    return text.replace(words, f"{mark}({words})") if any(map(str.isdecimal, words)) else text

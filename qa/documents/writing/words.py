"""Words of a document, the marks among them, and how lines are joined.

What is no word stands between characters that no text can have, as Unicode keeps U+FDD0 to U+FDEF for a program's own
use: where a link begins, its target and its end, where a page begins, and where a line stands in a picture of its page.
"""

import re
from collections.abc import Container

TARGET, WORDS, END, PAGE = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"  # of a link, of its words, its end; a page begins
PLACE = "\ufdd4"  # of a line in the picture of its page, the numbers of a ScannedLine; its words follow
MARK = re.compile(f"{TARGET}([^{WORDS}]*){WORDS}|{END}|{PAGE}|{PLACE}([^{WORDS}]*){WORDS}")
LIVE = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)  # addresses that a link may lead to
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\x00-\x08\x0e-\x1f\x7f]")
RESERVED = re.compile("[\ufdd0-\ufdef]")
RAISED = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
SENTENCE_END = re.compile(r"[.?!:;…。？！][\"'”’»)\]⁰¹²³⁴⁵⁶⁷⁸⁹]*$")
LONGEST_WORD = 100  # characters
PARTED = re.compile(rf"(\w+)({END}?)[-‐]({END}?)$")
AND = re.compile(r"(?:and|or|to|und|oder|bzw|bis|et|ou|y|o|e|och|en|of|и|или)\b")  # after a hyphen that stays
LINKED = re.compile(f"{TARGET}([^{WORDS}]*){WORDS}[^{END}]*{END}")
LOWERED = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")


def one_line(text: str) -> str:
    """Put a text on one line, without characters that nobody sees."""
    return " ".join(INVISIBLE.sub("", text).split())


def bare(words: str) -> str:
    """Strip the marks from words."""
    return MARK.sub("", words)


def linked(words: str, target: str) -> str:
    """Mark words as a link to a target."""
    target = RESERVED.sub("", "".join(target.split()))
    return f"{TARGET}{target}{WORDS}{words}{END}" if target and words.strip() else words


def raised(text: str) -> str:
    """Write digits and signs as superscripts; letters, such as those of 19th, stay as they are."""
    return _moved(text, RAISED, "^")


def lowered(text: str) -> str:
    """Write digits and signs as subscripts."""
    return _moved(text, LOWERED, "_")


def _moved(text: str, table: dict[int, int], mark: str) -> str:
    words = text.strip()
    if not words or MARK.search(words):
        return text
    moved = words.translate(table)
    if all(ord(character) in table for character in words):
        return text.replace(words, moved)
    return text.replace(words, f"{mark}({words})") if any(map(str.isdecimal, words)) else text


def joined(above: str, below: str, hyphenated: Container[str] = ()) -> str:
    """Join two lines, without the hyphen of a word that is split between them.

    It stays in words that are `hyphenated`, in numbers, and before a capital letter. A link goes on.
    """
    between, plain = " ", bare(below)
    parted = PARTED.search(above, max(0, len(above) - LONGEST_WORD))
    if parted and plain[:1].isalnum() and not AND.match(plain):
        rest = re.match(r"[^\W\d_]*", plain)
        compound = f"{parted[1]}-{rest[0] if rest else ''}".lower()
        is_kept = not plain[:1].islower() or not parted[1].isalpha() or compound in hyphenated
        above = f"{above[: parted.start()]}{parted[1]}{parted[2]}{'-' if is_kept else ''}{parted[3]}"
        between = ""
    link = LINKED.match(above, above.rfind(TARGET)) if above.endswith(END) else None
    if link and below.startswith(goes_on := f"{TARGET}{link[1]}{WORDS}"):
        return f"{above[:-1]}{between}{below[len(goes_on) :]}"
    return f"{above}{between}{below}"

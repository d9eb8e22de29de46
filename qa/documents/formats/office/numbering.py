"""The numbers that Word shows before headings and items, which it computes and stores nowhere."""

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from qa.documents.writing.parts import counted

KINDS = {"lowerLetter": "a", "upperLetter": "A", "lowerRoman": "i", "upperRoman": "I"}
SILENT = ("bullet", "none")
PLACE = re.compile(r"%([1-9])")
DEEPEST = 8  # of the levels of a list, the first of which is 0


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    kind: str
    text: str  # "%1.%2": the numbers of the first two levels
    style: str
    legal: bool  # all numbers in it are decimal
    below: int  # begins anew below levels above this one


@dataclass(slots=True)
class _List:
    levels: dict[int, _Level]
    counts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Counts the paragraphs of each list, to be asked in the order of the document."""

    def __init__(self, part: Element | None) -> None:
        self._lists: dict[str, _List] = {}
        self._numbers: dict[str, tuple[str, dict[int, int]]] = {}  # a list and where some of its levels begin anew
        self._changed: dict[tuple[str, int], _Level] = {}  # levels that one number of a list has of its own
        self._begun: set[tuple[str, int]] = set()
        kept = list(part.iter("abstractNum")) if part is not None else []
        for one in kept:
            levels = {integer(level.get(":ilvl", "")): _level(level) for level in one.findall("lvl")}
            self._lists[one.get(":abstractNumId", "")] = _List(levels)
        linked = {value(one, "styleLink"): self._lists[one.get(":abstractNumId", "")] for one in kept}
        for one in kept:  # those that a style has the levels of
            if (style := value(one, "numStyleLink")) and style in linked:
                self._lists[one.get(":abstractNumId", "")] = linked[style]
        for one in part.iter("num") if part is not None else ():
            starts = {}
            for change in one.findall("lvlOverride"):
                depth = integer(change.get(":ilvl", ""))
                if start := value(change, "startOverride"):
                    starts[depth] = integer(start)
                if (own := change.find("lvl")) is not None:
                    self._changed[one.get(":numId", ""), depth] = _level(own)
            self._numbers[one.get(":numId", "")] = (value(one, "abstractNumId"), starts)

    def of_style(self, style: str, number: str = "") -> tuple[str, int] | None:
        """The list, of this number if one is given, that numbers paragraphs of a style, and their level in it."""
        for name, (key, _) in self._numbers.items():
            if number and name != number:
                continue
            for depth, level in (self._lists[key].levels if key in self._lists else {}).items():
                if style and level.style == style:
                    return name, depth
        return None

    def next(self, number: str, depth: int) -> str:
        """Return the number of the next paragraph of a list as it is shown, nothing for a bullet."""
        key, starts = self._numbers.get(number, ("", {}))
        found = self._lists.get(key)
        level = self._changed.get((number, depth)) or (found.levels.get(depth) if found else None)
        if found is None or level is None or depth > DEEPEST:
            return ""
        if depth in starts and (number, depth) not in self._begun:
            self._begun.add((number, depth))
            found.counts[depth] = starts[depth]
        else:
            found.counts[depth] = found.counts.get(depth, level.start - 1) + 1
        found.counts = {n: count for n, count in found.counts.items() if n <= depth or self._stays(found, n, depth)}
        if level.kind in SILENT:
            return ""

        def shown(place: re.Match[str]) -> str:
            at = int(place[1]) - 1
            return _shown(found, at, self._changed.get((number, at)) or found.levels.get(at), level.legal)

        return PLACE.sub(shown, level.text).strip()

    @staticmethod
    def _stays(found: _List, deeper: int, depth: int) -> bool:
        """Whether a deeper level goes on counting after one of this depth."""
        return (level := found.levels.get(deeper)) is not None and depth >= level.below


def _shown(found: _List, depth: int, level: _Level | None, legal: bool) -> str:
    if level is None:
        return ""
    number = found.counts.get(depth, level.start)
    if level.kind == "decimalZero" and not legal:
        return f"{number:02}"
    return counted(number, "1" if legal else KINDS.get(level.kind, "1"))


def _level(level: Element) -> _Level:
    legal = level.find("isLgl")
    start = value(level, "start")
    kind, text = value(level, "numFmt") or "decimal", value(level, "lvlText")
    if not text and level.find("lvlText") is None:
        text = f"%{integer(level.get(':ilvl', '')) + 1}."
    is_legal = legal is not None and legal.get(":val", "1") not in ("0", "false", "off")
    restart = level.find("lvlRestart")
    below = integer(restart.get(":val", "")) if restart is not None else DEEPEST + 1
    return _Level(integer(start) if start else 1, kind, text, value(level, "pStyle"), is_legal, below)


def value(element: Element, path: str) -> str:
    """Return the `val` of the element at a path, nothing if there is no such element."""
    found = element.find(path)
    return "" if found is None else found.get(":val", "")


def integer(text: str) -> int:
    """Parse a small number; 0 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0

"""Formulas on one line: "(a + b)/2", "x²", "√(n)"."""

import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from qa.documents.formats.office.numbering import value
from qa.documents.writing.words import lowered, raised

DELETED = frozenset(("del", "moveFrom"))  # with changes tracked
DEEPEST = 40  # parts of a formula inside one another


def fraction(above: str, below: str) -> str:
    """Write a fraction."""
    return f"{_grouped(above)}/{_grouped(below)}"


def scripted(words: str, below: str, above: str) -> str:
    """Write a base with its subscript and superscript."""
    return _grouped(words) + _beside(below, above)


def _beside(below: str, above: str) -> str:
    """Write a subscript and a superscript."""
    words = ""
    for text, sign, move in ((below, "_", lowered), (above, "^", raised)):
        moved = move(text)
        words += moved if not text or moved != text else f"{sign}{_grouped(text)}"
    return words


def _grouped(words: str) -> str:
    """Put a part of a formula in brackets unless it reads the same without."""
    return words if len(words) < 2 or re.fullmatch(r"[\w.,]*|√?\([^()]*\)", words) else f"({words})"


def of_office(element: Element, depth: int = 0) -> str:
    """Write a formula of an Office document (ECMA-376 part 1, 22.1)."""
    if element.tag == "t":
        return element.text or ""
    inside = [child for child in element if not child.tag.endswith("Pr") and child.tag not in DELETED]
    parts = [(child.tag, of_office(child, depth + 1)) for child in inside] if depth <= DEEPEST else []
    inner = {"e": "", "sub": "", "sup": "", "lim": ""} | dict(parts)
    match element.tag:
        case "f":
            words = fraction(inner.get("num", ""), inner.get("den", ""))
        case "rad":
            words = f"{raised(inner.get('deg', ''))}√({inner['e']})"
        case "sSup" | "sSub" | "sSubSup":
            words = scripted(inner["e"], inner["sub"], inner["sup"])
        case "nary":
            words = f"{value(element, 'naryPr/chr') or '∫'}{_beside(inner['sub'], inner['sup'])} {inner['e']}"
        case "limLow" | "limUpp":
            words = inner["e"] + _beside(inner["lim"], "")
        case "func":
            words = f"{inner.get('fName', '')} {inner['e']}"
        case "d":
            first, last = (element.find(f"dPr/{end}Chr") for end in ("beg", "end"))
            words = ", ".join(words for tag, words in parts if tag == "e")
            words = f"{_sign(first, '(')}{words}{_sign(last, ')')}"
        case _:
            between = {"m": "; ", "eqArr": "; ", "mr": " "}.get(element.tag, "")
            words = between.join(words for _, words in parts)
    return words


def _sign(element: Element | None, usual: str) -> str:
    return usual if element is None else element.get(":val", "")  # that of a bracket can be none


def of_mathml(tag: str, parts: Sequence[str], attributes: Mapping[str, str | None]) -> str:
    """Write an element of MathML, given the words of its children."""
    match tag, parts:
        case "mfrac", [above, below]:
            words = fraction(above, below)
        case "munder" | "mover", [base, sign] if len(sign.strip()) == 1 and not sign.isalnum():
            words = base + sign.strip()  # an accent or a brace
        case "msup" | "mover", [base, above]:
            words = scripted(base, "", above)
        case "msub" | "msubsup" | "munder" | "munderover", [base, below, *above]:
            words = scripted(base, below, "".join(above))
        case "msqrt", _:
            words = f"√({''.join(parts)})"
        case "mroot", [base, degree]:
            words = f"{raised(degree)}√({base})"
        case "mfenced", _:
            words = f"{attributes.get('open', '(')}{', '.join(parts)}{attributes.get('close', ')')}"
        case "mo", [sign] if sign in "=<>≤≥≠≈→":
            words = f" {sign} "
        case _:
            words = (" " if tag in ("mtr", "mtable", "mstack", "mlongdiv", "semantics") else "").join(parts)
    return words

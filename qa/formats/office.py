"""What the files of Office have in common: they are zip archives of XML, checked by `archive`.

What they link to outside of themselves isn't opened.
"""

import re
from xml.etree.ElementTree import Element

from qa.errors import CorpusError
from qa.formats.archive import Archive, resolve
from qa.formats.numbering import value
from qa.formats.writing import lowered, one_line, raised

NO_TITLES = re.compile(  # what a program puts there by itself
    r"(?:untitled|unbenannt|sans titre|do[ck]ument|presentation|slide|workbook)[ -]?\d*|(?:book|mappe)\d+"
    r"|powerpoint[- ]pr[äe]sentation|(?:présentation|presentación de|presentazione di) (?:microsoft )?powerpoint"
    r"|(?:microsoft )?word document|microsoft (?:office )?(?:word|powerpoint|excel) - .*|\W*\d*\W*"
    r"|(?:\S*|[\w ()-]+)\.(?:docx?|pptx?|xlsx?|odt|rtf|tex|dvi|pdf|indd|qxd|ps|exe|tmp)",
    re.IGNORECASE,
)
OFF = ("0", "false", "off", "none")
DELETED = frozenset(("del", "moveFrom"))
DEEPEST = 40  # parts of a formula inside one another


def opened(data: bytes, part: str, kind: str) -> Archive:
    """The archive that a file is, which must hold a part that every file of its kind has."""
    archive = Archive(data)
    if part not in archive:
        raise CorpusError(f"damaged: no {kind} in it")
    return archive


def core_title(archive: Archive) -> str | None:
    """The title among a file's properties, unless a program wrote it."""
    try:
        properties = archive.xml("docProps/core.xml")
    except CorpusError:
        return None
    title = one_line(properties.findtext("title") or "")
    return title if title and not NO_TITLES.fullmatch(title) else None


def links_of(archive: Archive, part: str, kind: str = "") -> dict[str, str]:
    """What a part calls other parts, each with that part's name; those outside of the archive are left out."""
    name = _links_part(part)
    if name not in archive:
        return {}
    return {
        link.get("Id", ""): resolve(part, link.get("Target", ""))
        for link in archive.xml(name).iter("Relationship")
        if link.get("TargetMode") != "External" and link.get("Type", "").endswith(kind)
    }


def addresses_of(archive: Archive, part: str) -> dict[str, str]:
    """What a part calls places outside of the archive, each with its address."""
    name = _links_part(part)
    if name not in archive:
        return {}
    links = archive.xml(name).iter("Relationship")
    return {link.get("Id", ""): link.get("Target", "") for link in links if link.get("TargetMode") == "External"}


def _links_part(part: str) -> str:
    folder, _, name = part.rpartition("/")
    return f"{folder}/_rels/{name}.rels".lstrip("/")


def main_part(archive: Archive, usual: str) -> str:
    """The name of the part that is the document itself, most often the usual one."""
    try:
        found = links_of(archive, "", "/officeDocument")
    except CorpusError:  # it is where it usually is
        found = {}
    name = next((part for part in found.values() if part in archive), usual)
    if name not in archive:
        raise CorpusError("damaged: no document in it")
    return name


def part_of(archive: Archive, main: str, kind: str) -> Element | None:
    """The part that belongs to the main one as `kind`; None where there is none, or where it is damaged."""
    name = next(iter(links_of(archive, main, kind).values()), "")
    try:
        return archive.xml(name) if name in archive else None
    except CorpusError:
        return None


def formula(element: Element, depth: int = 0) -> str:
    """A formula as one writes it on a line."""
    if element.tag == "t":
        return element.text or ""
    inside = [child for child in element if not child.tag.endswith("Pr") and child.tag not in DELETED]
    parts = [(child.tag, formula(child, depth + 1)) for child in inside] if depth <= DEEPEST else []
    inner = {"e": "", "sub": "", "sup": "", "lim": ""} | dict(parts)
    match element.tag:
        case "f":
            words = f"{grouped(inner.get('num', ''))}/{grouped(inner.get('den', ''))}"
        case "rad":
            words = f"{raised(inner.get('deg', ''))}√({inner['e']})"
        case "sSup" | "sSub" | "sSubSup":
            words = grouped(inner["e"]) + beside(inner["sub"], inner["sup"])
        case "nary":
            words = f"{value(element, 'naryPr/chr') or '∫'}{beside(inner['sub'], inner['sup'])} {inner['e']}"
        case "limLow" | "limUpp":
            words = inner["e"] + beside(inner["lim"], "")
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


def beside(below: str, above: str) -> str:
    """What stands at a sign's foot and at its head."""
    words = ""
    for text, sign, move in ((below, "_", lowered), (above, "^", raised)):
        moved = move(text)
        words += moved if not text or moved != text else f"{sign}{grouped(text)}"
    return words


def grouped(words: str) -> str:
    """A part of a formula, in brackets where it would be read otherwise without."""
    return words if len(words) < 2 or re.fullmatch(r"[\w.,]*|√?\([^()]*\)", words) else f"({words})"

"""What Office files have in common: they are zip archives of XML, checked by `archive`.

What they link to outside of themselves isn't opened.
"""

import re
from xml.etree.ElementTree import Element

from qa.documents.archive import Archive, resolve
from qa.documents.writing.words import one_line
from qa.errors import CorpusError

NO_TITLES = re.compile(  # what a program puts there by itself
    r"(?:untitled|unbenannt|sans titre|do[ck]ument|presentation|slide|workbook)[ -]?\d*|(?:book|mappe)\d+"
    r"|powerpoint[- ]pr[äe]sentation|(?:présentation|presentación de|presentazione di) (?:microsoft )?powerpoint"
    r"|(?:microsoft )?word document|microsoft (?:office )?(?:word|powerpoint|excel) - .*|\W*\d*\W*"
    r"|(?:\S*|[\w ()-]+)\.(?:docx?|pptx?|xlsx?|odt|rtf|tex|dvi|pdf|indd|qxd|ps|exe|tmp)",
    re.IGNORECASE,
)
OFF = ("0", "false", "off", "none")


def opened(data: bytes, part: str, kind: str) -> Archive:
    """Open a file as an archive; raises CorpusError without the `part` that every file of its kind has."""
    archive = Archive(data)
    if part not in archive:
        raise CorpusError(f"damaged: no {kind} in it")
    return archive


def core_title(archive: Archive) -> str | None:
    """Return the title in a file's properties, unless a program made it up."""
    try:
        properties = archive.xml("docProps/core.xml")
    except CorpusError:
        return None
    title = one_line(properties.findtext("title") or "")
    return title if title and not NO_TITLES.fullmatch(title) else None


def links_of(archive: Archive, part: str, kind: str = "") -> dict[str, str]:
    """Return the names of the parts that `part` links to, by the ids it uses for them; only links of this `kind`."""
    name = _links_part(part)
    if name not in archive:
        return {}
    return {
        link.get("Id", ""): resolve(part, link.get("Target", ""))
        for link in archive.xml(name).iter("Relationship")
        if link.get("TargetMode") != "External" and link.get("Type", "").endswith(kind)
    }


def addresses_of(archive: Archive, part: str) -> dict[str, str]:
    """Return the addresses outside of the archive that `part` links to, by the ids it uses for them."""
    name = _links_part(part)
    if name not in archive:
        return {}
    links = archive.xml(name).iter("Relationship")
    return {link.get("Id", ""): link.get("Target", "") for link in links if link.get("TargetMode") == "External"}


def _links_part(part: str) -> str:
    folder, _, name = part.rpartition("/")
    return f"{folder}/_rels/{name}.rels".lstrip("/")


def main_part(archive: Archive, usual: str) -> str:
    """Return the name of the part that is the document itself, most often the usual one."""
    try:
        found = links_of(archive, "", "/officeDocument")
    except CorpusError:  # it is where it usually is
        found = {}
    name = next((part for part in found.values() if part in archive), usual)
    if name not in archive:
        raise CorpusError("damaged: no document in it")
    return name


def part_of(archive: Archive, main: str, kind: str) -> Element | None:
    """Return the part that the main one links to as `kind`; None if there is none, or if it is damaged."""
    name = next(iter(links_of(archive, main, kind).values()), "")
    try:
        return archive.xml(name) if name in archive else None
    except CorpusError:
        return None

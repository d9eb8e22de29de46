"""What the page and the box say, in each of their languages; all of it is in static/words.json."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from qa.types import Answer

STATIC = Path(__file__).parent / "static"
PLACE = "= {}; // words.json"  # in widget.js
ONLY_EXPORTED = re.compile(r"^.* // export\n", re.MULTILINE)  # lines of it

ALL: dict[str, Any] = json.loads((STATIC / "words.json").read_text("utf-8"))
LANGUAGES: tuple[str, ...] = tuple(ALL["languages"])


@cache
def words(language: str) -> dict[str, str]:
    """Return everything that is said, by its key, in one of LANGUAGES."""
    number = LANGUAGES.index(language)
    return {key: said[number] for key, said in {**ALL["box"], **ALL["page"]}.items()}


def language_of(accepted: str) -> str:
    """Return the one of LANGUAGES that an Accept-Language header likes best, English where it names none."""
    liked = re.findall(r"([a-z]{2,3})(?:-[\w-]+)?\s*(?:;\s*q=([01](?:\.\d*)?))?\s*(?:,|$)", accepted.lower())
    known = [(float(weight or 1), code) for code, weight in liked if code in LANGUAGES]
    return max(known, key=lambda one: one[0], default=(1, "en"))[1]


def refusal(answer: Answer, language: str) -> str:
    """Return why an answer quotes nothing."""
    names = ", ".join(ALL["names"][code] for code in answer.languages)
    return words(language)[f"said_{answer.reason}"].replace("{n}", names) if answer.reason else answer.text


@cache
def widget_script(exported: bool = False) -> str:
    """Return the box as one file, with its words in it, without indentation.

    The box of an export answers from an index as well: only there the lines are kept that end in `// export`.
    """
    box = {"languages": LANGUAGES, "box": ALL["box"]}
    text = (STATIC / "widget.js").read_text("utf-8")
    text = re.sub(r"(?m)^ +", "", text if exported else ONLY_EXPORTED.sub("", text))
    return text.replace(PLACE, f"= {json.dumps(box, ensure_ascii=False, separators=(',', ':'))}; // words.json")

"""Tables and records in text files, .csv, .tsv and .jsonl: each row or record reads as a sentence."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator

from qa.documents.converted import Converted, too_long
from qa.documents.formats.plain import decode
from qa.documents.writing.parts import Part, heading, paragraph, written
from qa.documents.writing.rows import plausible, rows
from qa.documents.writing.words import one_line
from qa.errors import CorpusError

DELIMITERS = ",;\t|"
SAMPLE = 40  # lines that the delimiter is told from
LONG = 200  # characters; a field of a record that is longer is a paragraph of its own
TITLES = ("title", "headline", "heading", "name", "question", "subject")
BODIES = frozenset("text content body abstract summary description answer context passage paragraph document".split())
SPACED_OUT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\s]+")


def convert_csv(data: bytes) -> Converted:
    """Convert a table whose cells are separated by commas, semicolons, tabs or bars, whichever fits."""
    return _table(decode(data), DELIMITERS)


def convert_tsv(data: bytes) -> Converted:
    """Convert a table whose cells are separated by tabs."""
    return _table(decode(data), "\t")


def _table(text: str, delimiters: str) -> Converted:
    if text[:4].lower() == "sep=":  # how Excel names the delimiter
        first, _, text = text.partition("\n")
        delimiters = first[4:5] or delimiters
    delimiter = delimiters if len(delimiters) == 1 else _delimiter(text, delimiters)
    old = csv.field_size_limit(len(text) + 1)
    try:
        table = list(csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise CorpusError(f"damaged: {error}") from None
    finally:
        csv.field_size_limit(old)
    return written(_parts([[cell.strip() for cell in row] for row in table if any(map(str.strip, row))]))


def _parts(table: list[list[str]]) -> list[Part]:
    """The rows of a file's table under the names of its columns; lines above it, as of an export, stay lines."""
    usual = Counter(map(len, table)).most_common(1)[0][0] if table else 0
    first = next((n for n, row in enumerate(table) if len(row) == usual and len(list(filter(None, row))) > 1), 0)
    above = [part for row in table[:first] for part in _above(list(filter(None, row)))]
    return [*above, *rows(table[first:], int(plausible(table[first:])))]


def _above(row: list[str]) -> list[Part]:
    return rows([row], 0, sides=True) if len(row) > 1 else paragraph(row[0])


def _delimiter(text: str, delimiters: str) -> str:
    """The one that parts most lines into the same number of cells, and into more than one."""
    lines = text.split("\n", SAMPLE + 1)[:SAMPLE]

    def fits(delimiter: str) -> tuple[float, int]:
        sizes = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        size, times = max(sizes.items(), key=lambda pair: pair[1], default=(1, 0))
        return (times / max(1, sum(sizes.values())) if size > 1 else 0.0, size)

    return max(delimiters, key=fits)


def convert_jsonl(data: bytes) -> Converted:
    """Convert one JSON value a line: a record's title is a heading, its long fields are paragraphs, the others a row.

    A line that is no JSON is left out, unless none of the first hundred is.
    """
    values, broken = [], 0
    for line in decode(data).split("\n"):
        if line.strip():
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError):
                broken += 1
                if broken >= 100 and not values:
                    break
    if not values:
        raise CorpusError("damaged: none of its lines is JSON")
    parts: list[Part] = []
    size = 0
    for value in values:
        found = list(_record(value))
        parts += found
        too_long(size := size + sum(len(part.words) for part in found))
    return written(parts)


def _record(value: object) -> Iterator[Part]:
    if not isinstance(value, dict):
        yield from paragraph("; ".join(words for _, words in _fields(value, "")))
        return
    named = next((key for key in value if key.lower() in TITLES and isinstance(value[key], str)), None)
    if named is not None and 0 < len(value[named]) <= LONG:
        yield from heading(value[named], 2)
        value = {key: inner for key, inner in value.items() if key != named}
    fields = [(key, words) for key, words in _fields(value, "") if words.strip()]
    long = [words for key, words in fields if _is_text(key, words)]
    short = [(key, one_line(words)) for key, words in fields if not _is_text(key, words)]
    if short:
        yield from rows([[words for _, words in short]], 0, [key for key, _ in short])
    for words in long:
        for part in re.split(r"\n[ \t]*\n", words):
            yield from paragraph(part)


def _is_text(key: str, words: str) -> bool:
    return key.lower() in BODIES or len(words) > LONG or "\n" in words


def _fields(value: object, key: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """What a record holds as (name, words); the names of what is inside one another are joined."""
    if depth > 20:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            words = " ".join(filter(None, SPACED_OUT.split(name)))
            yield from _fields(inner, f"{key} {words}".strip(), depth + 1)
    elif isinstance(value, list):
        plain = [str(inner) for inner in value if isinstance(inner, str | int | float)]
        if plain and len(plain) == len(value):
            yield key, ("\n\n" if max(map(len, plain)) > LONG else ", ").join(plain)
        else:
            for inner in value:
                yield from _fields(inner, key, depth + 1)
    elif isinstance(value, bool):
        yield key, "yes" if value else "no"
    elif value is not None:
        yield key, str(value)

"""Block → its sentences, by sentencex, in the language of the document."""

import re
from collections.abc import Iterator
from itertools import pairwise

from qa.types import Block, Span

LONG_SENTENCE = 400  # characters; a longer sentence, such as lines without full stops, is divided into its lines
WHOLE_ROW = 300  # characters; up to this length a row of a table is one sentence, whatever its cells hold
NEWLINE = re.compile(r"\r\n?|\n")
NUMBERED = re.compile(r"(?:\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxlIVXL]{1,6})[.)]?|§+ ?\d+[a-z]?\.?)[ \t]+(?=\S)")
LOWER_CASE = re.compile(r"[a-z]")
ABBREVIATION = re.compile(r"(?<![\w.])[^\W\d]{1,6}\.\s*$")  # where the next word is in lower case
BEFORE_NUMBERS = re.compile(
    r"\b(?:vols?|no|nos|nr|figs?|eqs?|secs?|chs?|pp?|arts?|paras?|approx|ca|max|min|ed|abs|bd|tab|abb)\.\s*$",
    re.IGNORECASE,
)
ORDINAL = re.compile(
    r"\b(?:der|die|das|dem|den|des|zum|zur|vom|am|im|ins|jeder|jede|jedes)\s+\d{1,2}\.\s*$", re.IGNORECASE
)


def sentence_spans(text: str, block: Block, language: str) -> Iterator[Span]:
    """Yield where the sentences of a block stand, without the white space around them.

    The number of an item or heading belongs to its first sentence.
    """
    number = NUMBERED.match(text, block.start, block.end) if block.kind in ("item", "heading") else None
    begin = number.end() if number else block.start
    if block.kind == "row" and block.end - block.start <= WHOLE_ROW:
        ends = [block.end]
    else:
        ends = _ends(text, begin, block.end, language)
    for start, end in pairwise([begin, *ends]):
        lines = _lines(text, start, end) if end - start > LONG_SENTENCE else [(start, end)]
        for first, last in lines:
            if words := text[first:last].strip():
                first = text.index(words[0], first)
                yield (block.start if number and first == begin else first), first + len(words)


def _ends(text: str, start: int, end: int, language: str) -> list[int]:
    """Return where sentences end; the full stop of an abbreviation or an ordinal number ends none."""
    from sentencex import get_sentence_boundaries

    ends = [start + boundary["end_index"] for boundary in get_sentence_boundaries(language, text[start:end])]
    return [at for at in ends[:-1] if not _continues(text, start, at, end, language)] + [end]


def _continues(text: str, start: int, at: int, end: int, language: str) -> bool:
    """Return whether a sentence goes on behind what looks like its end."""
    before, after = text[max(start, at - 30) : at], text[at : min(end, at + 10)].lstrip()
    if "\n" in before[len(before.rstrip()) :] or not after:
        return False
    if LOWER_CASE.match(after) and ABBREVIATION.search(before):
        return True
    if after[0].isdecimal() and BEFORE_NUMBERS.search(before):
        return True
    return language == "de" and bool(ORDINAL.search(before))


def _lines(text: str, start: int, end: int) -> list[Span]:
    breaks = [start, *(m.end() for m in NEWLINE.finditer(text, start, end)), end]
    return list(pairwise(breaks))

"""Where the sentences of a block stand, by sentencex and the document's language."""

import re
from collections.abc import Iterator
from itertools import pairwise

from qa.types import Block

Span = tuple[int, int]
LONG_SENTENCE = 400  # characters; longer ones, as lines without a full stop, are taken line by line
WHOLE_ROW = 300  # characters; a table's row up to this length is one sentence, whatever stands in its cells
NEWLINE = re.compile(r"\r\n?|\n")
NUMBERED = re.compile(r"(?:\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxlIVXL]{1,6})[.)]?|§+ ?\d+[a-z]?\.?)[ \t]+(?=\S)")
GOES_ON = re.compile(r"[a-z]")  # how no sentence begins after a short word with a full stop
SHORT_WORD = re.compile(r"(?<![\w.])[^\W\d]{1,6}\.\s*$")
BEFORE_NUMBERS = re.compile(
    r"\b(?:vols?|no|nos|nr|figs?|eqs?|secs?|chs?|pp?|arts?|paras?|approx|ca|max|min|ed|abs|bd|tab|abb)\.\s*$",
    re.IGNORECASE,
)
ORDINAL = re.compile(
    r"\b(?:der|die|das|dem|den|des|zum|zur|vom|am|im|ins|jeder|jede|jedes)\s+\d{1,2}\.\s*$", re.IGNORECASE
)


def sentences(text: str, block: Block, language: str) -> Iterator[Span]:
    """Where the sentences of a block stand, without the space around them; the first has the number before an item."""
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
    """Where sentences end, without those ends that are only an abbreviation's or an ordinal number's."""
    from sentencex import get_sentence_boundaries

    ends = [start + found["end_index"] for found in get_sentence_boundaries(language, text[start:end])]
    return [at for at in ends[:-1] if not _goes_on(text, start, at, end, language)] + [end]


def _goes_on(text: str, start: int, at: int, end: int, language: str) -> bool:
    before, after = text[max(start, at - 30) : at], text[at : min(end, at + 10)].lstrip()
    if "\n" in before[len(before.rstrip()) :] or not after:
        return False
    if GOES_ON.match(after) and SHORT_WORD.search(before):
        return True
    if after[0].isdecimal() and BEFORE_NUMBERS.search(before):
        return True
    return language == "de" and bool(ORDINAL.search(before))


def _lines(text: str, start: int, end: int) -> list[Span]:
    breaks = [start, *(m.end() for m in NEWLINE.finditer(text, start, end)), end]
    return list(pairwise(breaks))

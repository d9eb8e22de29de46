"""Document → Passages and their Sentences, pure.

sentencex finds the sentences in each block of the text. They are packed, in order, into passages that stay under one
heading and within what the encoder reads. Nothing is rewritten: every text is a slice of the document's.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from qa.text.blocks import plain, quotable
from qa.text.languages import detect_language
from qa.text.sentences import sentences
from qa.types import Block, Document, Passage, Sentence

if TYPE_CHECKING:
    from tokenizers import Tokenizer


VERSION = 1  # raise it where texts come to be split in another way: all passages are then made anew
SPECIAL_TOKENS = 2  # what a model adds around a text, as BERT's [CLS] and [SEP]
LABEL_TOKENS = 48  # at most this many of a passage's tokens are its title and heading
MERGE_TOKENS = 128  # neighbouring paragraphs and items are merged into one passage up to this length
MAX_CHARACTERS = 2000  # of a sentence: a word of any length can be one token
SPARE_TOKENS = 8  # a word that is cut in two can take a few more
BEGINNING = 20_000  # characters of a document that its language is told from


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence with its size in tokens, its block, and the tokens of the marks that stand before it."""

    start: int
    end: int
    tokens: int
    block: Block
    before: int = 0


def split(document: Document, tokenizer: "Tokenizer", max_tokens: int) -> list[Passage]:
    """The passages of a document in order, each at most `max_tokens` long with its label and special tokens.

    `tokenizer` is the encoder's, without truncation. Every character that is not white space, a heading or a marker
    of the structure is in exactly one passage.
    """
    passages: list[Passage] = []
    language = detect_language([document.text[:BEGINNING]])
    found = quotable(document.text, document.blocks or plain(document.text))
    for headings, section in groupby(found, key=lambda one: one.headings):
        heading = " › ".join(h for h in headings if h != document.title)
        before = label(document.title if document.titled else "", heading, tokenizer)
        budget = max_tokens - SPECIAL_TOKENS - _count(before, tokenizer)
        blocks = [one.block for one in section]
        pieces = _pieces(document.text, blocks, language, tokenizer, budget)
        passages += [_passage(document, heading, before, group) for group in _pack(pieces, budget)]
    return passages


def label(title: str, heading: str, tokenizer: "Tokenizer") -> str:
    """What stands before a passage's text when it is encoded: its title and heading, up to LABEL_TOKENS of them."""
    text = "".join(f"{part}. " for part in (title, heading) if part)
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    return text if len(offsets) <= LABEL_TOKENS else text[: offsets[LABEL_TOKENS][0]]


def _count(text: str, tokenizer: "Tokenizer") -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def _passage(document: Document, heading: str, before: str, pieces: Sequence[_Piece]) -> Passage:
    text, start, end = document.text, pieces[0].start, pieces[-1].end
    firsts = [p.block.opens and p.start == p.block.start for p in pieces]
    sentences = tuple(
        Sentence(p.start, p.end, text[p.start : p.end], p.block.list, opens, _page(document, p.start))
        for p, opens in zip(pieces, firsts, strict=True)
    )
    return Passage(document.id, document.title, heading, start, end, text[start:end], sentences, before)


def _page(document: Document, start: int) -> int | None:
    return bisect_right(document.pages, start) or 1 if document.pages else None


def _pack(pieces: Sequence[_Piece], budget: int) -> Iterator[list[_Piece]]:
    """Group sentences into passages: short blocks together, a block that is too long in parts of about one size."""
    group: list[_Piece] = []
    size = 0
    for _, in_block in groupby(pieces, key=lambda piece: piece.block):
        block = list(in_block)
        total = sum(piece.before + piece.tokens for piece in block)
        if group and size + total > min(MERGE_TOKENS, budget):
            yield group
            group, size = [], 0
        part = total / math.ceil(total / budget) if total > budget else budget
        for piece in block:
            if group and (size + piece.before + piece.tokens > budget or size >= part):
                yield group
                group, size = [], 0
            size += piece.tokens + (piece.before if group else 0)
            group.append(piece)
    if group:
        yield group


def _pieces(text: str, blocks: Iterable[Block], language: str, tokenizer: "Tokenizer", budget: int) -> list[_Piece]:
    spans = [(span, block) for block in blocks for span in sentences(text, block, language)]
    sizes = [len(e.ids) for e in tokenizer.encode_batch([text[s:e] for (s, e), _ in spans], add_special_tokens=False)]
    pieces = []
    for ((start, end), block), size in zip(spans, sizes, strict=True):
        if size <= budget and end - start <= MAX_CHARACTERS:
            pieces.append(_Piece(start, end, size, block))
        else:
            pieces += [_Piece(*part, block) for part in _cut(text, start, end, tokenizer, budget)]
    return _with_marks(text, pieces, tokenizer)


def _with_marks(text: str, pieces: list[_Piece], tokenizer: "Tokenizer") -> list[_Piece]:
    """Count what a passage also holds between its sentences: markers, rules, delimiters of a table."""
    for number, (one, following) in enumerate(pairwise(pieces), 1):
        if between := text[one.end : following.start].strip():
            pieces[number] = replace(following, before=_count(between, tokenizer))
    return pieces


def _cut(text: str, start: int, end: int, tokenizer: "Tokenizer", budget: int) -> Iterator[tuple[int, int, int]]:
    """The parts of one overlong sentence as (start, end, tokens), cut before a word wherever there is one."""
    tokens = tokenizer.encode(text[start:end], add_special_tokens=False).offsets
    begin, first = start, 0
    room = max(1, budget - SPARE_TOKENS, budget // 2)
    while begin < end:
        last = first + room
        least = first + max(1, room // 2)
        while least < last < len(tokens) and not text[start + tokens[last][0] - 1].isspace():
            last -= 1
        stop = start + tokens[last][0] if last < len(tokens) else end
        for at in range(begin, stop, MAX_CHARACTERS):
            if words := text[at : min(at + MAX_CHARACTERS, stop)].strip():
                at = text.index(words[0], at)
                yield at, at + len(words), _count(words, tokenizer)
        begin, first = stop, last

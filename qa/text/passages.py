"""Document → Passages with their Sentences, a pure function.

Sentences are packed, in order, into passages. A passage stands under one heading and is no longer than the encoder
reads. Nothing is rewritten: every text is a slice of the document's.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from qa.text.blocks import plain_blocks, quotable
from qa.text.languages import detect_language
from qa.text.sentences import sentence_spans
from qa.types import HEADING_SEPARATOR, Block, Document, Passage, Sentence

if TYPE_CHECKING:
    from tokenizers import Tokenizer


VERSION = 1  # raise it when texts are split in another way: every index is then built anew
SPECIAL_TOKENS = 2  # that a model adds around a text, such as BERT's [CLS] and [SEP]
LABEL_TOKENS = 48  # of a title and heading at most
MERGE_TOKENS = 128  # up to which neighbouring paragraphs and items are merged into one passage
MAX_CHARACTERS = 2000  # of a sentence: a word of any length may be a single token
SPARE_TOKENS = 8  # a word that is cut in two may take a few more tokens
BEGINNING = 20_000  # characters of a document from which its language is detected


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence, with its tokens, its block, and the tokens of the marks between the sentence before and it."""

    start: int
    end: int
    tokens: int
    block: Block
    tokens_before: int = 0


def split(document: Document, tokenizer: "Tokenizer", max_tokens: int) -> list[Passage]:
    """Return the passages of a document, in order.

    Each has at most `max_tokens` tokens, with its label and the special tokens. `tokenizer` is the encoder's, without
    truncation. Every character is in exactly one passage, but for white space, headings and markers of the structure.
    """
    passages: list[Passage] = []
    language = detect_language([document.text[:BEGINNING]])
    blocks = quotable(document.text, document.blocks or plain_blocks(document.text))
    for headings, section in groupby(blocks, key=lambda one: one.headings):
        heading = HEADING_SEPARATOR.join(h for h in headings if h != document.title)
        before = label(document.title if document.titled else "", heading, tokenizer)
        budget = max_tokens - SPECIAL_TOKENS - _count(before, tokenizer)
        pieces = _pieces(document.text, [block for block, _ in section], language, tokenizer, budget)
        passages += [_passage(document, heading, before, group) for group in _pack(pieces, budget)]
    return passages


def label(title: str, heading: str, tokenizer: "Tokenizer") -> str:
    """Return what is encoded before the text of a passage: its title and heading, up to LABEL_TOKENS tokens."""
    text = "".join(f"{part}. " for part in (title, heading) if part)
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    return text if len(offsets) <= LABEL_TOKENS else text[: offsets[LABEL_TOKENS][0]]


def _count(text: str, tokenizer: "Tokenizer") -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def _passage(document: Document, heading: str, before: str, pieces: Sequence[_Piece]) -> Passage:
    text, start, end = document.text, pieces[0].start, pieces[-1].end
    sentences = tuple(
        Sentence(
            p.start,
            p.end,
            text[p.start : p.end],
            list=p.block.list,
            opens=p.block.opens and p.start == p.block.start,
            page=_page(document, p.start),
        )
        for p in pieces
    )
    return Passage(document.id, document.title, heading, start, end, text[start:end], sentences, before)


def _page(document: Document, start: int) -> int | None:
    return bisect_right(document.pages, start) or 1 if document.pages else None


def _pack(pieces: Sequence[_Piece], budget: int) -> Iterator[list[_Piece]]:
    """Group sentences into passages: short blocks are merged, and a long block is divided into parts of like size."""
    group: list[_Piece] = []
    size = 0
    for _, in_block in groupby(pieces, key=lambda piece: piece.block):
        block = list(in_block)
        total = sum(piece.tokens_before + piece.tokens for piece in block)
        if group and size + total > min(MERGE_TOKENS, budget):
            yield group
            group, size = [], 0
        part = total / math.ceil(total / budget) if total > budget else budget
        for piece in block:
            if group and (size + piece.tokens_before + piece.tokens > budget or size >= part):
                yield group
                group, size = [], 0
            size += piece.tokens + (piece.tokens_before if group else 0)
            group.append(piece)
    if group:
        yield group


def _pieces(text: str, blocks: Iterable[Block], language: str, tokenizer: "Tokenizer", budget: int) -> list[_Piece]:
    spans = [(span, block) for block in blocks for span in sentence_spans(text, block, language)]
    sizes = [len(e.ids) for e in tokenizer.encode_batch([text[s:e] for (s, e), _ in spans], add_special_tokens=False)]
    pieces = []
    for ((start, end), block), size in zip(spans, sizes, strict=True):
        if size <= budget and end - start <= MAX_CHARACTERS:
            pieces.append(_Piece(start, end, size, block))
        else:
            pieces += [_Piece(*part, block) for part in _cut(text, start, end, tokenizer, budget)]
    return _with_tokens_between(text, pieces, tokenizer)


def _with_tokens_between(text: str, pieces: list[_Piece], tokenizer: "Tokenizer") -> list[_Piece]:
    """Count what stands between sentences: markers of items, rules, delimiters of a table."""
    for number, (piece, following) in enumerate(pairwise(pieces), 1):
        if between := text[piece.end : following.start].strip():
            pieces[number] = replace(following, tokens_before=_count(between, tokenizer))
    return pieces


def _cut(text: str, start: int, end: int, tokenizer: "Tokenizer", budget: int) -> Iterator[tuple[int, int, int]]:
    """Yield the parts of a sentence that is too long as (start, end, tokens), cut before a word where possible."""
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

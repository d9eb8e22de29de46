import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from qa.blocks import blocks
from qa.passages import LABEL_TOKENS, SPECIAL_TOKENS, label, split
from qa.types import Document, Passage

LIMIT = 256
PIECES = ["# Heading\n", "## Deeper\n", "- item ", "1. ", "-\n", "* ", "\n", "\n\n", "\r\n", "\r", "\t", "| a | b |\n"]
PIECES += [
    "A sentence. ",
    "Is it? Yes! ",
    "naïve 漢字 ",
    "שלום ",
    "e\u0301 ",
    "😀",
    "\u2028",
    "\x00",
    "Dr. X went. ",
    "x" * 300,
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=40)), max_size=40).map("".join)


def passages_of(text: str, tokenizer: Tokenizer) -> list[Passage]:
    return split(Document(id="d", title="Title", text=text), tokenizer, LIMIT)


def tokens(passage: Passage, tokenizer: Tokenizer) -> int:
    before = label(passage.title, passage.heading, tokenizer)
    return len(tokenizer.encode(before + passage.text, add_special_tokens=False).ids) + SPECIAL_TOKENS


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_passages_and_sentences_are_slices_in_order_under_one_heading_that_leave_nothing_out(
    tokenizer: Tokenizer, text: str
) -> None:
    passages = passages_of(text, tokenizer)
    at = 0
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert passage.start >= at
        at = passage.start
        for sentence in passage.sentences:
            assert sentence.text == text[sentence.start : sentence.end]
            assert sentence.text.strip() == sentence.text != ""
            assert at <= sentence.start < sentence.end <= passage.end
            at = sentence.end
        assert tokens(passage, tokenizer) <= LIMIT
    quoted = {i for p in passages for s in p.sentences for i in range(s.start, s.end)}
    wanted = {i for b in blocks(text) for i in range(b.start, b.end) if not text[i].isspace()}
    assert wanted <= quoted
    assert [p.heading for p in passages] == [
        " › ".join(h for h in b.headings if h != "Title") for p in passages for b in [_block_at(text, p.start)]
    ]


def _block_at(text: str, start: int):  # type: ignore[no-untyped-def]
    return next(block for block in blocks(text) if block.start <= start < block.end)


@pytest.mark.parametrize("unit", ["word ", "A sentence here. ", "x"])
def test_a_line_of_ten_megabytes_is_split_within_the_limit(tokenizer: Tokenizer, unit: str) -> None:
    text = unit * (10_000_000 // len(unit))
    begin = time.perf_counter()
    passages = passages_of(text, tokenizer)
    assert time.perf_counter() - begin < 120  # not a measure of speed: a quadratic splitter would take hours
    assert sum(len(s.text.replace(" ", "")) for p in passages for s in p.sentences) == len(text.replace(" ", ""))
    assert all(tokens(p, tokenizer) <= LIMIT for p in passages[:: max(1, len(passages) // 20)])


def test_a_passage_never_crosses_a_heading_and_knows_it(tokenizer: Tokenizer) -> None:
    passages = passages_of("# Title\n\nIntro.\n\n## One\n\nFirst.\n\n### Two\n\nSecond.\n", tokenizer)
    assert [(p.heading, p.text) for p in passages] == [("", "Intro."), ("One", "First."), ("One › Two", "Second.")]


def test_a_paragraph_longer_than_the_encoder_reads_is_split_between_sentences(tokenizer: Tokenizer) -> None:
    text = " ".join(f"This is sentence number {n} of a long paragraph." for n in range(60))
    passages = passages_of(text, tokenizer)
    assert len(passages) > 2
    assert all(p.text.startswith("This is") and p.text.endswith("paragraph.") for p in passages)


def test_a_long_label_is_cut(tokenizer: Tokenizer) -> None:
    cut = label("word " * 500, "heading", tokenizer)
    assert len(tokenizer.encode(cut, add_special_tokens=False).ids) == LABEL_TOKENS

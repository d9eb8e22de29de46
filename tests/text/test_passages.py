import itertools
import re
import signal
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import markdown
from tokenizers import Tokenizer

from qa.text.blocks import Quotable, plain_blocks, quotable
from qa.text.passages import LABEL_TOKENS, SPECIAL_TOKENS, label, split
from qa.types import Document, Passage

LIMIT = 256
PIECES = [
    "Heading\n===\n",
    "Deeper\n\n",
    "- item ",
    "1. ",
    "-\n",
    "* ",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\t",
    "(a) b\n",
    "  - c\n",
]
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
REPEATED = st.tuples(st.sampled_from(PIECES), st.integers(2, 300)).map(lambda pair: pair[0] * pair[1])
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=40), REPEATED), max_size=40).map("".join)


def passages_of(text: str, tokenizer: Tokenizer) -> list[Passage]:
    return split(Document(id="d", title="Title", text=text), tokenizer, LIMIT)


def tokens(passage: Passage, tokenizer: Tokenizer) -> int:
    before = label(passage.title, passage.heading, tokenizer)
    return len(tokenizer.encode(before + passage.text, add_special_tokens=False).ids) + SPECIAL_TOKENS


@pytest.mark.slow
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
    wanted = {i for b, _ in quotable(text, plain_blocks(text)) for i in range(b.start, b.end) if not text[i].isspace()}
    assert wanted <= quoted
    assert [p.heading for p in passages] == [
        " › ".join(h for h in b.headings if h != "Title") for p in passages for b in [_block_at(text, p.start)]
    ]


WRITTEN = st.lists(
    st.one_of(
        st.tuples(st.just("heading"), st.integers(1, 4)),
        st.tuples(st.sampled_from(["paragraph", "items", "numbers", "quotation", "rows", "code"]), st.integers(1, 30)),
    ),
    max_size=25,
)


def _write(kinds: list[tuple[str, int]], newline: str) -> tuple[str, list[tuple[str, str]]]:
    """A text in Markdown whose words occur once, and each that has to be quoted with its heading."""
    numbers = itertools.count()
    path: list[tuple[int, str]] = []
    parts, wanted = [], []
    for place, (kind, size) in enumerate(kinds):
        words = [f"w{next(numbers)}x" for _ in range(1 if kind == "heading" else size)]
        if kind == "heading":
            path = [(level, word) for level, word in path if level < size]
            following = kinds[place + 1] if place + 1 < len(kinds) else ("heading", 0)
            if following[0] == "heading" and following[1] <= size:
                wanted.append((words[0], " › ".join(word for _, word in path)))
            path.append((size, words[0]))
            parts.append("#" * size + " " + words[0])
            continue
        wanted += [(word, " › ".join(word for _, word in path)) for word in words]
        parts.append(
            {
                "paragraph": " ".join(word + "." for word in words),
                "items": newline.join(f"- {word}." for word in words),
                "numbers": newline.join(f"{number}) {word}." for number, word in enumerate(words, 1)),
                "quotation": newline.join(f"> {word}." for word in words),
                "rows": newline.join(["| a | b |", "|---|---|", *(f"| {word}. | x |" for word in words)]),
                "code": newline.join(["```", *(word + ";" for word in words), "```"]),
            }[kind]
        )
    return (newline * 2).join(parts), wanted


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=WRITTEN, newline=st.sampled_from(["\n", "\r\n", "\r"]), end=st.sampled_from(["", "\n"]))
def test_every_word_is_quoted_once_in_order_under_the_headings_it_was_written_under(
    tokenizer: Tokenizer, kinds: list[tuple[str, int]], newline: str, end: str
) -> None:
    text, wanted = _write(kinds, newline)
    document = markdown("d", "Title", text + end)
    passages = split(document, tokenizer, LIMIT)
    found = [(w, p.heading) for p in passages for s in p.sentences for w in re.findall(r"w\d+x", s.text)]
    assert found == wanted
    assert passages == split(document, tokenizer, LIMIT)
    assert all(a.end <= b.start for a, b in pairwise(passages))


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"{123456789 + n}. a" for n in range(200)),
        "one\n\n" + "-" * 400 + "\n\ntwo",
        "one\n\n***\n\n" * 200,
        "- - - - a\n" * 120,
    ],
    ids=["numbers", "rule", "rules", "bullets"],
)
def test_markers_between_sentences_count_as_tokens_too(tokenizer: Tokenizer, text: str) -> None:
    assert max(tokens(passage, tokenizer) for passage in passages_of(text, tokenizer)) <= LIMIT


@pytest.fixture
def _alarm() -> Iterator[None]:
    """Ends a test that would never end."""

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_alarm")
@pytest.mark.parametrize("limit", [128, 77, 60, 58, 52])
def test_an_encoder_that_reads_little_gets_short_passages_even_under_a_long_title(
    tokenizer: Tokenizer, limit: int
) -> None:
    text = "A somewhat uncharacteristically long sentence " * 40
    passages = split(Document(id="d", title="Title " * 60, text=text), tokenizer, limit)
    assert "".join(p.text for p in passages).replace(" ", "") == text.replace(" ", "")
    assert max(len(tokenizer.encode(p.text).ids) for p in passages) <= limit


def _block_at(text: str, start: int) -> Quotable:
    return next(one for one in quotable(text, plain_blocks(text)) if one.block.start <= start < one.block.end)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["word ", "A sentence here. ", "x"])
def test_a_line_of_ten_megabytes_is_split_within_the_limit(tokenizer: Tokenizer, unit: str) -> None:
    text = unit * (10_000_000 // len(unit))
    begin = time.perf_counter()
    passages = passages_of(text, tokenizer)
    assert time.perf_counter() - begin < 120  # not a measure of speed: a quadratic splitter would take hours
    assert sum(len(s.text.replace(" ", "")) for p in passages for s in p.sentences) == len(text.replace(" ", ""))
    assert all(tokens(p, tokenizer) <= LIMIT for p in passages[:: max(1, len(passages) // 20)])


def test_a_passage_never_crosses_a_heading_and_knows_it(tokenizer: Tokenizer) -> None:
    document = markdown("d", "Title", "# Title\n\nIntro.\n\n## One\n\nFirst.\n\n### Two\n\nSecond.\n")
    passages = split(document, tokenizer, LIMIT)
    assert [(p.heading, p.text) for p in passages] == [("", "Intro."), ("One", "First."), ("One › Two", "Second.")]


def test_a_paragraph_longer_than_the_encoder_reads_is_split_between_sentences(tokenizer: Tokenizer) -> None:
    text = " ".join(f"This is sentence number {n} of a long paragraph." for n in range(60))
    passages = passages_of(text, tokenizer)
    assert len(passages) > 2
    assert all(p.text.startswith("This is") and p.text.endswith("paragraph.") for p in passages)


def test_a_long_label_is_cut(tokenizer: Tokenizer) -> None:
    cut = label("word " * 500, "heading", tokenizer)
    assert len(tokenizer.encode(cut, add_special_tokens=False).ids) == LABEL_TOKENS


def test_sentences_know_the_page_that_they_begin_on(tokenizer: Tokenizer) -> None:
    text = "The port is old. It was built\nin 1912.\n\nThe baker is young."
    document = Document("a.pdf", "A", text, pages=(0, text.index("in 1912"), text.index("The baker")))
    passages = split(document, tokenizer, 64)
    pages = {sentence.text: sentence.page for passage in passages for sentence in passage.sentences}
    assert pages == {"The port is old.": 1, "It was built\nin 1912.": 1, "The baker is young.": 3}
    assert passages[0].page == 1
    without = split(Document("a.txt", "A", text), tokenizer, 64)
    assert {sentence.page for passage in without for sentence in passage.sentences} == {None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See vol. 3 of the book. It is long.", ["See vol. 3 of the book.", "It is long."]),
        ("The max. load is 40 kg. Ask first.", ["The max. load is 40 kg.", "Ask first."]),
        ("It costs approx. 30 euros. Pay at the desk.", ["It costs approx. 30 euros.", "Pay at the desk."]),
        ("He came at 9 a.m. Then he left.", ["He came at 9 a.m.", "Then he left."]),
        (
            "Die Prüfung ist am 3. Oktober 2025 und dauert ca. 2 Stunden. Der 1. Vorsitzende leitet sie mit der Frau.",
            [
                "Die Prüfung ist am 3. Oktober 2025 und dauert ca. 2 Stunden.",
                "Der 1. Vorsitzende leitet sie mit der Frau.",
            ],
        ),
    ],
)
def test_sentences_end_as_they_do_in_the_documents_language(
    tokenizer: Tokenizer, text: str, expected: list[str]
) -> None:
    assert [s.text for p in passages_of(text, tokenizer) for s in p.sentences] == expected


def test_a_number_before_an_item_belongs_to_its_first_sentence(tokenizer: Tokenizer) -> None:
    sentences = [s.text for p in passages_of("1. Open it. Wait.\n2. Close it.", tokenizer) for s in p.sentences]
    assert sentences == ["1. Open it.", "Wait.", "2. Close it."]


def test_a_row_of_a_table_is_one_sentence_whatever_its_cells_hold(tokenizer: Tokenizer) -> None:
    document = markdown("d", "D", "| Option | Use |\n|---|---|\n| -v | It talks. It says all. |\n| -q | It is quiet. |")
    found = [s.text for p in split(document, tokenizer, LIMIT) for s in p.sentences]
    assert found == ["Option: -v; Use: It talks. It says all.", "Option: -q; Use: It is quiet."]

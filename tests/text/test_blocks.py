import pytest
from support import markdown

from qa.text.blocks import plain_blocks, quotable

LONG = "word " * 40


def kinds(text: str) -> list[tuple[str, str]]:
    return [(block.kind, text[block.start : block.end]) for block in plain_blocks(text)]


def under(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """What can be quoted of a plain text, each with its headings."""
    return [(text[one.block.start : one.block.end], one.headings) for one in quotable(text, plain_blocks(text))]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\n", []),
        ("one\n\ntwo", [("paragraph", "one"), ("paragraph", "two")]),
        ("one\ntwo", [("paragraph", "one\ntwo")]),
        ("one\n \t\ntwo", [("paragraph", "one"), ("paragraph", "two")]),
        ("# not Markdown\n\n**nor this**", [("paragraph", "# not Markdown"), ("paragraph", "**nor this**")]),
        ("- one\n- two", [("item", "one"), ("item", "two")]),
        ("• one\n  goes on\n• two", [("item", "one\n  goes on"), ("item", "two")]),
        ("1. one\n2. two", [("item", "1. one"), ("item", "2. two")]),
        ("(a) one\n(b) two", [("item", "(a) one"), ("item", "(b) two")]),
        ("Ports:\n- Hull\n- Leith", [("paragraph", "Ports:"), ("item", "Hull"), ("item", "Leith")]),
        ("It was in\n1912. Then came", [("paragraph", "It was in\n1912. Then came")]),
        ("It was in May\n4. Then came", [("paragraph", "It was in May\n4. Then came")]),
        ("Title\n=====\n\ntext", [("heading", "Title"), ("paragraph", "text")]),
        ("Title\n-----\ntext", [("heading", "Title"), ("paragraph", "text")]),
        ("It was approved.\n----------------\nNext", [("paragraph", "It was approved."), ("paragraph", "Next")]),
        ("A line\n----------------------", [("paragraph", "A line")]),
        ("one\n\n-----\n\ntwo", [("paragraph", "one"), ("paragraph", "two")]),
    ],
)
def test_a_plain_text_has_lines_bullets_and_numbers_and_no_markdown(
    text: str, expected: list[tuple[str, str]], newline: str
) -> None:
    found = [(kind, words.replace(newline, "\n")) for kind, words in kinds(text.replace("\n", newline))]
    assert found == expected


def test_items_know_their_list_and_how_deep_it_is() -> None:
    text = "- one\n  - deeper\n- two\n\n  goes on\n\nA paragraph.\n\n- another list"
    found = [(text[b.start : b.end], b.level, b.list, b.opens) for b in plain_blocks(text) if b.kind == "item"]
    assert found == [
        ("one", 0, 1, True),
        ("deeper", 1, 2, True),
        ("two", 0, 1, True),
        ("goes on", 0, 1, False),
        ("another list", 0, 3, True),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("line", "paragraph"), [("X" * 60, "y" * 120), ("2024", "y" * 120)])
def test_a_short_line_above_a_long_paragraph_is_its_heading(line: str, paragraph: str, newline: str) -> None:
    assert [headings for _, headings in under(newline.join([line, "", paragraph]))] == [(line,)]


@pytest.mark.parametrize("start", ["X" * 61, "lower case", "With a stop.", "Two\nlines", "- Item", "1. Item"])
def test_what_is_no_short_line_alone_is_no_heading(start: str) -> None:
    assert {headings for _, headings in under(f"{start}\n\n{LONG}")} == {()}


@pytest.mark.parametrize(
    ("heading", "is_quoted"),
    [
        ("The pool is closed on Mondays", True),
        ("Refunds are paid within five days", True),
        ("Dogs can’t come on board", True),
        ("Is the pool closed on Mondays?", False),
        ("Why dogs can not come", False),
        ("A city shaped by industry", False),
        ("What is new", False),
    ],
)
def test_a_heading_that_is_a_sentence_can_be_quoted(heading: str, is_quoted: bool) -> None:
    found = marked_up(f"# Rules\n\n## {heading}\n\nBring a towel.")
    assert found == [*([(heading, ("Rules",))] if is_quoted else []), ("Bring a towel.", ("Rules", heading))]


def marked_up(text: str) -> list[tuple[str, tuple[str, ...]]]:
    document = markdown("a.md", "A", text)
    found = quotable(document.text, document.blocks)
    return [(document.text[one.block.start : one.block.end], one.headings) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A\n\n## B\ntext\n\n# C\nmore", [("text", ("A", "B")), ("more", ("C",))]),
        ("# alone\n# last", [("alone", ()), ("last", ())]),
        ("# A\n### C\nc\n## B\nb", [("c", ("A", "C")), ("b", ("A", "B"))]),
        ("> # A\n> text", [("text", ("A",))]),
    ],
)
def test_blocks_stand_under_their_headings_and_a_heading_above_no_text_is_one(
    text: str, expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert marked_up(text) == expected

import pytest

from qa.blocks import blocks, structure

LONG = "word " * 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A\n\n## B\ntext\n\n# C\nmore", [("text", ("A", "B")), ("more", ("C",))]),
        ("# A #\r\n\r\ntext\r\n", [("text", ("A",))]),
        ("Title\n=====\n\ntext", [("text", ("Title",))]),
        ("# alone\n# last", [("alone", ()), ("last", ())]),
        ("- one\n- two\n  1. three", [("one", ()), ("two", ()), ("three", ())]),
        ("-\n1.\n*", []),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", [("a | b", ()), ("1 | 2", ())]),
        ("one\n\n---\n\ntwo", [("one", ()), ("two", ())]),
        ("[link]: /place\n\ntext", [("[link]: /place", ()), ("text", ())]),
        ("> quoted", [("quoted", ())]),
        (f"History\n\n{LONG}", [(LONG.strip(), ("History",))]),
        (f"Not a heading.\n\n{LONG}", [("Not a heading.", ()), (LONG.strip(), ())]),
        ("Milk\n\nEggs", [("Milk", ()), ("Eggs", ())]),
        ("", []),
    ],
)
def test_blocks_are_found_under_their_headings(text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(text[block.start : block.end], block.headings) for block in blocks(text)] == expected


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
    found = _found(f"# Rules\n\n## {heading}\n\nBring a towel.")
    assert found == [*([(heading, ("Rules",))] if is_quoted else []), ("Bring a towel.", ("Rules", heading))]


def _found(text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(text[block.start : block.end], block.headings) for block in blocks(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\tcode\n", [("code", ())]),
        ("-\tone\n-\ttwo", [("one", ()), ("two", ())]),
        ("# A\r\rtext\r- one\r- two", [("text", ("A",)), ("one", ("A",)), ("two", ("A",))]),
        ("para\n# A\nmore", [("para", ()), ("more", ("A",))]),
        ("Two\nlines\n---\ntext", [("text", ("Two lines",))]),
        ("# Learn C#\ntext", [("text", ("Learn C#",))]),
        ("#NoSpace", [("#NoSpace", ())]),
        ("# A\n### C\nc\n## B\nb", [("c", ("A", "C")), ("b", ("A", "B"))]),
        ("```python\nx = 1\n```", [("x = 1", ())]),
        ("- one\n\n  more of it\n", [("one", ()), ("more of it", ())]),
        ("-\n- \n1.", []),
    ],
)
def test_tabs_line_ends_and_nesting_are_read_as_markdown_has_them(
    text: str, expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert [(text[block.start : block.end], block.headings) for block in blocks(text)] == expected


@pytest.mark.parametrize("mark", ["> # A\n> ", "- # A\n  ", "> A\n> ===\n> "])
def test_a_heading_in_a_quotation_or_item_is_named_without_the_mark_before_it(mark: str) -> None:
    assert [block.headings for block in blocks(mark + "text")] == [("A",)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("line", "paragraph"), [("x" * 60, "y" * 120), ("2024", "y" * 120)])
def test_a_short_line_above_a_long_paragraph_is_its_heading(line: str, paragraph: str, newline: str) -> None:
    title = line.replace("x", "X")
    found = list(blocks(newline.join([title, "", paragraph])))
    assert [(b.end - b.start, b.headings) for b in found] == [(120, (title,))]


def test_a_line_of_spaces_between_them_is_as_good_as_an_empty_one() -> None:
    assert [block.headings for block in blocks(f"History\n \t\n{LONG}")] == [("History",)]


@pytest.mark.parametrize(
    "start",
    [
        "X" * 61,
        "lower case",
        "With a stop.",
        "Two\nlines",
        "- Item",
        "1. Item",
        "> Quoted",
        "| a | b |\n|---|---|\n| 1 | 2 |",
    ],
)
def test_what_is_no_short_line_alone_is_no_heading(start: str) -> None:
    assert {block.headings for block in blocks(f"{start}\n\n{LONG}")} == {()}


def test_a_number_in_a_table_is_not_a_marker() -> None:
    text = "| place | name |\n|---|---|\n| 1. | Elm |\n| - | Oakham |"
    assert [text[block.start : block.end] for block in blocks(text)] == ["place | name", "1. | Elm", "- | Oakham"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Text.\n\n```sql\nSELECT 1;\n\nSELECT 2;\n```\n\nMore.", ["Text.", "SELECT 1;\n\nSELECT 2;", "More."]),
        ("~~~~\n```\n~~~~\n", ["```"]),
        ("```\nopen", ["open"]),
        ("- item\n\n  ```\n  code\n  ```\n", ["item", "code"]),
        ("```\n```\n\nText.", ["Text."]),
        ("```", []),
    ],
)
def test_a_listing_is_a_block_without_its_fences(text: str, expected: list[str]) -> None:
    assert [text[block.start : block.end] for block in structure(text)] == expected

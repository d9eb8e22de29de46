import pytest

from qa.blocks import blocks

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

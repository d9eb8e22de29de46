"""What sentences show, as marks and as features."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa import Document
from qa.features import _common_subsequences, _of_order
from qa.marks import (
    ASKS,
    BITS,
    COUNT,
    DATE,
    FIGURE,
    LONG_FIGURE,
    NAMED,
    NEGATED,
    PLACED,
    PRONOUN,
    TERM,
    TITLE,
    hashed,
    marks_of,
)
from qa.terms import Analyzer
from qa.types import Passage, Sentence

WORDS = st.lists(st.integers(0, 5), max_size=9)


def passage(*texts: str) -> Passage:
    whole = " ".join(texts)
    starts = [whole.index(text) for text in texts]
    sentences = tuple(Sentence(at, at + len(text), text) for at, text in zip(starts, texts, strict=True))
    document = Document("a.md", "Ports", whole)
    return Passage(document.id, document.title, "Trade › Coal", 0, len(whole), whole, sentences)


def test_marks_are_the_words_of_each_sentence_by_what_they_are() -> None:
    marks = marks_of(
        passage("The port was built in Old Town by Ann Lee.", "It cost 1,250 or 7 roubles in 1912."), Analyzer()
    )
    found = set(zip(marks.sentences.tolist(), marks.words.tolist(), strict=True))
    expected = [
        *((0, TERM, term) for term in ("port", "built", "old", "town", "ann", "lee")),
        *((0, TITLE, term) for term in ("port", "trade", "coal")),
        *((0, NAMED, name) for name in ("old", "town", "ann", "lee")),
        (0, PLACED, "old"),
        *((1, TERM, term) for term in ("cost", "1", "250", "7", "roubl", "1912")),
        *((1, LONG_FIGURE, figure) for figure in ("1,250", "1912")),
        (1, FIGURE, "7"),
    ]
    assert found == {(sentence, hashed(word) << BITS | kind) for sentence, kind, word in expected}
    assert marks.surface[:, :2].tolist() == [[42, 6], [35, 6]]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("They left the town.", PRONOUN),
        ("The works opened in May.", DATE),
        ("Two of the bridges fell.", COUNT),
        ("Nobody isn't there.", NEGATED),
        ("Where is the port?  ", ASKS),
        ("It was never built in 1912.", PRONOUN | NEGATED | DATE | COUNT),
        ("The port is wide.", 0),
    ],
)
def test_flags_are_what_a_sentence_shows(text: str, flags: int) -> None:
    assert marks_of(passage(text), Analyzer()).surface[0, 2] == flags


@given(sequence=WORDS, rows=st.lists(WORDS, min_size=1, max_size=4))
def test_a_common_subsequence_is_as_long_as_the_table_says(sequence: list[int], rows: list[list[int]]) -> None:
    numbers = [number for number, row in enumerate(rows) for _ in row]
    found = _common_subsequences(sequence, numbers, [term for row in rows for term in row], len(rows))
    assert found == [_by_table(sequence, row) for row in rows]


def _by_table(one: list[int], other: list[int]) -> int:
    table = np.zeros((len(one) + 1, len(other) + 1), dtype=int)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1, j + 1] = table[i, j] + 1 if a == b else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


@given(sequence=WORDS, rows=st.lists(WORDS, min_size=1, max_size=4))
def test_pairs_are_counted_side_by_side_in_one_row(sequence: list[int], rows: list[list[int]]) -> None:
    asked = set(itertools.pairwise(sequence))
    which = [term if term in sequence else -1 for row in rows for term in row]
    numbers = [number for number, row in enumerate(rows) for _ in row]
    _, pairs = _of_order(sequence, np.array(numbers, dtype=int), np.array(which, dtype=int), len(rows))
    expected = [sum(pair in asked for pair in itertools.pairwise(row)) / max(1, len(asked)) for row in rows]
    assert pairs.tolist() == pytest.approx(expected)

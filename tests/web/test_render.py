"""An answer as the chat page shows it."""

import pytest

from qa import Answer, Citation, Hit, Passage
from qa.types import Sentence
from qa.web.pages.render import answer_html, copied

TEXT = "These are free: dogs, cats. They need a ticket. Bicycles cost 3 euros."


def passage(*lists: int) -> Passage:
    places = [(0, 27), (28, 47), (48, 70)]
    sentences = tuple(
        Sentence(a, b, TEXT[a:b], number) for (a, b), number in zip(places, lists or (0, 0, 0), strict=True)
    )
    return Passage("ferries.md", "Ferries", "Fares", 0, len(TEXT), TEXT, sentences)


def html(start: int, end: int, *lists: int, unsure: bool = False, **more: object) -> str:
    citation = Citation("ferries.md", "Ferries", "Fares", TEXT[start:end], start, end, **more)  # type: ignore[arg-type]
    hits = (Hit(passage(*lists), 1.0),)
    return answer_html(Answer("What?", "What?", citation.quote, (citation,), hits, 0.9, False, unsure))


@pytest.mark.parametrize(
    ("start", "end", "lists", "unsure", "is_open"),
    [
        (48, 70, (0, 0, 0), False, False),
        (48, 70, (0, 0, 0), True, True),
        (28, 47, (0, 0, 0), False, True),  # They …
        (0, 27, (0, 0, 0), False, True),  # These …
        (48, 70, (0, 0, 5), False, True),  # an item, without what stands above the list
    ],
)
def test_a_quote_that_leans_on_what_stands_before_it_is_shown_in_its_passage(
    start: int, end: int, lists: tuple[int, ...], unsure: bool, is_open: bool
) -> None:
    shown = html(start, end, *lists, unsure=unsure)
    assert ("<details open>" in shown) == is_open
    assert ("Not sure, the closest is:" in shown) == unsure
    assert "Ferries › Fares</summary>" in shown
    assert "Ferries › Fares, page 2, read from a scan</summary>" in html(start, end, *lists, page=2, scanned=True)


def test_a_passage_that_is_quoted_more_than_once_is_one_source() -> None:
    quotes = [Citation("ferries.md", "Ferries", "Fares", TEXT[a:b], a, b) for a, b in [(0, 27), (28, 47), (48, 70)]]
    shown = answer_html(Answer("What?", "What?", TEXT, tuple(quotes), (Hit(passage(), 1.0),), 0.9, False))
    assert shown.count("<details") == 1
    assert shown.count("<mark>") == 3


def test_an_answer_is_copied_as_text_with_where_it_stands_in_the_readers_language() -> None:
    found = Citation("ferries.md", "Ferries", "Fares", TEXT[48:70], 48, 70, page=2)
    answer = Answer("What?", "What?", found.quote, (found,), (Hit(passage(), 1.0),), 0.9, False)
    where = "Ferries › Fares, Seite 2\nsource/ferries.md?start=48&end=70#quote"
    assert copied(answer, "de") == f"{found.quote}\n\n“{found.quote}”\n{where}"


def test_the_words_that_answer_stand_out_and_other_places_are_linked() -> None:
    other = Citation("b <b>.md", "B", "", TEXT[48:70], 3, 25)
    shown = html(48, 70, span=(62, 69), also=(other,))
    assert "Bicycles cost <em>3 euros</em>." in shown
    assert 'Also in <a href="source/b%20%3Cb%3E.md?start=3&amp;end=25#quote"' in shown
    assert "b &lt;b&gt;.md</a>" in shown

import pytest

from qa.terms import Analyzer, asking_words, detect_language


def test_terms_are_stems_without_case_accents_and_stop_words() -> None:
    assert Analyzer().terms("The Cafés of the CITIES, and a café.") == ["cafe", "citi", "cafe"]


def test_words_stand_where_they_are_in_the_text() -> None:
    text = "Über the Tom River"
    assert [(text[w.start : w.end], w.term) for w in Analyzer().words(text)] == [
        ("Über", "uber"),
        ("Tom", "tom"),
        ("River", "river"),
    ]


def test_asking_words_are_found_in_any_case() -> None:
    assert asking_words("WHO came, and when?") == [(0, 3), (14, 18)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The city is on the river and has a port.", "en"),
        ("Die Stadt liegt an dem Fluss und hat einen Hafen.", "de"),
        ("Город стоит на реке, и в нём есть порт, но его не видно.", "ru"),
        ("La ciudad está en el río y tiene un puerto.", "es"),
        ("42 17 99", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_that_of_the_stop_words(text: str, language: str) -> None:
    assert detect_language([text]) == language

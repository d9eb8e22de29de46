import pytest

from qa.text.languages import detect_language
from qa.text.terms import KEPT, Analyzer


def test_terms_are_stems_without_case_accents_and_stop_words() -> None:
    assert Analyzer().terms("The Cafés of the CITIES, and a café.") == ["cafe", "citi", "cafe"]


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


def test_of_words_that_nobody_writes_twice_few_are_kept() -> None:
    analyzer = Analyzer("en")
    assert analyzer.terms("x" * 1000) == ["x" * 1000]
    assert analyzer._kept.cache_info().currsize == 0
    for first in range(0, KEPT + 5000, 1000):
        analyzer.terms(" ".join(f"word{n}" for n in range(first, first + 1000)))
    assert analyzer._kept.cache_info().currsize == KEPT

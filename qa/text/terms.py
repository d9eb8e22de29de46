"""Text → terms: the stems of the words that carry meaning."""

from functools import lru_cache
from typing import Any

from qa.errors import SettingsError
from qa.text.languages import LANGUAGES, stop_words
from qa.text.normalization import WORD, fold

KEPT, LONG = 20_000, 40  # words whose terms are kept, and letters of the longest of those


class Analyzer:
    """Finds the terms of texts in a language, one of the codes in LANGUAGES; raises SettingsError for any other."""

    def __init__(self, language: str = "en") -> None:
        import Stemmer

        if language not in LANGUAGES:
            raise SettingsError(f"QA_LANGUAGE is {language!r}; give auto or one of {', '.join(LANGUAGES)}")
        self.language = language
        stop = {fold(word) for word in stop_words(language)}
        stemmer: Any = Stemmer.Stemmer(LANGUAGES[language])

        def term(word: str) -> str:
            return (
                "" if fold(word) in stop else fold(stemmer.stemWord(word))
            )  # stemmed first: endings depend on accents

        self._term, self._kept = term, lru_cache(maxsize=KEPT)(term)

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text, in order and as often as they occur."""
        words = WORD.findall(text.lower())
        return [term for word in words if (term := (self._kept if len(word) <= LONG else self._term)(word))]

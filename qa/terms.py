"""Text → terms: the lower-cased, stemmed words that carry meaning, in the corpus's language."""

import re
from functools import lru_cache
from typing import Any

WORD = re.compile(r"\w+")


class Analyzer:
    """Finds the terms of texts in one language, given by its ISO 639-1 code."""

    def __init__(self, language: str = "en") -> None:
        import Stemmer
        from bm25s.stopwords import STOPWORDS_EN_PLUS

        self.language = language
        self._stemmer: Any = Stemmer.Stemmer("english")
        self._stop_words = frozenset(STOPWORDS_EN_PLUS)

    def terms(self, text: str) -> list[str]:
        """The terms of a text in order, repeated as often as they occur."""
        words = [word for word in WORD.findall(text.casefold()) if word not in self._stop_words]
        stems: list[str] = self._stemmer.stemWords(words)
        return stems


@lru_cache
def analyzer(language: str) -> Analyzer:
    """The analyzer of a language, made once."""
    return Analyzer(language)

"""Text → terms: the stems of the words that carry meaning, in a text's language."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")  # letters and digits, with accents that stand apart

# ISO 639-1 code → the name that PyStemmer's algorithm and bm25s's list of stop words have
LANGUAGES = {
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
ENGLISH_STOP_WORDS = frozenset(
    """a about also am an and any are as at be been being both but by can cannot could d did do does doing don each few
    for from had has have having he her hers him his how i if in into is it its itself ll m may me might must my no nor
    not of on or our ours re s shall she should so some such t than that the their theirs them themselves then there
    these they this those to too us ve was we were what when where which while who whom whose why will with would you
    your yours""".split()
)
SAMPLE = 200_000  # characters that a language is detected from
KEPT, LONG = 20_000, 40  # words whose terms are kept, and letters of the longest of those


class Analyzer:
    """Finds the terms of texts in one of LANGUAGES, given by its code."""

    def __init__(self, language: str = "en") -> None:
        import Stemmer

        self.language = language
        stop = {fold(word) for word in stop_words(language)}
        stemmer: Any = Stemmer.Stemmer(LANGUAGES[language])

        def term(word: str) -> str:
            return "" if fold(word) in stop else fold(stemmer.stemWord(word))  # endings have accents of their own

        self._term, self._kept = term, lru_cache(maxsize=KEPT)(term)

    def terms(self, text: str) -> list[str]:
        """The terms of a text in order, repeated as often as they occur."""
        words = WORD.findall(text.lower())
        return [term for word in words if (term := (self._kept if len(word) <= LONG else self._term)(word))]


def detect_language(texts: Sequence[str], default: str = "en") -> str:
    """The code of the language whose stop words make up most of the texts; the default where none stands out."""
    sample, words = 0, []
    for text in texts:
        words += WORD.findall(text[: SAMPLE - sample].lower())
        sample += len(text)
        if sample >= SAMPLE:
            break
    shares = {code: sum(word in stop_words(code) for word in words) for code in LANGUAGES}
    best = max(shares, key=lambda code: (shares[code], code == default))
    return best if shares[best] > 0.1 * len(words) else default


@cache
def stop_words(language: str) -> frozenset[str]:
    """A language's words that carry no meaning of their own."""
    if language == "en":
        return ENGLISH_STOP_WORDS
    from bm25s import stopwords

    return frozenset(getattr(stopwords, f"STOPWORDS_{LANGUAGES[language].upper()}"))


def fold(text: str) -> str:
    """Lower case without accents, as words are compared."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))

"""The languages whose stems and stop words are known, and how the language of a text is detected."""

from collections.abc import Sequence
from functools import cache

from qa.text.normalization import WORD

# ISO 639-1 code → name of the stemmer in PyStemmer and of the stop words in bm25s
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
LEAST_STOP_WORDS = 0.1  # of the words of a text in a language


def detect_language(texts: Sequence[str], default: str = "en") -> str:
    """Return the code of the language whose stop words are most frequent, the default where none are frequent."""
    sample, words = 0, []
    for text in texts:
        words += WORD.findall(text[: SAMPLE - sample].lower())
        sample += len(text)
        if sample >= SAMPLE:
            break
    counts = {code: sum(word in stop_words(code) for word in words) for code in LANGUAGES}
    best = max(counts, key=lambda code: (counts[code], code == default))
    return best if counts[best] > LEAST_STOP_WORDS * len(words) else default


@cache
def stop_words(language: str) -> frozenset[str]:
    """Return the words of a language that carry no meaning of their own."""
    if language == "en":
        return ENGLISH_STOP_WORDS
    from bm25s import stopwords

    return frozenset(getattr(stopwords, f"STOPWORDS_{LANGUAGES[language].upper()}"))

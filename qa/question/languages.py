"""Whether a question is in a language that the documents can be asked in."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from qa.text.languages import LANGUAGES, stop_words
from qa.text.normalization import WORD, fold

UNLIKELY = 0.1  # a probability of a language below which a question is clearly not in it
SURELY = 3  # stop words of another language tell it from a name of that language, as Rio de la Plata
FEWEST = 3  # words in Latin letters that a language can be told from


def is_foreign(question: str, languages: Sequence[str], is_known: Callable[[], bool] = lambda: False) -> bool:
    """Whether a question is clearly in none of these languages, by its stop words or else its letters.

    Where most of its words are known here, as names are in any language, only stop words count; `is_known` is asked
    where that matters.
    """
    words = [word.lower() for word in WORD.findall(question)]
    if len(words) < FEWEST and any("a" <= letter <= "z" for letter in fold(question)):
        return False
    counts = Counter(code for word in words for code in _languages_of().get(word, ()))
    spoken = max(counts[code] for code in languages)
    others = max(counts.values(), default=0)
    if spoken == others > 0 or is_known():
        return others >= SURELY and others > 2 * spoken
    ranked: list[tuple[str, float]] = _identifier().rank(question)
    return sum(probability for code, probability in ranked if code in languages) < UNLIKELY


@cache
def _languages_of() -> dict[str, list[str]]:
    """Every stop word, and the codes of the languages that it is one of."""
    found = defaultdict[str, list[str]](list)
    for code in LANGUAGES:
        for word in stop_words(code):
            found[word].append(code)
    return dict(found)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

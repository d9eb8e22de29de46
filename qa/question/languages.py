"""Language identification: is a question in a language that the documents can be asked in?"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from qa.text.languages import LANGUAGES, stop_words
from qa.text.normalization import WORD, fold

MIN_WORDS = 3  # in Latin letters; fewer don't show a language
MIN_STOP_WORDS = 3  # of another language; fewer may belong to a name, such as Rio de la Plata
MIN_PROBABILITY = 0.1  # of all allowed languages together; below it a question is in none of them


def is_foreign(question: str, languages: Sequence[str], is_known: Callable[[], bool] = lambda: False) -> bool:
    """Return whether a question is clearly in none of these languages, given as codes.

    Stop words decide first, then a language identifier over the letters. `is_known` returns whether the documents have
    most of the question's words. If they do, these may be names, which belong to every language: then only stop words
    count. It is called only when the answer depends on it.
    """
    words = [word.lower() for word in WORD.findall(question)]
    if len(words) < MIN_WORDS and any("a" <= letter <= "z" for letter in fold(question)):
        return False
    counts = Counter(code for word in words for code in _languages_of_stop_words().get(word, ()))
    allowed = max(counts[code] for code in languages)
    most = max(counts.values(), default=0)
    if allowed == most > 0 or is_known():
        return most >= MIN_STOP_WORDS and most > 2 * allowed
    ranked: list[tuple[str, float]] = _identifier().rank(question)
    return sum(probability for code, probability in ranked if code in languages) < MIN_PROBABILITY


@cache
def _languages_of_stop_words() -> dict[str, list[str]]:
    """Return each stop word with the codes of its languages."""
    codes = defaultdict[str, list[str]](list)
    for code in LANGUAGES:
        for word in stop_words(code):
            codes[word].append(code)
    return dict(codes)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

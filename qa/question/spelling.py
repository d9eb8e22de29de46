"""Spelling correction: unknown words of a question → the nearest words of the corpus."""

from typing import TYPE_CHECKING

from qa.text.normalization import WORD, fold
from qa.text.terms import Analyzer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from qa.index.store import Store

MIN_LETTERS, MAX_LETTERS = 5, 30  # a shorter word has too many neighbours, a longer one is no word
MAX_CORRECTIONS = 5  # words of a question; each has hundreds of candidates to look up
ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "абвгдежзиклмнопрстуфхцчшщъыьэюя")  # of folded words


def corrected(question: str, store: "Store", analyzer: Analyzer, tokenizer: "Tokenizer") -> str:
    """Return the question with each unknown word replaced by a word of the corpus that is one typing error away.

    A word is unknown if the corpus doesn't have it and the encoder's vocabulary doesn't have it as a single token. Of
    several corrections the one with the same first letter wins, then the most frequent.
    """
    words = [(match, fold(match[0])) for match in WORD.finditer(question)]
    terms = {word: analyzer.terms(word) for _, word in words if MIN_LETTERS <= len(word) <= MAX_LETTERS}
    known = store.known([term for terms_of_word in terms.values() for term in terms_of_word])
    unknown = [word for word, terms_of_word in terms.items() if known.isdisjoint(terms_of_word)][:MAX_CORRECTIONS]
    corrections = {word: _correction(word, store, tokenizer) for word in unknown}
    pieces, end = [], 0
    for match, word in words:
        if correction := corrections.get(word):
            pieces += [question[end : match.start()], _with_case_of(match[0], correction)]
            end = match.end()
    return "".join(pieces) + question[end:]


def _correction(word: str, store: "Store", tokenizer: "Tokenizer") -> str | None:
    alphabet = next((letters for letters in ALPHABETS if set(word) <= set(letters)), "")
    if not alphabet or len(tokenizer.encode(word, add_special_tokens=False).ids) == 1 or store.frequencies([word]):
        return None
    frequency = store.frequencies(_one_error_away(word, alphabet))
    return max(frequency, key=lambda other: (other[0] == word[0], frequency[other], other), default=None)


def _one_error_away(word: str, alphabet: str) -> list[str]:
    """Return every string at a Damerau-Levenshtein distance of 1.

    After Damerau, A technique for computer detection and correction of spelling errors (1964).
    """
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    deletions = [a + b[1:] for a, b in splits if b]
    transpositions = [a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1]
    substitutions = [a + c + b[1:] for a, b in splits if b for c in alphabet]
    insertions = [a + c + b for a, b in splits for c in alphabet]
    return list({*deletions, *transpositions, *substitutions, *insertions})


def _with_case_of(model: str, word: str) -> str:
    return word.upper() if model.isupper() else word.capitalize() if model[0].isupper() else word

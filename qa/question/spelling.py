"""Typing errors: a question's words that nobody knows → the corpus's nearest ones."""

from typing import TYPE_CHECKING

from qa.text.normalization import WORD, fold
from qa.text.terms import Analyzer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from qa.index.store import Store

SHORTEST, LONGEST = 5, 30  # letters; a shorter word is near too many others, a longer one is none
MOST = 5  # words of a question that are looked up, which each have hundreds of neighbours
ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "абвгдежзиклмнопрстуфхцчшщъыьэюя")  # of folded words


def corrected(question: str, store: "Store", analyzer: Analyzer, tokenizer: "Tokenizer") -> str:
    """The question with each unknown word as the corpus spells it, where that differs by one typing error.

    Unknown is a word that neither the corpus nor, as one piece, the encoder's vocabulary has. Of several words of the
    corpus the one with the same first letter is meant, then the most frequent.
    """
    words = [(match, fold(match[0])) for match in WORD.finditer(question)]
    terms = {word: analyzer.terms(word) for _, word in words if SHORTEST <= len(word) <= LONGEST}
    known = store.known([term for own in terms.values() for term in own])
    unknown = [word for word, own in terms.items() if known.isdisjoint(own)][:MOST]
    nearest = {word: _nearest(word, store, tokenizer) for word in unknown}
    parts, at = [], 0
    for match, word in words:
        if better := nearest.get(word):
            parts += [question[at : match.start()], _in_case(better, match[0])]
            at = match.end()
    return "".join(parts) + question[at:]


def _nearest(word: str, store: "Store", tokenizer: "Tokenizer") -> str | None:
    alphabet = next((letters for letters in ALPHABETS if set(word) <= set(letters)), "")
    if not alphabet or len(tokenizer.encode(word, add_special_tokens=False).ids) == 1 or store.frequencies([word]):
        return None
    found = store.frequencies(_one_error_away(word, alphabet))
    return max(found, key=lambda other: (other[0] == word[0], found[other], other), default=None)


def _one_error_away(word: str, alphabet: str) -> list[str]:
    """Every text that one letter left out, put in or changed, or two neighbours swapped, makes of a word.

    After Damerau, A technique for computer detection and correction of spelling errors (1964).
    """
    halves = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    left_out = [a + b[1:] for a, b in halves if b]
    swapped = [a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1]
    changed = [a + c + b[1:] for a, b in halves if b for c in alphabet]
    put_in = [a + c + b for a, b in halves for c in alphabet]
    return list({*left_out, *swapped, *changed, *put_in})


def _in_case(word: str, like: str) -> str:
    return word.upper() if like.isupper() else word.capitalize() if like[0].isupper() else word

"""What the words of sentences show, as numbers that are found when a passage is indexed and compared when one asks."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from qa.terms import Analyzer
from qa.types import Passage

Hashes = npt.NDArray[np.uint32]

NUMBER = re.compile(r"\d[\d,.]*\d|\d")
CAPITALISED = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'’-]+|\b[A-Z]{2,}\b")
PLACE = re.compile(
    r"\b(?:in|at|near|from|to|of|on|across|through|around|between|over|into|outside|within)\s+"
    r"(?:the\s+)?([A-Z][\w'’-]+)"
)
NEGATION = re.compile(r"\b(?:not|never|no|without|except|cannot|neither|nor)\b|n't|n’t")
LONG = 3  # digits and what stands between them, from which on a number may be a year

# A mark is the hash of a word, and in its lowest bits what it is: a term, in the order of the text, …
BITS = 3
TERM, TITLE, NAMED, PLACED, FIGURE, LONG_FIGURE = range(6)  # … or one of the different other things, in any order

# a sentence's flags, and by what its text in lower case shows them
PRONOUN, DATE, COUNT, NEGATED, ASKS = (1 << bit for bit in range(5))
SHOWN_BY = {
    PRONOUN: re.compile(r"^\W*(?:he|she|it|they|this|these|his|her|its|their|such|that|those)\b"),
    DATE: re.compile(
        r"\b1\d{3}s?\b|\b20\d\ds?\b|\b\d{3} (?:bc|ad|bce)\b|\bcentur|\b\d0s\b"
        r"|\b(?:after|before|during|until|since) the\b"
        r"|\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b"
    ),
    COUNT: re.compile(
        r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty"
        r"|seventy|eighty|ninety|hundred|thousand|million|billion|half|third|quarter|dozen|twice|once|several|none)\b"
    ),
    NEGATED: NEGATION,
    ASKS: re.compile(r"\?\s*$"),
}


class Marks(NamedTuple):
    """What the words of a passage's sentences show.

    `words` are the marks and `sentences` the numbers of the sentences that they are of; those of the title and of the
    heading are the first sentence's. `surface` has each sentence's length in characters, how many different terms it
    has, and its flags: shape (sentences, 3).
    """

    words: Hashes
    sentences: npt.NDArray[np.int64]
    surface: npt.NDArray[np.int32]


def marks_of(passage: Passage, analyzer: Analyzer) -> Marks:
    """The marks of a passage's sentences."""
    found, surface = [], []
    title = [(TITLE, term) for term in _different(analyzer.terms(f"{passage.title} {passage.heading}"))]
    for number, sentence in enumerate(passage.sentences):
        text, lower, terms = sentence.text, sentence.text.lower(), analyzer.terms(sentence.text)
        own = [(TERM, term) for term in terms] + title * (number == 0)
        own += [(NAMED, name) for name in _different(name.lower() for name in CAPITALISED.findall(text))]
        own += [(PLACED, name) for name in _different(name.lower() for name in PLACE.findall(text))]
        own += [(LONG_FIGURE if len(n) >= LONG else FIGURE, n) for n in _different(NUMBER.findall(text))]
        found += [(hashed(word) << BITS | kind, number) for kind, word in own]
        flags = sum(flag for flag, shown in SHOWN_BY.items() if shown.search(lower))
        surface.append((len(text), len(set(terms)), flags))
    words, sentences = zip(*found, strict=True) if found else ((), ())
    return Marks(
        np.array(words, dtype=np.uint32),
        np.array(sentences, dtype=np.int64),
        np.array(surface, dtype=np.int32).reshape(-1, 3),
    )


def _different(words: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(words)


@lru_cache(maxsize=100_000)
def hashed(word: str) -> int:
    """A hash of 29 bits: of some ten thousand pairs that are compared for a question, one in 50,000 times two agree."""
    return crc32(word.encode()) >> BITS

"""A question, analysed once: its terms, the names in it, and what kind of answer it wants."""

import re
from typing import NamedTuple

from qa.encoder import Vectors
from qa.terms import Analyzer, asking_words
from qa.together import Encode
from qa.words import project

NAME = re.compile(r"[^\W_]+(?:[.,'’-][^\W_]+)*")

WHICH = r"\b(?:what|which) (?:\w+ )?"  # before the noun that is asked for

# What an answer has to hold for a question, by its words; the first that fits decides, "other" where none does.
KINDS = (
    (
        "time",
        re.compile(r"\bwhen\b|" + WHICH + r"(?:year|date|day|month|century|decade|era|period|time)s?\b"),
    ),
    (
        "number",
        re.compile(
            r"\bhow (?:many|much|far|large|big|tall|high|deep|fast|wide|often|heavy|hot|cold|long|old)\b|"
            + WHICH
            + r"(?:percent\w*|number|proportion|fraction|amount|population|rate|ratio|size|height|length|area"
            r"|temperature|speed|cost|price|distance|value|age)\b"
        ),
    ),
    (
        "person",
        re.compile(
            r"\b(?:who|whose|whom)\b|" + WHICH + r"(?:person|man|woman|king|queen|emperor|ruler|president"
            r"|leader|author|scientist|general|philosopher|engineer|explorer|actor|singer|poet|artist|governor)\b"
        ),
    ),
    (
        "place",
        re.compile(
            r"\bwhere\b|" + WHICH + r"(?:city|country|state|place|location|region|continent|river|town|province"
            r"|island|county|district|street|nation)\b"
        ),
    ),
)

# Questions that want a list, or an overview of one.
PLURAL = r"(?!(?:is|was|has|does|this|as|its|his)\b)\w+(?<![su])s"
LISTING = re.compile(
    rf"\b(?:what|which) (?:\w+ ){{0,3}}?{PLURAL} \w|\b(?:what|who) (?:are|were) (?:\w+ ){{0,4}}?{PLURAL}\b"
    rf"|\b(?:list|name|enumerate|mention) (?:\w+ ){{0,4}}?{PLURAL}\b|\bknown for\b|\bconsists? of\b"
    r"|\bwhat (?:\w+ )+(?:include|offer|contain)\b|\bexamples of\b",
)


class Question(NamedTuple):
    """What the retriever and the reader need to know of a question."""

    text: str
    sequence: list[str]  # its terms in order
    terms: list[str]  # the distinct ones
    names: list[str]  # the terms of its names and numbers
    kind: str
    listing: bool  # whether it wants all items of a list
    vector: Vectors  # of the question, unit length
    words: Vectors  # of the words behind its terms, in order, and behind them of those that ask; unit length


def analyse(text: str, encode: Encode, analyzer: Analyzer, basis: Vectors) -> Question:
    """Encode a question and find what it is made of; its words' vectors are projected on the basis."""
    words = analyzer.words(text)
    spans = [(word.start, word.end) for word in words] + asking_words(text)
    encoded = encode(text, spans)
    sequence = [word.term for word in words]
    return Question(
        text=text,
        sequence=sequence,
        terms=list(dict.fromkeys(sequence)),
        names=_names(text, analyzer),
        kind=_kind(text),
        listing=LISTING.search(text.lower()) is not None,
        vector=encoded.vector,
        words=project(encoded.stretches, basis),
    )


def _names(text: str, analyzer: Analyzer) -> list[str]:
    """The terms of capitalised words and numbers; of a question mostly in capitals only those of numbers."""
    words = NAME.findall(text)
    shouting = sum(word.isupper() for word in words) > len(words) / 2
    named = [
        word
        for i, word in enumerate(words)
        if word[0].isdigit() or (not shouting and word[0].isupper() and (i or any(c.isupper() for c in word[1:])))
    ]
    return [term for word in named for term in analyzer.terms(word)]


def _kind(text: str) -> str:
    lower = text.lower()
    return next((kind for kind, pattern in KINDS if pattern.search(lower)), "other")

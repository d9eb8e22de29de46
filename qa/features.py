"""What tells the sentence that answers from the others, and a right quote from a wrong one. Pure functions."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.question import Question
from qa.stores import Entry
from qa.terms import WORD, Analyzer

Array = npt.NDArray[np.float64]

NAMED = ("person", "place", "other")  # kinds of answers that are names

K1, B = 1.2, 0.5  # of BM25 over sentences
AVERAGE_TERMS = 13  # in a sentence of an encyclopaedia, for its normalisation of length

NUMBER = re.compile(r"\d[\d,.]*\d|\d")
CAPITALISED = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'’-]+|\b[A-Z]{2,}\b")
PRONOUN = re.compile(r"\W*(?:he|she|it|they|this|these|his|her|its|their|such|that|those)\b")
NEGATION = re.compile(r"\b(?:not|never|no|without|except|cannot|neither|nor)\b|n't|n’t")
NEGATED = re.compile(NEGATION.pattern + r"|\bun\w+able\b")
DATE = re.compile(
    r"\b1\d{3}s?\b|\b20\d\ds?\b|\b\d{3} (?:bc|ad|bce)\b|\bcentur|\b\d0s\b|\b(?:after|before|during|until|since) the\b"
    r"|\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b"
)
COUNT = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|seventy"
    r"|eighty|ninety|hundred|thousand|million|billion|half|third|quarter|dozen|twice|once|several|none)\b"
)
PLACE = re.compile(
    r"\b(?:in|at|near|from|to|of|on|across|through|around|between|over|into|outside|within)\s+(?:the\s+)?([A-Z][\w'’-]+)"
)

# by name, in the order of sentence_features' columns
SENTENCE = (
    "cosine fused best_cosine coverage near_coverage passage_coverage previous_coverage bm25 bm25_gap match "
    "match_previous match_passage match_asking subsequence pairs length pronoun words_new number_new kind_missing "
    "person_names date_new place_names number_asked other_names is_question"
).split()
# whether the documents are about this at all, and whether the first quote answers if they are
GATE = "best_cosine best_passage coverage passage_coverage names_missing match_passage".split()
RIGHT = (
    "log_share passage_share cosine passage_cosine heaviest_missing names_missing numbers_missing negation_differs "
    "negated match match_previous kind_missing question_length"
).split()


class Candidate(NamedTuple):
    """A passage on the shortlist, with the question's cosine to it and its fused score."""

    entry: Entry
    title_terms: frozenset[str]  # of the title and the heading
    cosine: float
    fused: float


class Sentences(NamedTuple):
    """The sentences of all candidates: which candidate's each is, and which of its, its terms and its features."""

    candidate: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    terms: list[list[str]]
    features: Array  # shape (sentences, len(SENTENCE))


def sentence_features(
    question: Question, candidates: Sequence[Candidate], idf: Mapping[str, float], analyzer: Analyzer
) -> Sentences:
    """The features of every sentence of the candidates; `idf` knows all the question's terms."""
    texts = [[sentence.text for sentence in candidate.entry.passage.sentences] for candidate in candidates]
    groups = _Groups([len(own) for own in texts])
    terms = [analyzer.terms(text) for own in texts for text in own]
    columns = [
        *_of_meaning(question, candidates, groups),
        *_of_terms(question, terms, [candidate.title_terms for candidate in candidates], idf, groups),
        *_of_words(question, [candidate.entry for candidate in candidates], idf, groups),
        *_of_surface(question, [text for own in texts for text in own], terms),
    ]
    return Sentences(groups.candidate, groups.number, terms, np.column_stack(columns))


class _Groups:
    """The sentences of all candidates as rows, one candidate's after the other's."""

    def __init__(self, counts: Sequence[int]) -> None:
        ends = np.cumsum(counts, dtype=np.int64)
        self.first = ends - np.array(counts, dtype=np.int64)
        self._last = ends - 1
        self.candidate = np.repeat(np.arange(len(counts)), counts)
        self.number = np.arange(len(self.candidate)) - self.first[self.candidate]

    def best(self, rows: Array) -> Array:
        """For each row the maximum over its candidate's."""
        found: Array = np.maximum.reduceat(rows, self.first)[self.candidate]
        return found

    def before(self, rows: Array) -> Array:
        """For each row the one before it, zeros for a candidate's first."""
        moved = np.roll(rows, 1, axis=0)
        moved[self.first] = 0
        return moved

    def after(self, rows: Array) -> Array:
        """For each row the one after it, zeros for a candidate's last."""
        moved = np.roll(rows, -1, axis=0)
        moved[self._last] = 0
        return moved


def _of_meaning(question: Question, candidates: Sequence[Candidate], groups: _Groups) -> list[Array]:
    """How near each sentence is to the question, beside its passage and the nearest of its neighbours."""
    sentences = np.concatenate([candidate.entry.sentences for candidate in candidates])
    cosine = (sentences @ question.vector).astype(np.float64)
    fused = np.array([candidate.fused for candidate in candidates])
    return [cosine, fused[groups.candidate], groups.best(cosine)]


def _of_terms(
    question: Question,
    terms: Sequence[list[str]],
    titles: Sequence[frozenset[str]],
    idf: Mapping[str, float],
    groups: _Groups,
) -> list[Array]:
    """Which share of the question's terms, by idf, is in each sentence, around it, and in its passage; BM25."""
    weights = np.array([idf[term] for term in question.terms])
    total = weights.sum() + 1e-9
    there = np.array([[own.count(term) for term in question.terms] for own in terms], dtype=np.float64)
    there = there.reshape(len(terms), len(question.terms))
    named = np.array([[term in title for term in question.terms] for title in titles], dtype=np.float64)
    in_title = named.reshape(len(titles), len(question.terms))[groups.candidate]
    has = np.minimum(there, 1)
    before = groups.before(has)

    def covered(terms_there: Array) -> Array:
        share: Array = np.minimum(terms_there, 1) @ weights / total
        return share

    coverage = covered(has)
    sizes = np.array([[len(own)] for own in terms], dtype=np.float64)
    bm25 = there / (there + K1 * (1 - B + B * sizes / AVERAGE_TERMS)) @ weights / total
    near, whole = covered(has + before + groups.after(has) + in_title), covered(groups.best(has) + in_title)
    return [coverage, near, whole, covered(has + before) - coverage, bm25, bm25 - groups.best(bm25)]


def _of_words(question: Question, entries: Sequence[Entry], idf: Mapping[str, float], groups: _Groups) -> list[Array]:
    """How near the nearest word of each sentence is to each word of the question, weighted by idf (late interaction).

    After MaxSim of Khattab and Zaharia, ColBERT (2020), but by sentence and over whole words.
    """
    best: Vectors = np.zeros((len(groups.candidate), len(question.words)), dtype=np.float32)
    words = np.concatenate([entry.words for entry in entries])
    rows = np.concatenate([entry.word_sentences + first for entry, first in zip(entries, groups.first, strict=True)])
    if len(words) and len(question.words):
        starts = np.flatnonzero(np.diff(rows, prepend=-1))  # words are in the order of their sentences
        best[rows[starts]] = np.maximum(np.maximum.reduceat(words @ question.words.T, starts), 0)
    weights = np.array([idf[term] for term in question.word_terms])
    weights = weights / (weights.sum() + 1e-9)
    carrying, asking = best[:, : len(weights)].astype(np.float64), best[:, len(weights) :].astype(np.float64)
    match = carrying @ weights
    previous = np.maximum(carrying, groups.before(carrying)) @ weights
    return [match, previous, groups.best(carrying) @ weights, asking.max(axis=1, initial=0)]


def _of_surface(question: Question, texts: Sequence[str], terms: Sequence[list[str]]) -> list[Array]:
    """What can be read off the words: their order, and whether the kind of answer that is wanted is there and new."""
    lower, kind = question.text.lower(), question.kind
    known, asked, own = set(WORD.findall(lower)), set(NUMBER.findall(lower)), set(question.terms)
    pairs = set(pairwise(question.sequence))
    places = _places(question.sequence)
    rows = []
    for text, sequence in zip(texts, terms, strict=True):
        names = {name.lower() for name in CAPITALISED.findall(text)} - known if kind in NAMED else set()
        numbers = set(NUMBER.findall(text)) - asked
        many = math.log1p(len(names))
        rows.append(
            (
                _common_subsequence(places, sequence) / max(1, len(question.sequence)),
                sum(pair in pairs for pair in pairwise(sequence)) / max(1, len(pairs)),
                math.log(max(1, len(text))),
                PRONOUN.match(text.lower()) is not None,
                math.log1p(len(set(sequence) - own)),
                bool(numbers),
                not _holds(kind, text, names, numbers, known),
                many * (kind == "person"),
                (kind == "time") * any(len(number) >= 3 for number in numbers),
                many * (kind == "place"),
                (kind == "number") * bool(numbers),
                many * (kind == "other"),
                text.rstrip().endswith("?"),
            )
        )
    return list(np.array(rows, dtype=np.float64).T)


def _holds(kind: str, text: str, names: set[str], numbers: set[str], known: set[str]) -> bool:
    """Whether a sentence has anything of the kind that is asked for."""
    if kind == "time":
        return DATE.search(text.lower()) is not None
    if kind == "number":
        return bool(numbers) or COUNT.search(text.lower()) is not None
    if kind == "person":
        return bool(names)
    if kind == "place":
        return any(name.lower() not in known for name in PLACE.findall(text))
    return True


def confidence_features(
    question: Question, candidates: Sequence[Candidate], sentences: Sentences, shares: Array, idf: Mapping[str, float]
) -> dict[str, float]:
    """What tells a right first quote from a wrong one; none of it depends on the corpus's size.

    `shares` has each sentence's share of the belief, as the reader's softmax gives it.
    """
    best = int(np.argmax(shares))
    chosen = candidates[sentences.candidate[best]]
    of_passage = sentences.candidate == sentences.candidate[best]
    row = dict(zip(SENTENCE, sentences.features[best].tolist(), strict=True))
    quote = set(sentences.terms[best])
    in_passage = chosen.title_terms.union(*(sentences.terms[i] for i in np.flatnonzero(of_passage)))
    heaviest = max((idf[term] for term in question.terms), default=0.0)
    negated = NEGATED.search(question.text.lower()) is not None
    return {
        **{name: row[name] for name in row if name in GATE + RIGHT},
        "log_share": math.log(shares[best] + 1e-6),
        "passage_share": float(shares[of_passage].sum()),
        "passage_cosine": chosen.cosine,
        "best_cosine": float(sentences.features[:, SENTENCE.index("cosine")].max()),
        "best_passage": max(candidate.cosine for candidate in candidates),
        "heaviest_missing": max((idf[t] for t in question.terms if t not in quote), default=0.0) / (heaviest + 1e-9),
        "names_missing": sum(term not in in_passage for term in question.names) / max(1, len(question.names)),
        "numbers_missing": float(any(term not in quote for term in question.names if term[0].isdigit())),
        "negation_differs": float(negated != (NEGATION.search(_quote(chosen, sentences, best).lower()) is not None)),
        "negated": float(negated),
        "question_length": math.log1p(len(question.terms)),
    }


def _quote(chosen: Candidate, sentences: Sentences, number: int) -> str:
    return chosen.entry.passage.sentences[int(sentences.number[number])].text


def _places(sequence: Sequence[str]) -> dict[str, int]:
    """Where each term stands in a sequence, as the bits of a number."""
    places: dict[str, int] = {}
    for number, term in enumerate(sequence):
        places[term] = places.get(term, 0) | 1 << number
    return places


def _common_subsequence(places: Mapping[str, int], other: Sequence[str]) -> int:
    """Length of the longest sequence of terms that two sequences hold in order, one of them given by its places.

    Bit-parallel, after Hyyrö, Bit-parallel LCS-length computation revisited (2004): a row of the usual table is a
    number whose zeros are the steps in it.
    """
    row = full = (1 << sum(bits.bit_count() for bits in places.values())) - 1
    for term in other:
        if bits := places.get(term, 0):
            kept = row & bits
            row = ((row + kept) | (row - kept)) & full
    return (full ^ row).bit_count()

"""What tells the sentence that answers from the others, and a right quote from a wrong one. Pure functions."""

import math
import re
from collections import Counter
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
    terms, parts = [], []
    for candidate in candidates:
        own = [analyzer.terms(sentence.text) for sentence in candidate.entry.passage.sentences]
        terms += own
        parts.append(_of_passage(question, candidate, own, idf))
    counts = [len(part) for part in parts]
    return Sentences(
        candidate=np.repeat(np.arange(len(parts)), counts),
        number=np.concatenate([np.arange(count) for count in counts]),
        terms=terms,
        features=np.vstack(parts),
    )


def _of_passage(question: Question, candidate: Candidate, terms: list[list[str]], idf: Mapping[str, float]) -> Array:
    columns = [
        *_of_meaning(question, candidate),
        *_of_terms(question, terms, candidate.title_terms, idf),
        *_of_words(question, candidate.entry, idf),
        *_of_surface(question, [s.text for s in candidate.entry.passage.sentences], terms),
    ]
    return np.column_stack(columns)


def _of_meaning(question: Question, candidate: Candidate) -> list[Array]:
    """How near each sentence is to the question, beside its passage and the nearest of its neighbours."""
    cosine = (candidate.entry.sentences @ question.vector).astype(np.float64)
    return [cosine, np.full_like(cosine, candidate.fused), np.full_like(cosine, cosine.max())]


def _of_terms(
    question: Question, terms: list[list[str]], title: frozenset[str], idf: Mapping[str, float]
) -> list[Array]:
    """Which share of the question's terms, by idf, is in each sentence, around it, and in its passage; BM25."""
    weights = np.array([idf[term] for term in question.terms])
    total = weights.sum() + 1e-9
    counts = [Counter(own) for own in terms]
    there = np.array([[count[term] for term in question.terms] for count in counts], dtype=np.float64)
    there = there.reshape(len(terms), len(question.terms))
    has, in_title = np.minimum(there, 1), np.array([term in title for term in question.terms], dtype=np.float64)
    before, after = _shifted(has, 1), _shifted(has, -1)

    def covered(terms_there: Array) -> Array:
        share: Array = np.minimum(terms_there, 1) @ weights / total
        return share

    coverage = covered(has)
    sizes = np.array([[len(own)] for own in terms], dtype=np.float64)
    bm25 = there / (there + K1 * (1 - B + B * sizes / AVERAGE_TERMS)) @ weights / total
    near, whole = covered(has + before + after + in_title), covered(has.max(axis=0) + in_title)
    previous = covered(has + before) - coverage
    return [coverage, near, np.full_like(coverage, whole), previous, bm25, bm25 - bm25.max()]


def _of_words(question: Question, entry: Entry, idf: Mapping[str, float]) -> list[Array]:
    """How near the nearest word of each sentence is to each word of the question, weighted by idf (late interaction).

    After MaxSim of Khattab and Zaharia, ColBERT (2020), but by sentence and over whole words.
    """
    sentences = len(entry.passage.sentences)
    best: Vectors = np.zeros((sentences, len(question.words)), dtype=np.float32)
    if len(entry.words) and len(question.words):
        np.maximum.at(best, entry.word_sentences, entry.words @ question.words.T)
    weights = np.array([idf[term] for term in question.word_terms])
    weights = weights / (weights.sum() + 1e-9)
    carrying, asking = best[:, : len(weights)].astype(np.float64), best[:, len(weights) :].astype(np.float64)
    match = carrying @ weights
    previous = np.maximum(carrying, _shifted(carrying, 1)) @ weights
    whole = np.full(sentences, carrying.max(axis=0) @ weights)
    return [match, previous, whole, asking.max(axis=1) if asking.size else np.zeros(sentences)]


def _of_surface(question: Question, texts: Sequence[str], terms: list[list[str]]) -> list[Array]:
    """What can be read off the words: their order, and whether the kind of answer that is wanted is there and new."""
    lower = question.text.lower()
    known, asked, own = set(WORD.findall(lower)), set(NUMBER.findall(lower)), set(question.terms)
    pairs = set(pairwise(question.sequence))
    rows = []
    for text, sequence in zip(texts, terms, strict=True):
        names = {name.lower() for name in CAPITALISED.findall(text)} - known
        numbers = set(NUMBER.findall(text)) - asked
        many, kind = math.log1p(len(names)), question.kind
        rows.append(
            (
                _common_subsequence(question.sequence, sequence) / max(1, len(question.sequence)),
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


def _shifted(rows: Array, by: int) -> Array:
    """The rows, each in the place of the next one (1) or of the one before (-1); zeros where there is none."""
    moved = np.roll(rows, by, axis=0)
    if len(rows):
        moved[0 if by > 0 else -1] = 0
    return moved


def _common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest sequence of terms that both hold in order."""
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]

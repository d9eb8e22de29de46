"""What tells the sentence that answers from the others, and a right quote from a wrong one. Pure functions."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors
from qa.marks import (
    ASKS,
    BITS,
    COUNT,
    DATE,
    FIGURE,
    LONG_FIGURE,
    NAMED,
    NEGATED,
    NEGATION,
    NUMBER,
    PLACED,
    PRONOUN,
    TERM,
    TITLE,
    Hashes,
    hashed,
)
from qa.question import Question
from qa.stores import Evidence, Numbers
from qa.terms import WORD
from qa.types import Passage

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NAMES = ("person", "place", "other")  # kinds of answers that are names

K1, B = 1.2, 0.5  # of BM25 over sentences
AVERAGE_TERMS = 13  # in a sentence of an encyclopaedia, for its normalisation of length

DENIED = re.compile(NEGATION.pattern + r"|\bun\w+able\b")

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

OF_QUOTE = frozenset(SENTENCE).intersection(GATE + RIGHT)  # what of either is the first quote's own


class Candidate(NamedTuple):
    """A passage on the shortlist under its number, with the question's cosine to it and its fused score."""

    number: int
    passage: Passage
    cosine: float
    fused: float


class Sentences(NamedTuple):
    """The sentences of all candidates: which candidate's each is, which of its, its features and its flags.

    `words` are the question's terms and the terms of its names; `there` says which of them each sentence has, and
    `in_title` which each candidate's title and heading.
    """

    candidate: Numbers
    number: Numbers
    features: Array  # shape (sentences, len(SENTENCE))
    flags: npt.NDArray[np.int32]
    words: list[str]
    there: Flags  # shape (sentences, words)
    in_title: Flags  # shape (candidates, words)


def sentence_features(
    question: Question, candidates: Sequence[Candidate], evidence: Evidence, idf: Mapping[str, float]
) -> Sentences:
    """The features of every sentence of the candidates, from their evidence; `idf` knows all the question's terms."""
    groups, marked = _Groups(evidence.counts), _Marked(evidence)
    words = list(dict.fromkeys([*question.terms, *question.names]))
    which = marked.which(TERM, words)
    counts = _table(evidence.mark_rows, which, (len(groups.candidate), len(words)))
    of_candidate = groups.candidate[evidence.mark_rows]
    in_title = _table(of_candidate, marked.which(TITLE, words), (len(candidates), len(words)))
    sizes = np.bincount(evidence.mark_rows[marked.kinds == TERM], minlength=len(groups.candidate))
    fused = np.array([candidate.fused for candidate in candidates])
    cosine = (evidence.vectors @ question.vector).astype(np.float64)
    columns = [
        *(cosine, fused[groups.candidate], groups.best(cosine)),
        *_of_terms([idf[term] for term in question.terms], counts, in_title, sizes, groups),
        *_of_words(question, evidence, idf, groups),
        *_of_order([words.index(t) for t in question.sequence], evidence.mark_rows, which, len(groups.candidate)),
        *_of_surface(question, marked, evidence.surface, counts),
    ]
    features = np.array(columns, dtype=np.float64).T
    flags = evidence.surface[:, 2]
    return Sentences(groups.candidate, groups.number, features, flags, words, counts > 0, in_title > 0)


class _Marked:
    """The marks of all sentences, by what they are."""

    def __init__(self, evidence: Evidence) -> None:
        self.kinds = (evidence.marks & (1 << BITS) - 1).astype(np.uint8)
        self._marks = evidence.marks
        self._rows = evidence.mark_rows

    def which(self, kind: int, words: Iterable[str]) -> Numbers:
        """Which of some words each mark is, -1 for one that is another word or of another kind."""
        numbers, places = np.nonzero(_marks(kind, words)[:, None] == self._marks)
        found = np.full(len(self._marks), -1)
        found[places] = numbers
        return found

    def new(self, kind: int, words: Iterable[str], count: int) -> Array:
        """How many marks of a kind each row has that are none of some words."""
        own = np.flatnonzero(self.kinds == kind)
        known = (_marks(kind, words)[:, None] == self._marks[own]).any(axis=0)
        return np.bincount(self._rows[own[~known]], minlength=count).astype(np.float64)


def _marks(kind: int, words: Iterable[str]) -> Hashes:
    return np.array([hashed(word) << BITS | kind for word in words], dtype=np.uint32)


class _Groups:
    """The sentences of all candidates as rows, one candidate's after the other's."""

    def __init__(self, counts: Numbers) -> None:
        ends = np.cumsum(counts)
        self.first = ends - counts
        self._last = ends - 1
        self.candidate = np.repeat(np.arange(len(counts)), counts)
        self.number = np.arange(len(self.candidate)) - self.first[self.candidate]

    def best(self, rows: Array) -> Array:
        """For each row the maximum over its candidate's."""
        found: Array = np.maximum.reduceat(rows, self.first)[self.candidate]
        return found

    def before(self, rows: Array) -> Array:
        """For each row the one before it, zeros for a candidate's first."""
        moved = np.empty_like(rows)
        moved[1:] = rows[:-1]
        moved[self.first] = 0
        return moved

    def after(self, rows: Array) -> Array:
        """For each row the one after it, zeros for a candidate's last."""
        moved = np.empty_like(rows)
        moved[:-1] = rows[1:]
        moved[self._last] = 0
        return moved


def _table(rows: Numbers, columns: Numbers, shape: tuple[int, int]) -> Array:
    """How often each pair of a row and a column is there, but for columns of -1."""
    there = np.flatnonzero(columns >= 0)
    found = rows[there] * shape[1] + columns[there]
    return np.bincount(found, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def _of_terms(rarity: Sequence[float], counts: Array, in_title: Array, sizes: Numbers, groups: _Groups) -> list[Array]:
    """Which share of the question's terms, by idf, is in each sentence, around it, and in its passage; BM25.

    The terms are the first columns of `counts` and of `in_title`; `sizes` is how many terms each sentence has.
    """
    weights = np.array(rarity)
    total = weights.sum() + 1e-9
    there, titled = counts[:, : len(weights)], in_title[groups.candidate, : len(weights)]
    has = np.minimum(there, 1)
    so_far = has + groups.before(has)
    around = [has, so_far + groups.after(has) + titled, groups.best(has) + titled, so_far]
    coverage, near, whole, previous = np.minimum(around, 1) @ weights / total
    bm25 = there / (there + (K1 * (1 - B) + K1 * B / AVERAGE_TERMS * sizes)[:, None]) @ weights / total
    return [coverage, near, whole, previous - coverage, bm25, bm25 - groups.best(bm25)]


def _of_words(question: Question, evidence: Evidence, idf: Mapping[str, float], groups: _Groups) -> list[Array]:
    """How near the nearest word of each sentence is to each word of the question, weighted by idf (late interaction).

    After MaxSim of Khattab and Zaharia, ColBERT (2020), but by sentence and over whole words.
    """
    best: Vectors = np.zeros((len(groups.candidate), len(question.words)), dtype=np.float32)
    if len(evidence.words) and len(question.words):
        rows = evidence.word_rows  # in order
        starts = np.concatenate([[0], np.flatnonzero(rows[1:] != rows[:-1]) + 1])
        nearest = np.maximum.reduceat(evidence.words @ question.words.T, starts)
        best[rows[starts]] = np.maximum(nearest, 0)
    weights = np.array([idf[term] for term in question.sequence])
    weights = weights / (weights.sum() + 1e-9)
    carrying, asking = best[:, : len(weights)].astype(np.float64), best[:, len(weights) :].astype(np.float64)
    match = carrying @ weights
    previous = np.maximum(carrying, groups.before(carrying)) @ weights
    return [match, previous, groups.best(carrying) @ weights, asking.max(axis=1, initial=0)]


def _of_order(sequence: Sequence[int], rows: Numbers, which: Numbers, count: int) -> list[Array]:
    """How much of the question's sequence of terms each row has in order, and how many of its pairs side by side.

    The question's terms are numbered; `which` has the numbers of the rows' terms, in order, -1 for others.
    """
    pairs = np.zeros((max(sequence, default=0) + 1,) * 2, dtype=bool)
    pairs[sequence[:-1], sequence[1:]] = True
    there = np.flatnonzero(which >= 0)
    rows, which = rows[there], which[there]
    beside = (there[1:] - there[:-1] == 1) & (rows[1:] == rows[:-1]) & pairs[which[:-1], which[1:]]
    side_by_side = np.bincount(rows[1:][beside], minlength=count) / max(1, pairs.sum())
    shared = _common_subsequences(sequence, rows.tolist(), which.tolist(), count)
    return [np.array(shared) / max(1, len(sequence)), side_by_side]


def _common_subsequences(sequence: Sequence[int], rows: Sequence[int], which: Sequence[int], count: int) -> list[int]:
    """Length of the longest sequence of terms that each row holds in the order of another sequence.

    Bit-parallel, after Hyyrö, Bit-parallel LCS-length computation revisited (2004): a row of the usual table is a
    number whose zeros are the steps in it.
    """
    full = (1 << len(sequence)) - 1
    places: dict[int, int] = {}
    for place, term in enumerate(sequence):
        places[term] = places.get(term, 0) | 1 << place
    tables = [full] * count
    for row, term in zip(rows, which, strict=True):
        table = tables[row]
        kept = table & places.get(term, 0)
        tables[row] = ((table + kept) | (table - kept)) & full
    return [(full ^ table).bit_count() for table in tables]


def _of_surface(question: Question, marked: _Marked, surface: npt.NDArray[np.int32], counts: Array) -> list[Array]:
    """What can be read off the words: above all whether the kind of answer that is wanted is there and new."""
    lower, kind, rows = question.text.lower(), question.kind, len(surface)
    known, asked = set(WORD.findall(lower)), set(NUMBER.findall(lower))
    length, different, flags = surface.T
    none = np.zeros(rows)
    many = np.log1p(marked.new(NAMED, known, rows)) if kind in NAMES else none
    years = marked.new(LONG_FIGURE, asked, rows) > 0
    numbers = years | (marked.new(FIGURE, asked, rows) > 0)
    if kind == "place":
        missing = marked.new(PLACED, known, rows) == 0
    else:
        of_kind = {"time": flags & DATE != 0, "number": numbers | (flags & COUNT != 0), "person": many > 0}
        missing = ~of_kind[kind] if kind in of_kind else none
    return [
        np.log(np.maximum(1, length)),
        flags & PRONOUN != 0,
        np.log1p(different - (counts[:, : len(question.terms)] > 0).sum(axis=1)),
        numbers,
        missing,
        many if kind == "person" else none,
        years if kind == "time" else none,
        many if kind == "place" else none,
        numbers if kind == "number" else none,
        many if kind == "other" else none,
        flags & ASKS != 0,
    ]


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
    quote = set(compress(sentences.words, sentences.there[best]))
    around = sentences.there[of_passage].any(axis=0) | sentences.in_title[sentences.candidate[best]]
    in_passage = set(compress(sentences.words, around))
    heaviest = max((idf[term] for term in question.terms), default=0.0)
    negated = DENIED.search(question.text.lower()) is not None
    return {
        **{name: row[name] for name in OF_QUOTE},
        "log_share": math.log(shares[best] + 1e-6),
        "passage_share": float(shares[of_passage].sum()),
        "passage_cosine": chosen.cosine,
        "best_cosine": float(sentences.features[:, SENTENCE.index("cosine")].max()),
        "best_passage": max(candidate.cosine for candidate in candidates),
        "heaviest_missing": max((idf[t] for t in question.terms if t not in quote), default=0.0) / (heaviest + 1e-9),
        "names_missing": sum(term not in in_passage for term in question.names) / max(1, len(question.names)),
        "numbers_missing": float(any(term not in quote for term in question.names if term[0].isdigit())),
        "negation_differs": float(negated != bool(sentences.flags[best] & NEGATED)),
        "negated": float(negated),
        "question_length": math.log1p(len(question.terms)),
    }

"""The reader: retrieved passages → Answer. It ranks their sentences, then quotes the best or abstains."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder, Reading
from qa.answer.lists import Place, listing
from qa.answer.retriever import Candidate, Retrieved
from qa.encoder.base import Vectors
from qa.index.store import Store
from qa.types import Answer, Citation, Hit, Passage, Sentence

MAX_CITATIONS = 3
NEAR_BEST = 0.07  # of the best sentence's probability, which a further citation needs
MAX_ITEMS = 20  # of a list
STANDS_OUT = 0.5  # the probability from which an item answers alone, without the rest of its list
LEAST_WORDS = 4  # of a sentence whose copies say the same; a shorter one may mean something else elsewhere
SURE_SPAN = 0.5  # the probability from which the words that answer are marked
FUSED = 0.45  # weight of the retriever's fused score beside the reader's, as in training
SIMILARITY = 6.0  # weight of the cosine of question and sentence
MIDDLE = 0.5  # subtracted from that cosine
SAID = 3.0  # taken from the score of a sentence that the previous answer quoted

ABSTENTION = "The documents don't say."


class Choice(NamedTuple):
    """A sentence that may answer."""

    candidate: int  # index of its passage among the candidates
    passage: Passage
    sentence: int  # index in the passage
    score: float
    probability: float  # softmax of the scores of all choices; not calibrated
    copies: list[Place]  # the same sentence elsewhere

    @property
    def place(self) -> Place:
        """Its passage and the sentence itself."""
        return self.passage, self.passage.sentences[self.sentence]


class Ranking(NamedTuple):
    """The sentences of all candidates, ranked."""

    readings: list[Reading]
    scores: list[Vectors]  # of each reading's sentences
    choices: list[Choice]  # best first
    features: Mapping[str, float]  # what the confidence is computed from


class Reader:
    """Chooses the sentences that answer. Below a confidence of `threshold` it abstains, below `sure` it is unsure."""

    def __init__(
        self,
        read: CrossEncoder,
        calibration: Calibration,
        store: Store,
        threshold: float,
        sure: float,
    ) -> None:
        self._read = read
        self._calibration = calibration
        self._store = store
        self._threshold = threshold
        self._sure = sure

    def __call__(self, question: str, retrieved: Retrieved, previous: str = "") -> Answer:
        """Answer a question that was searched as `retrieved.question`.

        `previous` is the answer before. Its sentences are unlikely to answer this question as well.
        """
        ranking = self.rank(retrieved, previous)
        confidence = self._calibration(ranking.features)
        abstained = confidence < self._threshold
        cited = self._list(retrieved, ranking.choices) or _near_best(ranking.choices)
        citations = () if abstained else tuple(_citation(place, ranking) for place in cited)
        return Answer(
            question=question,
            standalone=retrieved.question,
            text=" ".join(" ".join(c.quote.split()) for c in citations) or ABSTENTION,
            citations=citations,
            hits=tuple(_with_cited(_reordered(retrieved, ranking.scores), cited)),
            confidence=confidence,
            abstained=abstained,
            unsure=not abstained and confidence < self._sure,
            reason="abstained" if abstained else "",
        )

    def rank(self, retrieved: Retrieved, previous: str = "") -> Ranking:
        """Read the candidates and rank their sentences; those in the `previous` answer lose SAID."""
        candidates = retrieved.candidates
        readings = self._read(retrieved.question, [candidate.passage for candidate in candidates])
        scores = self._scores(readings, candidates)
        choices = _choices(scores, candidates, previous)
        return Ranking(readings, scores, choices, _features(readings, choices))

    def _scores(self, readings: Sequence[Reading], candidates: Sequence[Candidate]) -> list[Vectors]:
        """Return the scores of each candidate's sentences: the reader's, the retriever's and their comparison's."""
        retrieval = [_retrieval_features(candidate, candidates[0]) for candidate in candidates]
        weights = np.array([FUSED, SIMILARITY, 0], dtype=np.float32)
        return [
            reading.scores + features @ weights + correction
            for reading, features, correction in zip(
                readings, retrieval, self._read.compare(readings, retrieval), strict=True
            )
        ]

    def _list(self, retrieved: Retrieved, choices: Sequence[Choice]) -> list[Place]:
        """Return the lead and items of the list that answers: the best sentence leads to it, or several items do."""
        best = choices[0]
        number = retrieved.candidates[best.candidate].number
        around = listing(self._store, number, best.passage, best.sentence)
        if around is None:
            return []
        lead = [around.lead] if around.lead and around.lead[1].text.rstrip().endswith(":") else []
        if best.place == around.lead:
            is_answer = bool(lead)
        else:
            near = _near_best(choices)
            items = sum(place in around.items for place in near)
            is_one_of_many = best.probability < STANDS_OUT or items == len(around.items)
            is_answer = is_one_of_many and items > 1 and 2 * items > len(near)
        return [*lead, *around.items[:MAX_ITEMS]] if is_answer else []


def _retrieval_features(candidate: Candidate, first: Candidate) -> Vectors:
    """Return the features of a candidate's sentences for Comparison, shape (sentences, RETRIEVAL_FEATURES)."""
    count = len(candidate.similarities)
    behind = np.full(count, candidate.fused - first.fused, dtype=np.float32)
    return np.column_stack([behind, candidate.similarities - np.float32(MIDDLE), np.ones(count, dtype=np.float32)])


def _choices(scores: Sequence[Vectors], candidates: Sequence[Candidate], previous: str) -> list[Choice]:
    """Return the distinct sentences of all candidates, best first, each with its copies."""
    scored = [
        (float(score) - SAID * (" ".join(candidate.passage.sentences[n].text.split()) in previous), at, n)
        for at, (sentence_scores, candidate) in enumerate(zip(scores, candidates, strict=True))
        for n, score in enumerate(sentence_scores)
    ]
    first: dict[str, int] = {}
    distinct: list[tuple[float, int, int]] = []
    copies: list[list[Place]] = []
    for score, at, n in sorted(scored, key=lambda one: -one[0]):
        passage = candidates[at].passage
        text = " ".join(passage.sentences[n].text.split())
        if text in first and len(text.split()) >= LEAST_WORDS:
            copies[first[text]].append((passage, passage.sentences[n]))
            continue
        first.setdefault(text, len(distinct))
        distinct.append((score, at, n))
        copies.append([(copy, copy.sentences[n]) for copy in candidates[at].copies])
    probabilities = softmax(np.array([score for score, _, _ in distinct]))
    return [
        Choice(at, candidates[at].passage, n, score, float(probability), places)
        for (score, at, n), probability, places in zip(distinct, probabilities, copies, strict=True)
    ]


def _features(readings: Sequence[Reading], choices: Sequence[Choice]) -> dict[str, float]:
    best = choices[0]
    others = [choice.score for choice in choices[1:]]
    return {
        "score": best.score,
        "margin": min(5.0, best.score - max(others, default=best.score - 5.0)),
        "share": math.log(best.probability + 1e-4),
        "whole": readings[best.candidate].passage_score,
        "rank": math.log1p(best.candidate),
    }


def _near_best(choices: Sequence[Choice]) -> list[Place]:
    least = NEAR_BEST * choices[0].probability
    return [choice.place for choice in choices[:MAX_CITATIONS] if choice.probability >= least]


def _citation(place: Place, ranking: Ranking) -> Citation:
    """Return a citation with its copies, and with the words that answer if they are likely and at most half of it."""
    passage, sentence = place
    choice = next((choice for choice in ranking.choices if choice.place == place), None)
    if choice is None:
        return _cited(passage, sentence)
    span = None
    if words := ranking.readings[choice.candidate].span(choice.sentence):
        (start, end), probability = words
        if probability >= SURE_SPAN and 2 * (end - start) <= len(sentence.text):
            span = start, end
    return _cited(passage, sentence, span, tuple(_cited(*copy) for copy in choice.copies))


def _cited(
    passage: Passage, sentence: Sentence, span: tuple[int, int] | None = None, also: tuple[Citation, ...] = ()
) -> Citation:
    place = sentence.text, sentence.start, sentence.end, sentence.page
    return Citation(passage.document_id, passage.title, passage.heading, *place, span, also)


def _with_cited(hits: list[Hit], cited: Sequence[Place]) -> list[Hit]:
    """Append the passages that are cited but weren't retrieved: further parts of a list."""
    retrieved = [hit.passage for hit in hits]
    more = [passage for passage in dict.fromkeys(passage for passage, _ in cited) if passage not in retrieved]
    return hits + [Hit(passage, hits[-1].score) for passage in more]


def _reordered(retrieved: Retrieved, scores: Sequence[Vectors]) -> list[Hit]:
    """Return the hits in the order of their best sentence's score, those that weren't read last."""
    read = [
        Hit(candidate.passage, float(sentence_scores.max()))
        for candidate, sentence_scores in zip(retrieved.candidates, scores, strict=True)
    ]
    read.sort(key=lambda hit: -hit.score)
    least = read[-1].score
    return read + [Hit(hit.passage, min(hit.score, least)) for hit in retrieved.further]


def softmax(scores: Vectors) -> Vectors:
    """Return the softmax of scores, shape (n,)."""
    powers = np.exp(scores - scores.max())
    probabilities: Vectors = powers / powers.sum()
    return probabilities

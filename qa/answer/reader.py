"""The passages on the shortlist, read → Answer: chooses the sentences to quote, or abstains."""

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
NEAR_BEST = 0.07  # a further sentence is cited where its share of the belief is at least this part of the best one's
MAX_ITEMS = 20  # of a list
STANDS_OUT = 0.5  # an item with this share of the belief answers by itself
LEAST_WORDS = 4  # in a sentence of which a copy elsewhere says the same; a shorter one may mean something else there
SURE_SPAN = 0.5  # the probability of the words that answer from which on they are pointed out, if not most of the quote
FUSED = 0.45  # what a point of the retriever's score counts beside the reader's, as in its training,
SIMILARITY = 6.0  # and what the cosine of question and sentence does
MIDDLE = 0.5  # of those cosines
SAID = 3.0  # what a sentence loses that was the answer before

ABSTENTION = "The documents don't say."


class Choice(NamedTuple):
    """A sentence that may answer, with its score and its share of the belief in all of them.

    `copies` are the places of the same sentence elsewhere, which has no belief of its own.
    """

    candidate: int
    passage: Passage
    sentence: int
    score: float
    share: float
    copies: list[Place]

    @property
    def place(self) -> Place:
        """Its passage and itself."""
        return self.passage, self.passage.sentences[self.sentence]


class Findings(NamedTuple):
    """What reading has shown: the choices, best first, and the features that confidence is computed from.

    `scores` are those of each passage's sentences.
    """

    readings: list[Reading]
    scores: list[Vectors]
    choices: list[Choice]
    features: Mapping[str, float]


class Reader:
    """Chooses the sentences that answer; below a confidence of `threshold` it abstains, below `sure` it is unsure."""

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

    def __call__(self, question: str, retrieved: Retrieved, said: str = "") -> Answer:
        """The answer to a question that was asked as `question` and searched as `retrieved.question`.

        `said` is the answer before, to a follow-up: it is hardly the answer to this question as well.
        """
        found = self.findings(retrieved, said)
        confidence = self._calibration(found.features)
        abstained = confidence < self._threshold
        cited = self._list(retrieved, found.choices) or _near_best(found.choices)
        citations = () if abstained else tuple(self._citation(place, found) for place in cited)
        return Answer(
            question=question,
            standalone=retrieved.question,
            text=" ".join(" ".join(c.quote.split()) for c in citations) or ABSTENTION,
            citations=citations,
            hits=tuple(_with_cited(_reordered(retrieved, found.scores), cited)),
            confidence=confidence,
            abstained=abstained,
            unsure=not abstained and confidence < self._sure,
            reason="abstained" if abstained else "",
        )

    def findings(self, retrieved: Retrieved, said: str = "") -> Findings:
        """Read the candidates, and rank their sentences; those that were `said` before come behind."""
        candidates = retrieved.candidates
        readings = self._read(retrieved.question, [candidate.passage for candidate in candidates])
        scores = self._scores(readings, candidates)
        choices = _choices(scores, candidates, said)
        return Findings(readings, scores, choices, _features(readings, choices))

    def _scores(self, readings: Sequence[Reading], candidates: Sequence[Candidate]) -> list[Vectors]:
        """The scores of the passages' sentences, by reading and comparing them and by what the retriever thinks."""
        given = [
            np.column_stack(
                [
                    np.full(len(c.similarities), c.fused - candidates[0].fused, dtype=np.float32),
                    c.similarities - np.float32(MIDDLE),
                    np.ones(len(c.similarities), dtype=np.float32),
                ]
            )
            for c in candidates
        ]
        compared = self._read.compare(readings, given)
        return [
            reading.sentences + known @ np.array([FUSED, SIMILARITY, 0], dtype=np.float32) + added
            for reading, known, added in zip(readings, given, compared, strict=True)
        ]

    def _list(self, retrieved: Retrieved, choices: Sequence[Choice]) -> list[Place]:
        """The lead and the items of the list that the best sentence leads to, or that several of the best are in."""
        best = choices[0]
        number = retrieved.candidates[best.candidate].number
        found = listing(self._store, number, best.passage, best.sentence)
        if found is None:
            return []
        leads = best.place == found.lead
        if leads and not best.place[1].text.rstrip().endswith(":"):
            return []
        near = _near_best(choices)
        items = sum(place in found.items for place in near)
        is_one_of_many = best.share < STANDS_OUT or items == len(found.items)
        wanted = leads or (is_one_of_many and items > 1 and 2 * items > len(near))
        leading = [found.lead] if found.lead and found.lead[1].text.rstrip().endswith(":") else []
        return [*leading, *found.items[:MAX_ITEMS]] if wanted else []

    def _citation(self, place: Place, found: Findings) -> Citation:
        passage, sentence = place
        choice = next((one for one in found.choices if one.place == place), None)
        span = None
        if choice:
            words = found.readings[choice.candidate].span(choice.sentence)
            if words and words[1] >= SURE_SPAN and 2 * (words[0][1] - words[0][0]) <= len(sentence.text):
                span = words[0]
        also = tuple(_cited(*copy) for copy in choice.copies) if choice else ()
        return _cited(passage, sentence, span, also)


def _choices(scores: Sequence[Vectors], candidates: Sequence[Candidate], said: str) -> list[Choice]:
    """The different sentences of all candidates, best first, with their copies."""
    scored = [
        (float(score) - SAID * (" ".join(candidate.passage.sentences[n].text.split()) in said), at, n)
        for at, (own, candidate) in enumerate(zip(scores, candidates, strict=True))
        for n, score in enumerate(own)
    ]
    first: dict[str, int] = {}
    kept: list[tuple[float, int, int]] = []
    copies: list[list[Place]] = []
    for score, at, n in sorted(scored, key=lambda one: -one[0]):
        passage = candidates[at].passage
        text = " ".join(passage.sentences[n].text.split())
        if text in first and len(text.split()) >= LEAST_WORDS:
            copies[first[text]].append((passage, passage.sentences[n]))
            continue
        first.setdefault(text, len(kept))
        kept.append((score, at, n))
        copies.append([(copy, copy.sentences[n]) for copy in candidates[at].copies])
    shares = softmax(np.array([score for score, _, _ in kept]))
    return [
        Choice(at, candidates[at].passage, n, score, float(share), places)
        for (score, at, n), share, places in zip(kept, shares, copies, strict=True)
    ]


def _features(readings: Sequence[Reading], choices: Sequence[Choice]) -> dict[str, float]:
    best = choices[0]
    others = [one.score for one in choices[1:]]
    return {
        "score": best.score,
        "margin": min(5.0, best.score - max(others, default=best.score - 5.0)),
        "share": math.log(best.share + 1e-4),
        "whole": readings[best.candidate].whole,
        "rank": math.log1p(best.candidate),
    }


def _near_best(choices: Sequence[Choice]) -> list[Place]:
    return [one.place for one in choices[:MAX_CITATIONS] if one.share >= NEAR_BEST * choices[0].share]


def _cited(
    passage: Passage, sentence: Sentence, span: tuple[int, int] | None = None, also: tuple[Citation, ...] = ()
) -> Citation:
    place = sentence.text, sentence.start, sentence.end, sentence.page
    return Citation(passage.document_id, passage.title, passage.heading, *place, span, also)


def _with_cited(hits: list[Hit], cited: Sequence[Place]) -> list[Hit]:
    """The hits and, last, the passages that hold more of a list than was found."""
    found = [hit.passage for hit in hits]
    more = [passage for passage in dict.fromkeys(passage for passage, _ in cited) if passage not in found]
    return hits + [Hit(passage, hits[-1].score) for passage in more]


def _reordered(retrieved: Retrieved, scores: Sequence[Vectors]) -> list[Hit]:
    """The hits by what reading them has shown, each with its best sentence's score."""
    read = [
        Hit(candidate.passage, float(own.max())) for candidate, own in zip(retrieved.candidates, scores, strict=True)
    ]
    read.sort(key=lambda hit: -hit.score)
    least = read[-1].score
    return read + [Hit(hit.passage, min(hit.score, least)) for hit in retrieved.further]


def softmax(scores: Vectors) -> Vectors:
    """Each score's share of the sum of their powers."""
    powers = np.exp(scores - scores.max())
    shares: Vectors = powers / powers.sum()
    return shares

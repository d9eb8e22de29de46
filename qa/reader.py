"""Question + hits → Answer: chooses the quote, or abstains."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from qa.retriever import Retrieved
from qa.terms import Analyzer
from qa.types import Answer, Citation, Passage, Sentence

READ_HITS = 3  # of the best hits, the sentences are considered
MAX_CITATIONS = 3
NEAR_BEST = 0.9  # a further sentence is cited where its score is at least this share of the best one's
TERMS_WEIGHT = 0.5  # of the share of the question's terms in a sentence, beside its cosine
CONFIDENCE = (-6.0, 12.0)  # intercept and slope on the best sentence's cosine: half at a cosine of 0.5

ABSTENTION = "The documents don't say."


@dataclass(frozen=True, slots=True)
class _Scored:
    passage: Passage
    sentence: Sentence
    cosine: float
    score: float


class Reader:
    """Chooses the sentences that answer; abstains where its confidence is below `threshold`."""

    def __init__(self, analyzer: Analyzer, threshold: float = 0.5) -> None:
        self._analyzer = analyzer
        self._threshold = threshold

    def __call__(self, question: str, retrieved: Retrieved) -> Answer:
        """The answer to a question that was asked as `question` and searched as `retrieved.question`."""
        scored = sorted(self._scored(retrieved), key=lambda s: -s.score)
        confidence = _logistic(CONFIDENCE[0] + CONFIDENCE[1] * scored[0].cosine) if scored else 0.0
        abstained = confidence < self._threshold
        chosen = [] if abstained else [s for s in scored if s.score >= NEAR_BEST * scored[0].score][:MAX_CITATIONS]
        citations = tuple(_citation(s.passage, s.sentence) for s in chosen)
        text = " ".join(c.quote for c in citations) or ABSTENTION
        return Answer(question, retrieved.question, text, citations, retrieved.hits, confidence, abstained)

    def _scored(self, retrieved: Retrieved) -> Iterator[_Scored]:
        terms = set(self._analyzer.terms(retrieved.question))
        for hit, vectors in list(zip(retrieved.hits, retrieved.sentence_vectors, strict=True))[:READ_HITS]:
            cosines = vectors @ retrieved.vector
            for sentence, cosine in zip(hit.passage.sentences, cosines.tolist(), strict=True):
                shared = len(terms & set(self._analyzer.terms(sentence.text))) / max(len(terms), 1)
                yield _Scored(hit.passage, sentence, cosine, cosine + TERMS_WEIGHT * shared)


def _citation(passage: Passage, sentence: Sentence) -> Citation:
    where = (passage.document_id, passage.title, passage.heading)
    return Citation(*where, sentence.text, sentence.start, sentence.end)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))

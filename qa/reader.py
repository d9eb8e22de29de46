"""The passages on the shortlist → Answer: chooses the sentences to quote, or abstains."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from qa.features import GATE, RIGHT, SENTENCE, Array, Candidate, Sentences, confidence_features, sentence_features
from qa.model import Model
from qa.retriever import Retrieved
from qa.terms import Analyzer
from qa.types import Answer, Citation, Hit

MAX_CITATIONS = 3
NEAR_BEST = 0.4  # a further sentence is cited where its share of the belief is at least this part of the best one's
THRESHOLD = 0.25  # of confidence; docs/evaluation.md has what it answers and declines

ABSTENTION = "The documents don't say."


class Reader:
    """Chooses the sentences that answer; abstains where its confidence is below the threshold."""

    def __init__(self, model: Model, analyzer: Analyzer, threshold: float = THRESHOLD) -> None:
        self._model = model
        self._analyzer = analyzer
        self._threshold = threshold

    def __call__(self, question: str, retrieved: Retrieved) -> Answer:
        """The answer to a question that was asked as `question` and searched as `retrieved.question`."""
        candidates = retrieved.candidates
        sentences = sentence_features(retrieved.question, candidates, retrieved.idf, self._analyzer)
        shares = softmax(sentences.features @ np.array([self._model.sentence[name] for name in SENTENCE]))
        found = confidence_features(retrieved.question, candidates, sentences, shares, retrieved.idf)
        confidence = _logistic(found, GATE, self._model.gate) * _logistic(found, RIGHT, self._model.right)
        abstained = confidence < self._threshold
        citations = () if abstained else tuple(_cite(candidates, sentences, shares))
        return Answer(
            question=question,
            standalone=retrieved.question.text,
            text=" ".join(" ".join(c.quote.split()) for c in citations) or ABSTENTION,
            citations=citations,
            hits=tuple(_reordered(candidates, sentences, shares)),
            confidence=confidence,
            abstained=abstained,
        )


def _cite(candidates: Sequence[Candidate], sentences: Sentences, shares: Array) -> list[Citation]:
    best = np.argsort(-shares, kind="stable")[:MAX_CITATIONS]
    return [
        _citation(candidates[sentences.candidate[i]], int(sentences.number[i]))
        for i in best
        if shares[i] >= NEAR_BEST * shares[best[0]]
    ]


def _citation(candidate: Candidate, number: int) -> Citation:
    passage = candidate.entry.passage
    sentence = passage.sentences[number]
    return Citation(passage.document_id, passage.title, passage.heading, sentence.text, sentence.start, sentence.end)


def _reordered(candidates: Sequence[Candidate], sentences: Sentences, shares: Array) -> list[Hit]:
    """The hits by what reading them has shown: the fused score and the log of the passage's share of the belief."""
    passage_shares = np.bincount(sentences.candidate, weights=shares, minlength=len(candidates))
    scores = np.array([candidate.fused for candidate in candidates]) + np.log(passage_shares + 1e-6)
    return [Hit(candidates[i].entry.passage, float(scores[i])) for i in np.argsort(-scores, kind="stable")]


def softmax(logits: Array) -> Array:
    """Each sentence's share of the belief."""
    powers = np.exp(logits - logits.max())
    shares: Array = powers / powers.sum()
    return shares


def _logistic(features: Mapping[str, float], names: Sequence[str], weights: Mapping[str, float]) -> float:
    return 1 / (1 + math.exp(-(weights["intercept"] + sum(weights[name] * features[name] for name in names))))

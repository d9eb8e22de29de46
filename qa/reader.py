"""The passages on the shortlist → Answer: chooses the sentences to quote, or abstains."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from qa.features import GATE, RIGHT, SENTENCE, Array, Candidate, Sentences, confidence_features, sentence_features
from qa.lists import Place, listing
from qa.model import Model
from qa.retriever import Retrieved
from qa.stores import Store
from qa.terms import Analyzer
from qa.types import Answer, Citation, Hit, Passage, Sentence

MAX_CITATIONS = 3
NEAR_BEST = 0.4  # a further sentence is cited where its share of the belief is at least this part of the best one's
MAX_ITEMS = 20  # of a list
ABOUT_LIST = 0.5  # of a question's words, by idf, that stand above a list which it asks for …
IS_LIST = 0.8  # … and that leave little doubt that the list answers it,
LIST_CONFIDENCE = 0.8  # which is this probable: a guess, for want of public questions that ask for lists
THRESHOLD = 0.33  # of confidence; docs/evaluation.md has what it answers and declines

LEAST_SHARE = 1e-6  # of the belief, so that it has a logarithm; a passage that wasn't read has this much

ABSTENTION = "The documents don't say."


class Reader:
    """Chooses the sentences that answer; abstains where its confidence is below the threshold."""

    def __init__(self, model: Model, analyzer: Analyzer, store: Store, threshold: float = THRESHOLD) -> None:
        self._model = model
        self._weights = np.array([model.sentence[name] for name in SENTENCE])
        self._analyzer = analyzer
        self._store = store
        self._threshold = threshold

    def __call__(self, question: str, retrieved: Retrieved) -> Answer:
        """The answer to a question that was asked as `question` and searched as `retrieved.question`."""
        candidates = retrieved.candidates
        sentences = sentence_features(retrieved.question, candidates, retrieved.evidence, retrieved.idf)
        shares = softmax(sentences.features @ self._weights)
        found = confidence_features(retrieved.question, candidates, sentences, shares, retrieved.idf)
        gate, right = _logistic(found, GATE, self._model.gate), _logistic(found, RIGHT, self._model.right)
        cited, coverage = self._list(retrieved, sentences, shares)
        confidence = max(gate * right, LIST_CONFIDENCE * (coverage >= IS_LIST))
        if not cited:
            cited = _near_best(candidates, sentences, shares)
        abstained = confidence < self._threshold
        citations = () if abstained else tuple(_citation(passage, sentence) for passage, sentence in cited)
        return Answer(
            question=question,
            standalone=retrieved.question.text,
            text=" ".join(" ".join(c.quote.split()) for c in citations) or ABSTENTION,
            citations=citations,
            hits=tuple(_with_cited(_reordered(retrieved, sentences, shares), cited)),
            confidence=confidence,
            abstained=abstained,
        )

    def _list(self, retrieved: Retrieved, sentences: Sentences, shares: Array) -> tuple[list[Place], float]:
        """The items of the list that a question wants, and how much of the question stands above them.

        The items' own words need not be the question's: what stands above them says what they are.
        """
        best, terms = int(np.argmax(shares)), retrieved.question.terms
        number, passage, *_ = retrieved.candidates[sentences.candidate[best]]
        sentence = int(sentences.number[best])
        found = listing(self._store, number, passage, sentence) if retrieved.question.listing else None
        if found is None:
            return [], 0.0
        passage, name = found.items[0][0], set(self._analyzer.terms(found.name))
        above = name.union(self._analyzer.terms(f"{passage.title} {passage.heading}"))
        if name.isdisjoint(terms):
            return [], 0.0
        rare = np.array([retrieved.idf[term] for term in terms])
        coverage = float(rare @ [term in above for term in terms] / rare.sum())
        leading = [found.lead] if found.lead and found.lead[1].text.endswith(":") else []
        return ([*leading, *found.items[:MAX_ITEMS]], coverage) if coverage >= ABOUT_LIST else ([], 0.0)


def _near_best(candidates: Sequence[Candidate], sentences: Sentences, shares: Array) -> list[Place]:
    order = np.argsort(-shares, kind="stable")[:MAX_CITATIONS]
    near = [i for i in order if shares[i] >= NEAR_BEST * shares[order[0]]]
    passages = [candidates[sentences.candidate[i]].passage for i in near]
    return [(passage, passage.sentences[sentences.number[i]]) for i, passage in zip(near, passages, strict=True)]


def _citation(passage: Passage, sentence: Sentence) -> Citation:
    place = sentence.text, sentence.start, sentence.end, sentence.page
    return Citation(passage.document_id, passage.title, passage.heading, *place)


def _with_cited(hits: list[Hit], cited: Sequence[Place]) -> list[Hit]:
    """The hits and, last, the passages that hold more of a list than was found."""
    found = [hit.passage for hit in hits]
    more = [passage for passage in dict.fromkeys(passage for passage, _ in cited) if passage not in found]
    return hits + [Hit(passage, hits[-1].score) for passage in more]


def _reordered(retrieved: Retrieved, sentences: Sentences, shares: Array) -> list[Hit]:
    """The hits by what reading them has shown: the fused score and the log of the passage's share of the belief."""
    candidates = retrieved.candidates
    passage_shares = np.bincount(sentences.candidate, weights=shares, minlength=len(candidates))
    scores = np.array([candidate.fused for candidate in candidates]) + np.log(passage_shares + LEAST_SHARE)
    read = [Hit(candidates[i].passage, float(scores[i])) for i in np.argsort(-scores, kind="stable")]
    return read + [Hit(hit.passage, hit.score + math.log(LEAST_SHARE)) for hit in retrieved.further]


def softmax(logits: Array) -> Array:
    """Each sentence's share of the belief."""
    powers = np.exp(logits - logits.max())
    shares: Array = powers / powers.sum()
    return shares


def _logistic(features: Mapping[str, float], names: Sequence[str], weights: Mapping[str, float]) -> float:
    return 1 / (1 + math.exp(-(weights["intercept"] + sum(weights[name] * features[name] for name in names))))

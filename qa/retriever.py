"""Question → Hits: the lexical and the dense rankings, fused."""

from dataclasses import dataclass

import numpy as np

from qa.encoder import Encoder, Vectors
from qa.stores import Store
from qa.terms import Analyzer
from qa.types import Hit

CANDIDATES = 100  # passages that each ranking proposes
DENSE_WEIGHT, SENTENCE_WEIGHT, LEXICAL_WEIGHT = 1.5, 1.0, 1.0


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A question, its unit vector, and the hits for it, best first, each with the unit vectors of its sentences."""

    question: str
    vector: Vectors
    hits: tuple[Hit, ...]
    sentence_vectors: tuple[Vectors, ...]


class Retriever:
    """Finds the passages of a store that fit a question best."""

    def __init__(self, store: Store, encoder: Encoder, analyzer: Analyzer) -> None:
        self._store = store
        self._encoder = encoder
        self._analyzer = analyzer

    def __call__(self, question: str, k: int = 10) -> Retrieved:
        """The k best hits, best first: the weighted sum of each ranking's z-scores over the candidates of all."""
        vector = self._encoder.encode_questions([question])[0]
        found = self._store.search(vector, self._analyzer.terms(question), CANDIDATES)
        scores = (
            DENSE_WEIGHT * _z_scores(found.dense)
            + SENTENCE_WEIGHT * _z_scores(found.sentence)
            + LEXICAL_WEIGHT * _z_scores(found.lexical)
        )
        best = np.argsort(-scores, kind="stable")[:k]
        passages = self._store.passages(found.numbers[best].tolist())
        hits = tuple(Hit(passage, float(score)) for passage, score in zip(passages, scores[best], strict=True))
        return Retrieved(question, vector, hits, tuple(self._store.sentence_vectors(n) for n in found.numbers[best]))


def _z_scores(scores: Vectors) -> Vectors:
    scaled: Vectors = (scores - scores.mean()) / (scores.std() + 1e-9)
    return scaled

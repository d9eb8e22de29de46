"""Question → the passages that fit it best: the dense and the lexical rankings, fused."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

from qa.encoder import Encoded, Encoder, Span, Vectors
from qa.features import Candidate
from qa.question import Question, analyse
from qa.stores import Evidence, Store
from qa.terms import Analyzer
from qa.together import Together, Turns
from qa.types import Hit

POOL = 100  # passages that each ranking proposes
SHORTLIST = 10  # of the pool, those that are read
FURTHER = 10  # of the pool, those behind them that are hits as well if their documents aren't on the shortlist


class Retrieved(NamedTuple):
    """A question, the passages on its shortlist, best first, with their sentences, and how rare its terms are.

    `further` are the next passages, of other documents: too far down to be read, but a list of documents goes on there.
    """

    question: Question
    candidates: list[Candidate]
    evidence: Evidence  # of the candidates
    idf: dict[str, float]
    further: list[Hit]


class Retriever:
    """Finds the passages of a store that fit a question best; `basis` is that of the word vectors in the store.

    While a question is encoded others have their `turns`.
    """

    def __init__(
        self, store: Store, encoder: Encoder, analyzer: Analyzer, basis: Vectors, turns: Turns | None = None
    ) -> None:
        self._store = store
        self._together = Together(encoder.encode_questions)
        self._turns = turns
        self._analyzer = analyzer
        self._basis = basis

    def __call__(self, text: str) -> Retrieved:
        """The shortlist for a question, by the sum of the z-scores that each ranking gives over the pool of all."""
        question = analyse(text, self._encode, self._analyzer, self._basis)
        pool = self._store.search(question.vector, question.terms, POOL)
        fused = _z_scores(np.stack([pool.dense, pool.sentence, pool.lexical])).sum(axis=0)
        best = np.argsort(-fused, kind="stable")[: SHORTLIST + FURTHER]
        place = dict(zip(pool.numbers[best].tolist(), best.tolist(), strict=True))
        passages = self._store.passages(list(place))
        candidates = [
            Candidate(number, passage, cosine=float(pool.dense[place[number]]), fused=float(fused[place[number]]))
            for number, passage in passages.items()
        ]
        read, behind = candidates[:SHORTLIST], candidates[SHORTLIST:]
        seen = {candidate.passage.document_id for candidate in read}
        return Retrieved(
            question,
            read,
            self._store.evidence({candidate.number: candidate.passage for candidate in read}),
            idf=self._store.idf(question.terms),
            further=[Hit(c.passage, c.fused) for c in behind if c.passage.document_id not in seen],
        )

    def _encode(self, text: str, spans: Sequence[Span]) -> Encoded:
        with self._turns.left() if self._turns else nullcontext():
            return self._together(text, spans)


def _z_scores(scores: Vectors) -> Vectors:
    """The scores of each ranking, shape (rankings, passages), by how many deviations they are above its mean."""
    above = scores - scores.mean(axis=1, keepdims=True)
    scaled: Vectors = above / (np.sqrt((above**2).mean(axis=1, keepdims=True)) + 1e-9)
    return scaled

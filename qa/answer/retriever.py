"""Question → the passages that fit it best: the dense and the lexical rankings, fused."""

from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

from qa.encoder.base import Encoded, Encoder, Vectors
from qa.encoder.batching import QuestionBatcher, Turns
from qa.index.store import Store
from qa.text.terms import Analyzer
from qa.types import Hit, Passage

POOL = 100  # passages that each ranking proposes
SHORTLIST = 8  # of the pool, those that are read
FURTHER = 12  # of the pool, those behind them that are hits as well if their documents aren't on the shortlist


class Candidate(NamedTuple):
    """A passage to be read: its number, its fused score, its cosine to the question and its sentences'.

    `copies` are passages of the same text.
    """

    number: int
    passage: Passage
    fused: float
    cosine: float
    similarities: Vectors  # shape (sentences,)
    copies: list[Passage]


class Retrieved(NamedTuple):
    """The passages that fit a question best, best first; `further` are the next ones, of other documents."""

    question: str
    candidates: list[Candidate]
    further: list[Hit]


class Retriever:
    """Finds the passages of a store that fit a question best. While a question is encoded others have their `turns`."""

    def __init__(self, store: Store, encoder: Encoder, analyzer: Analyzer, turns: Turns | None = None) -> None:
        self._store = store
        self._batcher = QuestionBatcher(encoder.encode_questions)
        self._turns = turns
        self._analyzer = analyzer

    def __call__(self, question: str) -> Retrieved:
        """The shortlist for a question, by the sum of the z-scores that each ranking gives over the pool of all."""
        terms = list(dict.fromkeys(self._analyzer.terms(question)))
        vector = self._encode(question).vector
        pool = self._store.search(vector, terms, POOL)
        fused = _z_scores(np.stack([pool.dense, pool.sentence, pool.lexical])).sum(axis=0)
        best = np.argsort(-fused, kind="stable")[: SHORTLIST + FURTHER]
        place = dict(zip(pool.numbers[best].tolist(), best.tolist(), strict=True))
        groups: dict[str, dict[int, Passage]] = {}  # of passages that say the same
        for number, passage in self._store.passages(list(place)).items():
            groups.setdefault(passage.text, {})[number] = passage
        numbers = [next(iter(group)) for group in groups.values()]
        firsts = {number: group[number] for number, group in zip(numbers, groups.values(), strict=True)}
        similarities = self._store.similarities(firsts, vector)
        candidates = [
            Candidate(
                number,
                group.pop(number),
                fused=float(fused[place[number]]),
                cosine=float(pool.dense[place[number]]),
                similarities=own,
                copies=list(group.values()),
            )
            for number, group, own in zip(numbers, groups.values(), similarities, strict=True)
        ]
        read, behind = candidates[:SHORTLIST], candidates[SHORTLIST:]
        seen = {candidate.passage.document_id for candidate in read}
        further = [Hit(c.passage, c.fused) for c in behind if c.passage.document_id not in seen]
        return Retrieved(question, read, further)

    def _encode(self, question: str) -> Encoded:
        with self._turns.left() if self._turns else nullcontext():
            return self._batcher(question, ())


def _z_scores(scores: Vectors) -> Vectors:
    """The scores of each ranking, shape (rankings, passages), by how many deviations they are above its mean."""
    above = scores - scores.mean(axis=1, keepdims=True)
    scaled: Vectors = above / (np.sqrt((above**2).mean(axis=1, keepdims=True)) + 1e-9)
    return scaled

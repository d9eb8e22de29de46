"""Question → the passages that fit it best: the dense and the lexical rankings, fused."""

from typing import NamedTuple

import numpy as np

from qa.encoder import Encoder, Vectors
from qa.features import Candidate
from qa.question import Question, analyse
from qa.stores import Store
from qa.terms import Analyzer
from qa.together import Together
from qa.types import Hit

POOL = 100  # passages that each ranking proposes
SHORTLIST = 10  # of the pool, those that are read
FURTHER = 10  # of the pool, those behind them that are hits as well if their documents aren't on the shortlist


class Retrieved(NamedTuple):
    """A question, the passages on its shortlist, best first, and how rare each of its terms is in the corpus.

    `further` are the next passages, of other documents: too far down to be read, but a list of documents goes on there.
    """

    question: Question
    candidates: list[Candidate]
    idf: dict[str, float]
    further: list[Hit]


class Retriever:
    """Finds the passages of a store that fit a question best; `basis` is that of the word vectors in the store."""

    def __init__(self, store: Store, encoder: Encoder, analyzer: Analyzer, basis: Vectors) -> None:
        self._store = store
        self._encode = Together(encoder.encode_questions)
        self._analyzer = analyzer
        self._basis = basis

    def __call__(self, text: str) -> Retrieved:
        """The shortlist for a question, by the sum of the z-scores that each ranking gives over the pool of all."""
        question = analyse(text, self._encode, self._analyzer, self._basis)
        pool = self._store.search(question.vector, question.terms, POOL)
        fused = _z_scores(pool.dense) + _z_scores(pool.sentence) + _z_scores(pool.lexical)
        ranked = np.argsort(-fused, kind="stable")
        place = {number: i for i, number in enumerate(pool.numbers.tolist())}
        found = self._store.entries(pool.numbers[ranked[: SHORTLIST + FURTHER]].tolist())
        entries, behind = found[:SHORTLIST], found[SHORTLIST:]
        seen = {entry.passage.document_id for entry in entries}
        candidates = [
            Candidate(
                entry=entry,
                title_terms=frozenset(self._analyzer.terms(f"{entry.passage.title} {entry.passage.heading}")),
                cosine=float(pool.dense[place[entry.number]]),
                fused=float(fused[place[entry.number]]),
            )
            for entry in entries
        ]
        return Retrieved(
            question,
            candidates,
            idf=self._store.idf(question.terms + question.word_terms),
            further=[
                Hit(entry.passage, float(fused[place[entry.number]]))
                for entry in behind
                if entry.passage.document_id not in seen
            ],
        )


def _z_scores(scores: Vectors) -> Vectors:
    scaled: Vectors = (scores - scores.mean()) / (scores.std() + 1e-9)
    return scaled

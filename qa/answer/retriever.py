"""The retriever: question → the passages that fit it best, by dense and lexical rankings fused."""

from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

from qa.encoder.base import Encoded, Encoder, Vectors
from qa.encoder.batching import QuestionBatcher, Turns
from qa.index.store import Store
from qa.text.terms import Analyzer
from qa.types import Hit, Passage

POOL = 100  # passages that each ranking proposes
SHORTLIST = 8  # passages that are read
FURTHER = 12  # next passages, which are hits too if their documents aren't on the shortlist


class Candidate(NamedTuple):
    """A passage on the shortlist."""

    number: int  # in the store
    passage: Passage
    fused: float  # sum of the rankings' z-scores
    cosine: float  # of question and passage
    similarities: Vectors  # cosines of question and sentences, shape (sentences,)
    copies: list[Passage]  # other passages with the same text


class Retrieved(NamedTuple):
    """The passages that fit a question best, best first; `further` are the next ones from other documents."""

    question: str
    candidates: list[Candidate]
    further: list[Hit]


class Retriever:
    """Searches a store. While a question is being encoded, other threads take their `turns`."""

    def __init__(self, store: Store, encoder: Encoder, analyzer: Analyzer, turns: Turns | None = None) -> None:
        self._store = store
        self._batcher = QuestionBatcher(encoder.encode_questions)
        self._turns = turns
        self._analyzer = analyzer

    def __call__(self, question: str, below: str = "") -> Retrieved:
        """Rank the pool of all rankings by the sum of its z-scores, and return the best passages.

        With `below`, return only those of the document at this path or of documents in this folder; there may be none.
        """
        terms = list(dict.fromkeys(self._analyzer.terms(question)))
        vector = self._encode(question).vector
        pool = self._store.search(vector, terms, POOL)
        fused = _z_scores(np.stack([pool.dense, pool.sentence, pool.lexical])).sum(axis=0)
        ranked = np.argsort(-fused, kind="stable")
        if below:
            passages = self._store.passages(pool.numbers.tolist())
            inside = [number for number, passage in passages.items() if _is_below(passage.document_id, below)]
            ranked = ranked[np.isin(pool.numbers[ranked], inside)]
        best = ranked[: SHORTLIST + FURTHER]
        row = dict(zip(pool.numbers[best].tolist(), best.tolist(), strict=True))
        groups: dict[str, dict[int, Passage]] = {}  # of passages with the same text
        for number, passage in self._store.passages(list(row)).items():
            groups.setdefault(passage.text, {})[number] = passage
        numbers = [next(iter(group)) for group in groups.values()]
        firsts = {number: group[number] for number, group in zip(numbers, groups.values(), strict=True)}
        candidates = [
            Candidate(
                number,
                group.pop(number),
                fused=float(fused[row[number]]),
                cosine=float(pool.dense[row[number]]),
                similarities=similarities,
                copies=list(group.values()),
            )
            for number, group, similarities in zip(
                numbers, groups.values(), self._store.similarities(firsts, vector), strict=True
            )
        ]
        shortlist, rest = candidates[:SHORTLIST], candidates[SHORTLIST:]
        documents = {candidate.passage.document_id for candidate in shortlist}
        further = [Hit(c.passage, c.fused) for c in rest if c.passage.document_id not in documents]
        return Retrieved(question, shortlist, further)

    def _encode(self, question: str) -> Encoded:
        with self._turns.left() if self._turns else nullcontext():
            return self._batcher(question, ())


def _is_below(document_id: str, path: str) -> bool:
    folder = path.strip("/")
    return document_id == folder or document_id.startswith(f"{folder}/")


def _z_scores(scores: Vectors) -> Vectors:
    """Return each ranking's scores as standard deviations from its mean, shape (rankings, passages)."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    scaled: Vectors = centred / (np.sqrt((centred**2).mean(axis=1, keepdims=True)) + 1e-9)
    return scaled

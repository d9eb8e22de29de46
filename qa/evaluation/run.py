"""Ask an assistant questions with known answers, to measure or to calibrate it."""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from qa.answer.calibration import Calibration, fit
from qa.evaluation.datasets import Item
from qa.evaluation.metrics import Outcome
from qa.types import Passage

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.types import Progress


def ask_all(assistant: "Assistant", items: Sequence[Item], progress: "Progress" = lambda *_: None) -> list[Outcome]:
    """Return the outcome of each question, after a first one that only warms up."""
    assistant.ask(items[0].question)
    outcomes = []
    for number, item in enumerate(items):
        progress("questions", number, len(items))
        begin = time.perf_counter()
        answer = assistant.ask(item.question)
        took = 1000 * (time.perf_counter() - begin)
        ranks = [rank for rank, hit in enumerate(answer.hits, 1) if _is_right(hit.passage, hit.passage.text, item)]
        first = answer.citations[:1]
        passages = [h.passage for h in answer.hits if first and _holds(h.passage, first[0].document_id, first[0].start)]
        right = bool(passages) and _is_right(passages[0], first[0].quote, item)
        quote, document = (first[0].quote, first[0].document_id) if first else ("", "")
        rank = ranks[0] if ranks else None
        outcomes.append(Outcome(bool(item.answers), rank, right, answer.confidence, took, item, quote, document))
    progress("questions", len(items), len(items))
    return outcomes


def calibrate(assistant: "Assistant", items: Sequence[Item], progress: "Progress" = lambda *_: None) -> Calibration:
    """Fit the shipped calibration to these questions; raise CorpusError if they are too few."""
    features, right = [], []
    for number, item in enumerate(items):
        progress("questions", number, len(items))
        ranking = assistant.rank(item.question)
        passage, sentence = ranking.choices[0].place
        features.append(ranking.features)
        right.append(_is_right(passage, sentence.text, item))
    progress("questions", len(items), len(items))
    return fit(features, right, Calibration.load())


def _is_right(passage: Passage, text: str, item: Item) -> bool:
    if item.context:
        shorter, longer = sorted((_plain(passage.text), _plain(item.context)), key=len)
        is_source = shorter in longer
    else:
        is_source = item.document in ("", passage.document_id)
    return is_source and any(_plain(answer) in _plain(text) for answer in item.answers)


def _holds(passage: Passage, document: str, at: int) -> bool:
    return passage.document_id == document and passage.start <= at < passage.end


@lru_cache(maxsize=10_000)
def _plain(text: str) -> str:
    return " ".join(text.casefold().split())

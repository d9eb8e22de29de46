"""Questions whose answers are known, asked: what became of each."""

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
    from qa.index.build import Progress


def ask_all(assistant: "Assistant", items: Sequence[Item], progress: "Progress" = lambda *_: None) -> list[Outcome]:
    """Ask every question once, after one that isn't counted, so that everything is loaded."""
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


def calibrated(assistant: "Assistant", items: Sequence[Item], progress: "Progress" = lambda *_: None) -> Calibration:
    """The calibration that fits what these questions find; raises CorpusError where they are too few."""
    rows, right = [], []
    for number, item in enumerate(items):
        progress("questions", number, len(items))
        found = assistant.findings(item.question)
        passage, sentence = found.choices[0].place
        rows.append(found.features)
        right.append(_is_right(passage, sentence.text, item))
    progress("questions", len(items), len(items))
    return fit(rows, right, Calibration.load())


def _is_right(passage: Passage, text: str, item: Item) -> bool:
    if item.context:
        inner, outer = sorted((_plain(passage.text), _plain(item.context)), key=len)
        own = inner in outer
    else:
        own = item.document in ("", passage.document_id)
    return own and any(_plain(answer) in _plain(text) for answer in item.answers)


def _holds(passage: Passage, document: str, at: int) -> bool:
    return passage.document_id == document and passage.start <= at < passage.end


@lru_cache(maxsize=10_000)
def _plain(text: str) -> str:
    return " ".join(text.casefold().split())

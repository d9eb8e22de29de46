"""How well an assistant retrieves, quotes and abstains, by questions whose answers are known.

A hit or a quote is right if it is of the question's own document or paragraph and holds an accepted answer, whatever
the case and the spaces. An assistant with a threshold of 0 shows what it would quote at any other.
"""

import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qa.answer.calibration import Calibration, fit
from qa.questions import Item
from qa.types import Passage

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.indexing import Progress

BINS = 10  # of confidence, in which it is compared with how often it is right
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(20))


class Outcome(NamedTuple):
    """What became of a question: the rank, from 1, of the first hit that is right, and whether the first quote is."""

    answerable: bool
    rank: int | None
    right: bool
    confidence: float
    milliseconds: float


class Point(NamedTuple):
    """What a threshold does: shares of the answerable that are answered, of those that are right, and so on."""

    threshold: float
    answered: float
    right: float  # of what is answered among the answerable
    declined: float  # of the unanswerable
    wrong: float  # of all questions: those that get a wrong quote, without a word of doubt where this is QA_SURE


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
        outcomes.append(Outcome(bool(item.answers), ranks[0] if ranks else None, right, answer.confidence, took))
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


def figures(outcomes: Sequence[Outcome], threshold: float) -> dict[str, float]:
    """The measures by name; those of the unanswerable, or of the answerable, only where there are any."""
    asked = [o for o in outcomes if o.answerable]
    judged = [o for o in outcomes if o.confidence >= threshold]
    found: dict[str, float] = {"questions": len(outcomes), "answerable": len(asked), "threshold": threshold}
    if asked:
        found |= {f"recall@{k}": _mean(o.rank is not None and o.rank <= k for o in asked) for k in (1, 3, 5)}
        found["MRR"] = _mean(1 / o.rank if o.rank else 0 for o in asked)
        found["right quote, of all, if none is declined"] = _mean(o.right for o in asked)
        at = point(outcomes, threshold)
        found |= {"answered": at.answered, "right quote, of answered": at.right}
    if len(asked) < len(outcomes):
        found["unanswerable: declined"] = point(outcomes, threshold).declined
    if 0 < len(asked) < len(outcomes):
        found["unanswerable: AUROC"] = auroc([o.answerable for o in outcomes], [o.confidence for o in outcomes])
    found["area under the risk-coverage curve"] = _mean(risk for _, risk in risk_coverage(outcomes))
    if judged:
        found["calibration error, of answered"] = calibration_error(judged)
    times = [o.milliseconds for o in outcomes]
    return found | {"ms p50": float(np.percentile(times, 50)), "ms p95": float(np.percentile(times, 95))}


def point(outcomes: Sequence[Outcome], threshold: float) -> Point:
    """What becomes of the questions at a threshold; a share of none is 0."""
    asked = [o for o in outcomes if o.answerable]
    answered = [o for o in asked if o.confidence >= threshold]
    others = [o for o in outcomes if not o.answerable]
    declined = _mean(o.confidence < threshold for o in others)
    wrong = _mean(o.confidence >= threshold and not o.right for o in outcomes)
    return Point(threshold, len(answered) / max(1, len(asked)), _mean(o.right for o in answered), declined, wrong)


def auroc(answerable: Sequence[bool], confidence: Sequence[float]) -> float:
    """The probability that an answerable question gets more confidence than one that isn't, ties counted half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(answerable, confidence))


def risk_coverage(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """(coverage, risk) as ever more questions are answered, the surest first: the shares answered, and wrong of those.

    After El-Yaniv and Wiener, On the foundations of noise-free selective classification (2010).
    """
    surest = sorted(outcomes, key=lambda o: -o.confidence)
    wrong = np.cumsum([not o.right for o in surest])
    counts = np.arange(1, len(surest) + 1)
    return list(zip((counts / len(surest)).tolist(), (wrong / counts).tolist(), strict=True))


def reliability(outcomes: Sequence[Outcome]) -> list[tuple[float, float, int]]:
    """(mean confidence, share that is right, how many) of each bin of confidence that isn't empty."""
    bins: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        bins.setdefault(min(int(outcome.confidence * BINS), BINS - 1), []).append(outcome)
    return [(_mean(o.confidence for o in b), _mean(o.right for o in b), len(b)) for _, b in sorted(bins.items())]


def calibration_error(outcomes: Sequence[Outcome]) -> float:
    """How far confidence is from how often it is right, by bins (Naeini and others, 2015)."""
    return sum(n * abs(mean - right) for mean, right, n in reliability(outcomes)) / len(outcomes)


def plot(outcomes: Sequence[Outcome], threshold: float, path: Path) -> None:
    """Draw the reliability diagram and the risk-coverage curve; raises OSError where the file can't be written."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    bins = reliability([o for o in outcomes if o.confidence >= threshold])
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    left.plot([mean for mean, _, _ in bins], [share for _, share, _ in bins], marker="o", clip_on=False)
    for mean, share, n in bins:
        left.annotate(str(n), (mean, share), xytext=(4, -12), textcoords="offset points", fontsize=8)
    left.set(title="Reliability of what is answered", xlabel="confidence", ylabel="share that is right")
    curve = risk_coverage(outcomes)
    right.plot([coverage for coverage, _ in curve], [risk for _, risk in curve])
    answered = _mean(o.confidence >= threshold for o in outcomes)
    right.axvline(answered, color="0.7", linewidth=1, label=f"threshold {threshold:g}")
    right.set(title="Risk and coverage", xlabel="share of questions answered", ylabel="share of those that is wrong")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


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


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / max(1, len(listed))

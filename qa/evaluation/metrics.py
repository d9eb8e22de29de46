"""Metrics: outcomes of questions → recall, risk, coverage, calibration.

A hit or a quote is right if it comes from the question's document or paragraph and contains an accepted answer,
ignoring case and spacing. Take outcomes with a threshold of 0, at which the assistant quotes for every question.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from qa.evaluation.datasets import Item

BINS = 10  # of confidence, for reliability
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(20))


class Outcome(NamedTuple):
    """What came of a question."""

    answerable: bool
    rank: int | None  # of the first right hit, from 1
    right: bool  # the first quote
    confidence: float
    milliseconds: float
    item: Item | None = None
    quote: str = ""  # the first one
    document: str = ""  # that it stands in


class Failure(NamedTuple):
    """A question that went wrong, and how; `quote` is what was quoted, or would be at a lower threshold."""

    question: str
    what: str
    expected: str
    quote: str
    document: str
    confidence: float


class OperatingPoint(NamedTuple):
    """The effect of a threshold, as fractions of questions."""

    threshold: float
    answered: float  # of the answerable
    right: float  # of the answerable that are answered
    declined: float  # of the unanswerable
    wrong: float  # of all: answered with a wrong quote; for QA_SURE, answered so without a word of doubt


def figures(outcomes: Sequence[Outcome], threshold: float) -> dict[str, float]:
    """Return the measures by name, leaving out those of the answerable or unanswerable if there are none."""
    answerable = [o for o in outcomes if o.answerable]
    answered = [o for o in outcomes if o.confidence >= threshold]
    at = operating_point(outcomes, threshold)
    measures: dict[str, float] = {"questions": len(outcomes), "answerable": len(answerable), "threshold": threshold}
    if answerable:
        measures |= {f"recall@{k}": mean(o.rank is not None and o.rank <= k for o in answerable) for k in (1, 3, 5)}
        measures["MRR"] = mean(1 / o.rank if o.rank else 0 for o in answerable)
        measures["right quote, of all, if none is declined"] = mean(o.right for o in answerable)
        measures |= {"answered": at.answered, "right quote, of answered": at.right}
    if len(answerable) < len(outcomes):
        measures["unanswerable: declined"] = at.declined
    if 0 < len(answerable) < len(outcomes):
        measures["unanswerable: AUROC"] = auroc([o.answerable for o in outcomes], [o.confidence for o in outcomes])
    measures["area under the risk-coverage curve"] = mean(risk for _, risk in risk_coverage(outcomes))
    if answered:
        measures["calibration error, of answered"] = calibration_error(answered)
    times = [o.milliseconds for o in outcomes]
    return measures | {"ms p50": float(np.percentile(times, 50)), "ms p95": float(np.percentile(times, 95))}


def operating_point(outcomes: Sequence[Outcome], threshold: float) -> OperatingPoint:
    """Return what a threshold does; a fraction of no questions is 0."""
    answerable = [o for o in outcomes if o.answerable]
    answered = [o for o in answerable if o.confidence >= threshold]
    return OperatingPoint(
        threshold,
        answered=len(answered) / max(1, len(answerable)),
        right=mean(o.right for o in answered),
        declined=mean(o.confidence < threshold for o in outcomes if not o.answerable),
        wrong=mean(o.confidence >= threshold and not o.right for o in outcomes),
    )


def failures(outcomes: Sequence[Outcome], threshold: float) -> list[Failure]:
    """The questions that get a wrong quote, or are declined though they have an answer, or the other way round."""
    return [
        Failure(o.item.question, what, " | ".join(o.item.answers), o.quote, o.document, round(o.confidence, 4))
        for o in outcomes
        if o.item and (what := _failed(o, threshold))
    ]


def _failed(outcome: Outcome, threshold: float) -> str:
    """How a question went wrong, empty where it went right."""
    is_answered = outcome.confidence >= threshold
    if not outcome.answerable:
        return "answered, though the documents don't" if is_answered else ""
    if is_answered:
        return "" if outcome.right else "wrong quote"
    if outcome.right:
        return "declined, though the right quote was found"
    found = f"its passage is number {outcome.rank}" if outcome.rank else "its passage wasn't found"
    return f"declined: {found}"


def auroc(answerable: Sequence[bool], confidence: Sequence[float]) -> float:
    """Return the probability that an answerable question gets more confidence than another, counting ties as half."""
    from scipy.stats import mannwhitneyu

    of_answerable = [c for c, a in zip(confidence, answerable, strict=True) if a]
    of_others = [c for c, a in zip(confidence, answerable, strict=True) if not a]
    return float(mannwhitneyu(of_answerable, of_others).statistic) / (len(of_answerable) * len(of_others))


def risk_coverage(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """Return (coverage, risk) pairs: fractions answered and wrong of those, the most confident questions first.

    After El-Yaniv and Wiener, On the foundations of noise-free selective classification (2010).
    """
    ordered = sorted(outcomes, key=lambda o: -o.confidence)
    wrong = np.cumsum([not o.right for o in ordered])
    counts = np.arange(1, len(ordered) + 1)
    return list(zip((counts / len(ordered)).tolist(), (wrong / counts).tolist(), strict=True))


def reliability(outcomes: Sequence[Outcome]) -> list[tuple[float, float, int]]:
    """Return (mean confidence, fraction right, count) for each nonempty bin of confidence."""
    bins: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        bins.setdefault(min(int(outcome.confidence * BINS), BINS - 1), []).append(outcome)
    return [(mean(o.confidence for o in b), mean(o.right for o in b), len(b)) for _, b in sorted(bins.items())]


def calibration_error(outcomes: Sequence[Outcome]) -> float:
    """Return the expected calibration error, over bins of equal width (Naeini and others, 2015)."""
    return sum(n * abs(confidence - right) for confidence, right, n in reliability(outcomes)) / len(outcomes)


def mean(values: Iterable[float]) -> float:
    """Return the mean, or 0 of no values."""
    listed = list(values)
    return sum(listed) / max(1, len(listed))

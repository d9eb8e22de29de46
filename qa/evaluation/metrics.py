"""How well an assistant retrieves, quotes and abstains, by questions whose answers are known.

A hit or a quote is right if it is of the question's own document or paragraph and holds an accepted answer, whatever
the case and the spaces. An assistant with a threshold of 0 shows what it would quote at any other.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from qa.evaluation.datasets import Item

BINS = 10  # of confidence, in which it is compared with how often it is right
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(20))


class Outcome(NamedTuple):
    """What became of a question: the rank, from 1, of the first hit that is right, and whether the first quote is."""

    answerable: bool
    rank: int | None
    right: bool
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


class Point(NamedTuple):
    """What a threshold does: shares of the answerable that are answered, of those that are right, and so on."""

    threshold: float
    answered: float
    right: float  # of what is answered among the answerable
    declined: float  # of the unanswerable
    wrong: float  # of all questions: those that get a wrong quote, without a word of doubt where this is QA_SURE


def figures(outcomes: Sequence[Outcome], threshold: float) -> dict[str, float]:
    """The measures by name; those of the unanswerable, or of the answerable, only where there are any."""
    asked = [o for o in outcomes if o.answerable]
    judged = [o for o in outcomes if o.confidence >= threshold]
    found: dict[str, float] = {"questions": len(outcomes), "answerable": len(asked), "threshold": threshold}
    if asked:
        found |= {f"recall@{k}": mean(o.rank is not None and o.rank <= k for o in asked) for k in (1, 3, 5)}
        found["MRR"] = mean(1 / o.rank if o.rank else 0 for o in asked)
        found["right quote, of all, if none is declined"] = mean(o.right for o in asked)
        at = point(outcomes, threshold)
        found |= {"answered": at.answered, "right quote, of answered": at.right}
    if len(asked) < len(outcomes):
        found["unanswerable: declined"] = point(outcomes, threshold).declined
    if 0 < len(asked) < len(outcomes):
        found["unanswerable: AUROC"] = auroc([o.answerable for o in outcomes], [o.confidence for o in outcomes])
    found["area under the risk-coverage curve"] = mean(risk for _, risk in risk_coverage(outcomes))
    if judged:
        found["calibration error, of answered"] = calibration_error(judged)
    times = [o.milliseconds for o in outcomes]
    return found | {"ms p50": float(np.percentile(times, 50)), "ms p95": float(np.percentile(times, 95))}


def point(outcomes: Sequence[Outcome], threshold: float) -> Point:
    """What becomes of the questions at a threshold; a share of none is 0."""
    asked = [o for o in outcomes if o.answerable]
    answered = [o for o in asked if o.confidence >= threshold]
    others = [o for o in outcomes if not o.answerable]
    declined = mean(o.confidence < threshold for o in others)
    wrong = mean(o.confidence >= threshold and not o.right for o in outcomes)
    return Point(threshold, len(answered) / max(1, len(asked)), mean(o.right for o in answered), declined, wrong)


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
    return [(mean(o.confidence for o in b), mean(o.right for o in b), len(b)) for _, b in sorted(bins.items())]


def calibration_error(outcomes: Sequence[Outcome]) -> float:
    """How far confidence is from how often it is right, by bins (Naeini and others, 2015)."""
    return sum(n * abs(confidence - right) for confidence, right, n in reliability(outcomes)) / len(outcomes)


def mean(values: Iterable[float]) -> float:
    """Return the mean of these values, 0 where there are none."""
    listed = list(values)
    return sum(listed) / max(1, len(listed))

"""Plots of reliability and of risk over coverage."""

from collections.abc import Sequence
from pathlib import Path

from qa.evaluation.metrics import Outcome, mean, reliability, risk_coverage


def plot(outcomes: Sequence[Outcome], threshold: float, path: Path) -> None:
    """Draw the reliability diagram and the risk-coverage curve; raise OSError if the file can't be written."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    bins = reliability([o for o in outcomes if o.confidence >= threshold])
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    left.plot([confidence for confidence, _, _ in bins], [share for _, share, _ in bins], marker="o", clip_on=False)
    for confidence, share, n in bins:
        left.annotate(str(n), (confidence, share), xytext=(4, -12), textcoords="offset points", fontsize=8)
    left.set(title="Reliability of what is answered", xlabel="confidence", ylabel="share that is right")
    curve = risk_coverage(outcomes)
    right.plot([coverage for coverage, _ in curve], [risk for _, risk in curve])
    answered = mean(o.confidence >= threshold for o in outcomes)
    right.axvline(answered, color="0.7", linewidth=1, label=f"threshold {threshold:g}")
    right.set(title="Risk and coverage", xlabel="share of questions answered", ylabel="share of those that is wrong")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)

"""Calibration: features of a ranking → the probability that its first quote answers.

A logistic regression over scores, margins and ranks, after Kamath and others, Selective question answering under domain
shift (2020).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa.encoder.base import Vectors
from qa.encoder.bundled import BUNDLED
from qa.encoder.onnx_export import READER
from qa.errors import CorpusError, StoreError

FEATURES = ("score", "margin", "share", "whole", "rank")  # keys of FILE; none depends on the size of the index
FILE = "calibration.json"
MIN_EXAMPLES = 10  # of right first quotes, and of wrong ones
L2 = 0.005  # penalty on the distance from the initial weights, of standardised features


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted logistic regression: a weight for each of FEATURES and for "intercept"."""

    weights: Mapping[str, float]

    @classmethod
    def load(cls, folder: Path | None = None) -> "Calibration":
        """Return the calibration saved in a folder, or the shipped one; raise StoreError if it is damaged."""
        path = folder / FILE if folder and (folder / FILE).is_file() else BUNDLED / READER / FILE
        try:
            weights = json.loads(path.read_text("utf-8"))
            return cls({name: float(weights[name]) for name in ("intercept", *FEATURES)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is damaged: delete it, or run `qa calibrate`") from error

    def save(self, folder: Path) -> None:
        """Save the weights in a folder, made if missing; raise StoreError if it can't be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / FILE).write_text(json.dumps(dict(self.weights), indent=1) + "\n", "utf-8")
        except OSError as error:
            raise StoreError(f"the calibration can't be written to {folder} ({error.strerror})") from error

    def __call__(self, features: Mapping[str, float]) -> float:
        """Return the probability that a first quote with these features answers."""
        log_odds = self.weights["intercept"] + sum(self.weights[name] * features[name] for name in FEATURES)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))


def fit(rows: Sequence[Mapping[str, float]], right: Sequence[bool], start: Calibration) -> Calibration:
    """Fit a calibration to first quotes, given as their features and whether each was right.

    The weights are regularised towards those of `start`, so that few examples move them little. Raises CorpusError if
    fewer than MIN_EXAMPLES are right, or wrong.
    """
    from scipy.optimize import minimize

    if not MIN_EXAMPLES <= sum(right) <= len(right) - MIN_EXAMPLES:
        raise CorpusError(
            f"give at least {MIN_EXAMPLES} questions that are answered rightly and {MIN_EXAMPLES} that aren't, such as "
            f"some that the documents don't answer; {sum(right)} of {len(right)} are"
        )
    x = np.array([[row[name] for name in FEATURES] for row in rows])
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    x = (x - mean) / scale
    sign = np.where(right, 1.0, -1.0)
    prior = np.array([start.weights[name] for name in FEATURES]) * scale

    def loss(v: Vectors) -> tuple[float, Vectors]:
        margin = sign * (x @ v[1:] + v[0])
        slope = -sign / (1 + np.exp(np.clip(margin, -30, 30)))
        moved = v[1:] - prior
        log_loss = np.logaddexp(0, -margin).mean()
        return log_loss + L2 * moved @ moved, np.r_[slope.mean(), x.T @ slope / len(x) + 2 * L2 * moved]

    v = minimize(loss, np.r_[0.0, prior], jac=True, method="L-BFGS-B").x
    weights = v[1:] / scale
    named = {"intercept": v[0] - weights @ mean, **dict(zip(FEATURES, weights, strict=True))}
    return Calibration({name: round(float(value), 5) for name, value in named.items()})

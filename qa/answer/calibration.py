"""What the reader found → the probability that its first quote answers, and fitting that to questions.

A logistic regression over a few features of scores, margins and agreement, after Kamath and others, Selective question
answering under domain shift (2020).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa.encoder.base import Vectors
from qa.encoder.onnx_export import BUNDLED, READER
from qa.errors import CorpusError, StoreError

FEATURES = ("score", "margin", "share", "whole", "rank")  # none depends on how much is indexed
FILE = "calibration.json"
LEAST = 10  # questions whose first quote is right, and others, which something can be learnt from
L2 = 0.005  # on how far the weights of standardised features move from those that are shipped


@dataclass(frozen=True, slots=True)
class Calibration:
    """The weights of the features, by their names, and of "intercept"."""

    weights: Mapping[str, float]

    @classmethod
    def load(cls, folder: Path | None = None) -> "Calibration":
        """The one that was saved in a folder, or else the one that is shipped; raises StoreError if it is damaged."""
        path = folder / FILE if folder and (folder / FILE).is_file() else BUNDLED / READER / FILE
        try:
            weights = json.loads(path.read_text("utf-8"))
            return cls({name: float(weights[name]) for name in ("intercept", *FEATURES)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is damaged: delete it, or run `qa calibrate`") from error

    def save(self, folder: Path) -> None:
        """Keep the weights in a folder, which is made if it isn't there; raises StoreError where that can't be done."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / FILE).write_text(json.dumps(dict(self.weights), indent=1) + "\n", "utf-8")
        except OSError as error:
            raise StoreError(f"the calibration can't be written to {folder} ({error.strerror})") from error

    def __call__(self, features: Mapping[str, float]) -> float:
        """The probability that a first quote with these features answers."""
        log_odds = self.weights["intercept"] + sum(self.weights[name] * features[name] for name in FEATURES)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))


def fit(rows: Sequence[Mapping[str, float]], right: Sequence[bool], start: Calibration) -> Calibration:
    """The weights that make first quotes with these features as probable as they were right, not far from `start`.

    Raises CorpusError where there are too few of either kind.
    """
    from scipy.optimize import minimize

    if not LEAST <= sum(right) <= len(right) - LEAST:
        raise CorpusError(
            f"give at least {LEAST} questions that are answered rightly and {LEAST} that aren't, as those that the "
            f"documents don't answer; {sum(right)} of {len(right)} are"
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
        value = np.logaddexp(0, -margin).mean() + L2 * moved @ moved
        return value, np.r_[slope.mean(), x.T @ slope / len(x) + 2 * L2 * moved]

    v = minimize(loss, np.r_[0.0, prior], jac=True, method="L-BFGS-B").x
    weights = v[1:] / scale
    found = {"intercept": v[0] - weights @ mean, **dict(zip(FEATURES, weights, strict=True))}
    return Calibration({name: round(float(value), 5) for name, value in found.items()})

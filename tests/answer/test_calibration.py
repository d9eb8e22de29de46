"""The confidence: what it is computed from, and how it is fitted to questions."""

from pathlib import Path

import numpy as np
import pytest

from qa.answer.calibration import FEATURES, FILE, MIN_EXAMPLES, Calibration, fit
from qa.errors import CorpusError, StoreError

ZERO = Calibration(dict.fromkeys(("intercept", *FEATURES), 0.0))


def rows(scores: list[float]) -> list[dict[str, float]]:
    return [{name: score if name == "score" else 0.0 for name in FEATURES} for score in scores]


def test_it_is_a_logistic_function_of_the_features() -> None:
    calibration = Calibration({**ZERO.weights, "intercept": 1.0, "score": 2.0})
    assert ZERO(rows([5.0])[0]) == 0.5
    assert calibration(rows([0.5])[0]) == pytest.approx(1 / (1 + np.exp(-2)))
    assert calibration(rows([1e9])[0]) > 1 - 1e-12


def test_what_is_fitted_is_as_sure_as_it_is_right() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=4000).tolist()
    right = [bool(random.random() < 1 / (1 + np.exp(1 - 2 * score))) for score in scores]
    fitted = fit(rows(scores), right, ZERO)
    assert fitted.weights["score"] == pytest.approx(2, abs=0.4)  # it is held a little towards where it began
    confidence = [fitted(row) for row in rows(scores)]
    assert np.mean(confidence) == pytest.approx(np.mean(right), abs=0.01)
    assert fitted.weights["margin"] == 0


def test_few_questions_move_the_weights_little_and_too_few_are_refused() -> None:
    start = Calibration({**ZERO.weights, "score": 1.0, "rank": 3.0})
    few = fit(rows([-1.0, 1.0] * MIN_EXAMPLES), [False, True] * MIN_EXAMPLES, start)
    assert few.weights["rank"] == pytest.approx(3.0, abs=1e-4)  # nothing is learnt of what never differs
    assert few.weights["score"] > 1
    with pytest.raises(CorpusError, match=rf"{MIN_EXAMPLES} questions that are answered rightly .* 3 of 30 are"):
        fit(rows([0.0] * 30), [True] * 3 + [False] * 27, start)


def test_it_is_kept_and_a_damaged_one_is_a_clear_error(tmp_path: Path) -> None:
    shipped = Calibration.load(tmp_path)
    assert set(shipped.weights) == {"intercept", *FEATURES}
    own = Calibration({**ZERO.weights, "score": 1.5})
    own.save(tmp_path / "calibration")
    assert Calibration.load(tmp_path / "calibration") == own
    (tmp_path / FILE).write_text('{"intercept": 1}', "utf-8")
    with pytest.raises(StoreError, match="is damaged: delete it, or run `qa calibrate`"):
        Calibration.load(tmp_path)
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(StoreError, match="can't be written"):
        own.save(tmp_path / "file")

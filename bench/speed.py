"""Speed and memory, for docs/benchmarks.md: `python bench/speed.py latency FILE`, and so on, with a SQuAD file."""

import random
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import numpy as np
import typer
from evaluate import show

from qa import Assistant, Document
from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import load_reader_in_memory
from qa.cache import Cache
from qa.encoder.base import Encoder
from qa.encoder.bundled import DEFAULT
from qa.encoder.onnx_runtime import OnnxEncoder, load_in_memory
from qa.evaluation.datasets import read_squad
from qa.index.build import Indexer
from qa.index.local.store import LocalStore
from qa.text.terms import Analyzer

cli = typer.Typer(add_completion=False)
File = Annotated[Path, typer.Argument(exists=True)]


@cli.command()
def latency(file: File, passages: int = 10_000, limit: int = 300, clients: int = 32) -> None:
    """Time questions over this many passages, one at a time and from many clients.

    The bare networks are timed in turns with each question: the encoder on it, and the reader on the same passages.
    """
    assistant, questions = _copies(file, passages, limit)
    encoder, store = assistant.encoder, assistant.store
    assert isinstance(store, LocalStore)
    assert assistant._turns is not None
    with assistant._turns:  # as `ask` does
        tokens = {question: _tokens(assistant, question) for question in questions}
    analyzer = Analyzer()
    ways = {
        "question, ms": assistant.ask,
        "bare networks, ms": lambda question: _bare(assistant, tokens[question]),
        "encoding and all three rankings, ms": lambda question: _ranked(encoder, store, analyzer, question),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for question in questions[:5] + questions:  # the first five only warm up
        for name, way in ways.items():
            times[name].append(_milliseconds(partial(way, question)))
    whole, bare, ranked = (values[5:] for values in times.values())
    percentiles = {
        f"{name}, p{p}": float(np.percentile(values, p))
        for p in (50, 95)
        for name, values in zip(ways, (whole, bare, ranked), strict=True)
    }
    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        together = list(pool.map(lambda q: _milliseconds(lambda: assistant.ask(q)), questions * 3))
    rate, alone = len(together) / (time.perf_counter() - begin), 1000 / float(np.mean(whole))
    show(
        "latency",
        {
            "passages": len(store),
            **percentiles,
            "question to bare networks, p50": float(np.median(whole) / np.median(bare)),
            "questions a second, one client": alone,
            f"questions a second, {clients} clients": rate,
            "the latter to the former": rate / alone,
            f"question of {clients} clients, ms, p95": float(np.percentile(together, 95)),
        },
    )


@cli.command()
def memory(file: File, passages: int = 10_000, asked: int = 10_000, clients: int = 32) -> None:
    """Print the resident memory after every thousand questions from many clients."""
    assistant, questions = _copies(file, passages, 1000)
    with ThreadPoolExecutor(clients) as pool:
        for done in range(0, asked + 1, len(questions)):
            print(f"  after {done} questions: {_resident_mb():.1f} MB", flush=True)
            list(pool.map(assistant.ask, questions))


@cli.command()
def embedding(file: File, limit: int = 256) -> None:
    """Compare the passages a second of embedding into a cache with those of the bare network, in turns.

    The bare network gets tokens in batches of similar length, in several batch sizes; the best one counts.
    """
    encoder = load_in_memory(DEFAULT)
    assert isinstance(encoder, OnnxEncoder)
    indexer = Indexer(encoder, Analyzer())
    split = indexer.split_all(read_squad(file).documents)[:limit]
    read = encoder.tokenizer.encode_batch([p.label + p.text for p in split])
    tokens = sorted((one.ids[: encoder.max_tokens] for one in read), key=len)
    bare = {size: [tokens[n : n + size] for n in range(0, len(tokens), size)] for size in (1, 2, 4, 8, 16, 32)}
    inputs = {size: [encoder._network._inputs(batch, None) for batch in batches] for size, batches in bare.items()}
    rates: dict[str, list[float]] = {}
    for turn in range(5):
        with tempfile.TemporaryDirectory() as folder, closing(Cache(Path(folder), str(turn))) as cache:
            ours = partial(indexer.embed, split, cache)
            rates.setdefault("embedded", []).append(len(split) / _milliseconds(ours))
        for size, batches in inputs.items():
            alone = partial(_run, encoder, batches)
            rates.setdefault(f"network alone, batches of {size}", []).append(len(split) / _milliseconds(alone))
    medians = {f"{name}, a second": 1000 * float(np.median(values)) for name, values in rates.items()}
    embedded, *others = medians.values()
    show("embedding", {"passages": len(split), **medians, "ratio to the best": embedded / max(others)})


def _resident_mb() -> float:
    kilobytes = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))
    assert kilobytes
    return int(kilobytes[1]) / 1024


def _run(encoder: OnnxEncoder, batches: Sequence[dict[str, Any]]) -> None:
    for inputs in batches:
        encoder._network._session.run(None, inputs)


def _copies(file: Path, passages: int, limit: int) -> tuple[Assistant, list[str]]:
    """Return an assistant over copies of a file's paragraphs, each embedded once, and a sample of its questions."""
    read, encoder, analyzer = read_squad(file), load_in_memory(DEFAULT), Analyzer()
    indexer = Indexer(encoder, Analyzer())
    split = indexer.split_all(read.documents)
    embedded = list(indexer.embed(split))
    copies = [  # numbered, so that no two have the same text
        item._replace(
            passage=replace(
                item.passage, document_id=f"{n} {item.passage.document_id}", text=f"{item.passage.text} ({n})"
            )
        )
        for n in range(-(-passages // len(embedded)))
        for item in embedded
    ]
    documents = [Document(item.passage.document_id, item.passage.title, "") for item in copies]
    named = {document.id: document for document in documents}.values()
    store, reader = LocalStore.build(named, copies, analyzer), load_reader_in_memory()
    assistant = Assistant(store, encoder, analyzer, reader, Calibration.load())
    return assistant, [item.question for item in random.Random(7).sample(read.items, limit)]


def _tokens(assistant: Assistant, question: str) -> tuple[list[list[int]], list[list[int]], list[int]]:
    """Return the encoder's input for a question, and the reader's: token ids, and where each passage begins in them."""
    calls: list[tuple[list[list[int]], list[int]]] = []
    network = assistant._read._read._network
    call = network.__class__.__call__

    def recorded(self: object, texts: list[list[int]], seconds: list[int] | None = None) -> list[Any]:
        if seconds:
            calls.append((texts, seconds))
        return call(self, texts, seconds)  # type: ignore[arg-type]

    with patch.object(network.__class__, "__call__", recorded):
        assistant._read._read(question, [c.passage for c in assistant._retrieve(question).candidates])
    return [assistant.encoder.tokenizer.encode(question).ids], *calls[-1]


def _bare(assistant: Assistant, tokens: tuple[list[list[int]], list[list[int]], list[int]]) -> None:
    question, pairs, seconds = tokens
    encoder = assistant.encoder
    assert isinstance(encoder, OnnxEncoder)
    encoder._network(question)
    assistant._read._read._network(pairs, seconds)


def _ranked(encoder: Encoder, store: LocalStore, analyzer: Analyzer, question: str) -> None:
    (encoded,) = encoder.encode_questions([question], [[]])
    store.search(encoded.vector, analyzer.terms(question), 100)


def _milliseconds(ask: Callable[[], object]) -> float:
    begin = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - begin)


if __name__ == "__main__":
    cli()

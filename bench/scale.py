"""Growth of the index: building, opening, searching and changing it at 10^3 to 10^6 passages, without encoding.

    python bench/scale.py measure --index INDEX … [--sizes 1000,10000,100000] [--plot FOLDER]

Real passages and their vectors come from indexes that `qa index` made. Beyond their number each is repeated with its
vectors moved at random, along the difference of two others, which keeps their distribution. Long steps are measured in
core-seconds, which other work on the machine hardly changes.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer

from qa import Assistant, Document
from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import load_reader
from qa.encoder.base import Encoded, Encoder, Vectors, unit
from qa.encoder.bundled import DEFAULT
from qa.encoder.onnx_runtime import load
from qa.index import snapshots
from qa.index import update as updating
from qa.index.build import Indexer
from qa.index.local.columns import to_float32
from qa.index.local.layered import open_store
from qa.index.local.nearest import NearestNeighbors
from qa.index.local.store import LocalStore
from qa.index.snapshots import ENCODER
from qa.index.store import EmbeddedPassage
from qa.index.update import update
from qa.text.terms import Analyzer
from qa.types import Span

SIZES = "1000,10000,100000,1000000"
MOVED = 0.35  # of the difference of two vectors, added to a third
QUESTIONS = 200
CHUNK = 2000

T = TypeVar("T")

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@cli.command()
def measure(
    index: Annotated[list[Path], typer.Option(help="Index folders that passages are taken from.")],
    sizes: str = SIZES,
    plot: Path | None = None,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure each size in processes of their own, and print a table."""
    rows = []
    for size in map(int, sizes.split(",")):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            row: dict[str, Any] = {"passages": size}
            for step in ("build", "ask", "change"):
                command = [sys.executable, __file__, step, folder, str(size), *map(str, index)]
                row |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(json.dumps(row), flush=True)
        rows.append(row)
    names = list(rows[0])
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()) + " |")
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1), "utf-8")
    if plot:
        _plot(rows, plot)


@cli.command(hidden=True)
def build(folder: Path, size: int, index: list[Path]) -> None:
    """Build a store of `size` passages in a folder."""
    stores = [_store(each) for each in index]
    encoder, analyzer = _encoder_and_analyzer(index)
    hashes = updating.hashes_of(list(_documents(stores, size)))
    drawing: list[float] = []
    about: dict[str, Any] = {}

    def fill(new: Path) -> None:
        (new / updating.DOCUMENTS).write_text(json.dumps(hashes), "utf-8")
        items, documents = (_timed_items(drawn, drawing) for drawn in (_items(stores, size), _documents(stores, size)))
        store = LocalStore.build(documents, items, analyzer, new)
        about["search by"] = store.kind
        store.close()

    begin = time.process_time()
    built = {**updating.settings_of(Indexer(encoder, analyzer)), "documents": hashes}
    snapshot = snapshots.create(folder, "store", built, fill)
    about["build, core-s"] = time.process_time() - begin - sum(drawing)
    about["build, MB resident"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    about["disk, MB"] = sum(path.stat().st_size for path in snapshot.rglob("*") if path.is_file()) / 2**20
    print(json.dumps(about))


@cli.command(hidden=True)
def ask(folder: Path, size: int, index: list[Path]) -> None:
    """Open the store and search it."""
    encoder = load(DEFAULT, index[0] / ENCODER, "onnx")
    texts = _questions([_store(each) for each in index])
    analyzer = Analyzer()
    vectors = [encoder.encode_questions([text], [[]])[0].vector for text in texts]
    before = _memory("RssAnon")
    begin = time.perf_counter()
    store = _store(folder)
    opened = time.perf_counter() - begin
    assistant = Assistant(store, encoder, analyzer, load_reader(index[0] / ENCODER), Calibration.load())
    pairs = list(zip(texts, vectors, strict=True))
    first, searches = (
        [_timed(lambda t=t, v=v: store.search(v, analyzer.terms(t), 100)) for t, v in pairs] for _ in range(2)
    )
    asked = [_timed(lambda t=t: assistant.ask(t)) for t in texts]
    own, mapped = _memory("RssAnon") - before, _memory("RssFile")
    figures = {
        "open, s": opened,
        "first search p50, ms": float(np.percentile(first, 50)),
        "first search p95, ms": float(np.percentile(first, 95)),
        "search p50, ms": float(np.percentile(searches, 50)),
        "search p95, ms": float(np.percentile(searches, 95)),
        "question p50, ms": float(np.percentile(asked, 50)),
        "question p95, ms": float(np.percentile(asked, 95)),
        "own memory, MB": own,
        "mapped files, MB": mapped,
        "recall@10 to exact": _recall(store._nearest, vectors),
    }
    print(json.dumps(figures))


@cli.command(hidden=True)
def change(folder: Path, size: int, index: list[Path]) -> None:
    """Index the store's documents with one of them changed, then once more unchanged."""
    stores = [_store(each) for each in index]
    encoder, analyzer = _encoder_and_analyzer(index)
    encoder.encode_passages = partial(_drawn, stores[0], np.random.default_rng(7))  # type: ignore[method-assign]
    first, *others = _documents(stores, size)
    documents = [replace(first, text=f"{first.text}\n\nOne thing more."), *others]
    figures = {}
    for what in ("change one document", "open unchanged"):
        begin, began = time.process_time(), time.perf_counter()
        snapshot, _ = update(documents, folder, Indexer(encoder, analyzer))
        open_store(snapshot).close()
        figures[f"{what}, core-s"] = time.process_time() - begin
        figures[f"{what}, s"] = time.perf_counter() - began
    print(json.dumps(figures))


def _encoder_and_analyzer(index: list[Path]) -> tuple[Encoder, Analyzer]:
    return load(DEFAULT, index[0] / ENCODER, "onnx"), Analyzer()


def _drawn(store: LocalStore, chance: np.random.Generator, texts: list[str], spans: list[list[Span]]) -> list[Encoded]:
    """Return random vectors instead of encoding, so that encoding isn't measured."""
    vectors, sentences = to_float32(store._vectors.passages), store._vectors.sentences
    drawn = []
    for stretches in spans:
        one, other, third = vectors[chance.integers(len(vectors), size=3)]
        rows = sentences[chance.integers(len(sentences), size=len(stretches))]
        drawn.append(Encoded(unit(one + MOVED * (other - third)), rows.astype(np.float32)))
    return drawn


def _timed_items(items: Iterator[T], seconds: list[float]) -> Iterator[T]:
    """Yield the items, and record the CPU seconds that each takes to draw."""
    while True:
        begin = time.process_time()
        item = next(items, None)
        seconds.append(time.process_time() - begin)
        if item is None:
            return
        yield item


def _recall(nearest: NearestNeighbors, vectors: list[Vectors]) -> float:
    exact = NearestNeighbors(nearest.vectors)
    shares = [len(set(nearest(v, 100)[:10].tolist()) & set(exact(v, 10).tolist())) / 10 for v in vectors[:100]]
    return float(np.mean(shares))


def _store(index: Path) -> LocalStore:
    folder = snapshots.current(index)
    assert folder is not None, f"nothing is indexed in {index}"
    assert snapshots.is_whole(folder), f"the index in {index} is damaged"
    return LocalStore.open(folder)


def _numbers(stores: list[LocalStore], size: int) -> Iterator[tuple[int, LocalStore, list[int]]]:
    """Yield (round, store, numbers of passages), going around the stores until there are enough."""
    taken, turn = 0, 0
    while taken < size:
        for store in stores:
            for first in range(0, len(store), CHUNK):
                numbers = list(range(first, min(first + CHUNK, len(store), first + size - taken)))
                if numbers:
                    yield turn, store, numbers
                taken += len(numbers)
        turn += 1


def _items(stores: list[LocalStore], size: int) -> Iterator[EmbeddedPassage]:
    chance = np.random.default_rng(7)
    total = 0
    for turn, store, numbers in _numbers(stores, size):
        columns = store._vectors
        vectors = to_float32(columns.passages)
        for number, passage in store.passages(numbers).items():
            of = slice(*columns.first_sentences[number : number + 2])
            sentences = columns.sentences[of] * columns.scales[of, None]
            moved = np.zeros(vectors.shape[1], dtype=np.float32)
            if turn:
                one, other = chance.integers(len(vectors), size=2)
                moved = MOVED * (vectors[one] - vectors[other])
            yield EmbeddedPassage(
                replace(passage, document_id=f"{total}"),
                unit(vectors[number] + moved),
                unit(sentences + moved),
            )
            total += 1


def _documents(stores: list[LocalStore], size: int) -> Iterator[Document]:
    total = 0
    for _, store, numbers in _numbers(stores, size):
        for passage in store.passages(numbers).values():
            yield Document(f"{total}", passage.title, passage.text)
            total += 1


def _questions(stores: list[LocalStore]) -> list[str]:
    """Return questions made of the beginnings of sentences."""
    chance, questions = random.Random(7), []
    while len(questions) < QUESTIONS:
        store = chance.choice(stores)
        (passage,) = store.passages([chance.randrange(len(store))]).values()
        words = chance.choice(passage.sentences).text.split()
        if len(words) > 6:
            questions.append("What about " + " ".join(words[2:10]) + "?")
    return questions


def _memory(kind: str) -> float:
    """Return the resident memory of a kind in MB: RssAnon is the process's own, RssFile mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{kind}:"))
    return int(kilobytes) / 1024


def _timed(call: Any) -> float:
    begin = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begin)


def _plot(rows: list[dict[str, Any]], folder: Path) -> None:
    """Draw each figure over the number of passages on logarithmic axes, with its slope."""
    import matplotlib.pyplot as plt

    names = [name for name, value in rows[0].items() if isinstance(value, float) and "recall" not in name]
    figure, places = plt.subplots(-(-len(names) // 3), 3, figsize=(12, len(names)), layout="constrained")
    sizes = [row["passages"] for row in rows]
    for place in places.flat[len(names) :]:
        place.remove()
    for place, name in zip(places.flat, names, strict=False):
        values = [max(row[name], 1e-3) for row in rows]
        slope = np.polyfit(np.log10(sizes), np.log10(values), 1)[0]
        place.loglog(sizes, values, "o-")
        place.set_title(f"{name} (slope {slope:.2f})", fontsize=11)
        place.set_xlabel("passages")
        place.grid(alpha=0.3)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "scale.png", dpi=80)


if __name__ == "__main__":
    cli()

"""An export in Chromium beside Python: the same answers, seconds, memory, size. `python bench/export.py --help`.

It is compared with this package by the networks as they are exported, so what differs is a defect of the JavaScript,
and by its default, whose reader rounds to 8 bits what it multiplies. How far the default is from its own reader in 32
bits says how much of the second difference comes from that.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from playwright.sync_api import Page, sync_playwright

from qa.answer import schema
from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder, load_reader
from qa.assistant import Assistant
from qa.encoder.base import Encoder
from qa.encoder.bundled import DEFAULT
from qa.encoder.onnx_export import ABOUT, MODEL
from qa.encoder.onnx_runtime import OnnxEncoder, load
from qa.encoder.onnx_web import SHARED
from qa.evaluation import metrics, run
from qa.evaluation.datasets import read_questions
from qa.export import Box
from qa.index import snapshots
from qa.index.snapshots import CALIBRATION, ENCODER
from qa.settings import DEFAULTS
from qa.text.terms import Analyzer

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--enable-precise-memory-info"]
NEAR = 0.03  # of confidence
ASK = """async ([question, history]) => {
    const address = new URL(document.querySelector("qa-box").dataset.index, document.baseURI).href;
    const manifest = await (await fetch(address)).json();
    const { open } = await import(new URL(manifest.box, address));
    return (await open(manifest, address).call("api/ask", { question, history })).json();
}"""

Question = tuple[str, list[tuple[str, str]]]  # with what was asked before
Payload = dict[str, Any]


def ask(page: Page, question: Question) -> Payload:
    """What the box of an export's page answers."""
    found: Payload = page.evaluate(ASK, list(question))
    return found


def reference(
    box: Box, assistant: Assistant, index: Path, folder: Path, threshold: float = DEFAULTS.threshold
) -> Assistant:
    """An assistant over the same documents, with the networks as they are exported, which a folder is filled with."""
    sources = {"encoder": load(DEFAULT, index / ENCODER, "int8"), "reader": load_reader(index / ENCODER)}
    for name, source in sources.items():
        shutil.copytree(source.folder, folder / name)  # type: ignore[union-attr]
        (folder / name / MODEL).write_bytes(gzip.decompress(box.parts[name]))
        (folder / name / SHARED).write_bytes(gzip.decompress(box.parts["weights"]))
        about = json.loads((folder / name / ABOUT).read_text("utf-8")) | {"sizes": {}}
        (folder / name / ABOUT).write_text(json.dumps(about), "utf-8")
    encoder, reader = OnnxEncoder(folder / "encoder"), CrossEncoder(folder / "reader")
    return reading(assistant, index, reader, encoder, threshold)


def reading(
    assistant: Assistant,
    index: Path,
    reader: CrossEncoder,
    encoder: Encoder | None = None,
    threshold: float = DEFAULTS.threshold,
) -> Assistant:
    """An assistant over the same documents with another reader."""
    language = snapshots.manifest(index / assistant.snapshot)["language"]
    calibration = Calibration.load(index / CALIBRATION)
    return Assistant(
        assistant.store, encoder or assistant.encoder, Analyzer(language), reader, calibration, threshold=threshold
    )


def right(name: str, assistant: Assistant, file: Path) -> None:
    """Print how often an assistant that declines nothing is right."""
    figures = metrics.figures(run.ask_all(assistant, read_questions(file), lambda *_: None), DEFAULTS.threshold)
    print(
        f"{name}:",
        ", ".join(f"{what} {value:.3f}" for what, value in figures.items() if "quote" in what or "ed" in what),
    )


def difference(expected: Payload, found: Payload) -> str:
    """How an answer differs in what counts, nothing where it doesn't."""
    if verdict(expected) != verdict(found):
        return f"{verdict(expected)} became {verdict(found)}"
    places = [[(c["document"], c["start"]) for c in one["citations"][:1]] for one in (expected, found)]
    return "" if places[0] == places[1] else f"{places[0]} became {places[1]}"


def verdict(answer: Payload) -> str:
    """Which of the three answers it is."""
    return "declined" if answer["abstained"] else "unsure" if answer["unsure"] else "answered"


@contextmanager
def hosting(folder: Path, headers: dict[str, str] | None = None) -> Iterator[str]:
    """A static host for a folder, on a free port of loopback."""

    class Handler(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            super().end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def questions(files: Sequence[Path]) -> list[Question]:
    """Those of files of questions and of conversations, in which later ones follow the ones before."""
    found: list[Question] = []
    for file in files:
        for line in file.read_text("utf-8").splitlines():
            item = json.loads(line)
            said: list[tuple[str, str]] = []
            for turn in item.get("turns", [item]):
                found.append((turn["question"], list(said)))
                said.append((turn["question"], " ".join(turn.get("gold") or turn.get("answers") or ())))
    return list({json.dumps(one): one for one in found}.values())


def compare(name: str, expected: Sequence[Payload], found: Sequence[Payload]) -> None:
    differences = [difference(a, b) for a, b in zip(expected, found, strict=True)]
    far = [abs(a["confidence"] - b["confidence"]) for a, b in zip(expected, found, strict=True)]
    print(
        f"beside {name}: {1 - sum(map(bool, differences)) / len(found):.1%} of {len(found)} the same verdict and place,"
    )
    print(
        f"  {sum(one <= NEAR for one in far) / len(far):.1%} within {NEAR} of confidence, the furthest {max(far):.3f}"
    )
    for answer, change in zip(found, differences, strict=True):
        if change:
            print(f"  {answer['question']!r}: {change}")


def renderer() -> tuple[float, float]:
    """The memory in MB, and the seconds that it has computed, of the largest page process that was started here."""
    lines = subprocess.run(["ps", "-eo", "ppid,pid,rss,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in lines.splitlines()[1:]]
    own, more = {str(os.getpid())}, {str(os.getpid())}
    while more:
        more = {pid for ppid, pid, _, _ in rows if ppid in more}
        own |= more
    memory, pid = max((int(rss), pid) for _, pid, rss, args in rows if pid in own and "type=renderer" in args)
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return memory / 1000, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def measure(address: str, asked: Sequence[Question], times: int) -> list[Payload]:
    """Print how long opening a page and asking takes, by the clock and of one core; returns the answers."""
    cold: list[tuple[float, float]] = []
    with sync_playwright() as playwright:
        for time_ in range(times):
            with TemporaryDirectory() as profile:
                context = playwright.chromium.launch_persistent_context(
                    profile, executable_path="/usr/bin/chromium", args=FLAGS
                )
                page = context.new_page()
                begin = time.perf_counter()
                page.goto(address)
                ask(page, asked[0])
                cold.append((time.perf_counter() - begin, renderer()[1]))
                if time_ < times - 1:
                    context.close()
                    continue
                begin = time.perf_counter()
                page.reload()
                ask(page, asked[0])
                warm = time.perf_counter() - begin
                before = renderer()[1]
                found = [ask(page, question) for question in asked]
                memory, after = renderer()
                context.close()
    took = sorted(answer["took_ms"] for answer in found)
    first, computed = (statistics.median(values) for values in zip(*cold, strict=True))
    print(
        f"{address.partition(':')[0]}: first answer {first:.1f} s ({computed:.1f} s of a core) cold, {warm:.1f} s warm;"
    )
    print(f"  a question {took[len(took) // 2]:.0f} ms, p95 {took[int(0.95 * len(took))]:.0f} ms", end=" ")
    print(f"({1000 * (after - before) / len(found):.0f} ms of a core); {memory:.0f} MB", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="?", default="corpus")
    parser.add_argument("--index", default="index", type=Path)
    parser.add_argument("--questions", nargs="*", default=[Path("docs/demo-questions.jsonl")], type=Path)
    parser.add_argument("--right", type=Path, help="questions with known answers: how often either is right")
    parser.add_argument("--most", default=300, type=int)
    parser.add_argument("--times", default=3, type=int, help="how often a cold start is measured")
    given = parser.parse_args()
    asked = questions(given.questions)[: given.most]
    assistant = Assistant.open(given.corpus, given.index)
    box = Box(assistant, given.index, DEFAULT, DEFAULTS.threshold, DEFAULTS.sure, lambda *_: None)
    with TemporaryDirectory() as folder:
        box.write_folder(Path(folder, "box"), "Box")
        (size,) = box.write_file(Path(folder, "box.html"), "Box").values()
        print(f"{given.corpus}: {len(assistant.store)} passages, one file of {size / 1e6:.1f} MB; packed,", end=" ")
        print(", ".join(f"{name} {len(part) / 1e6:.2f} MB" for name, part in box.parts.items()))
        found = measure(f"file://{folder}/box.html", asked, given.times)
        with hosting(Path(folder, "box")) as address:
            measure(f"{address}/index.html", asked[:20], given.times)
        same = reference(box, assistant, given.index, Path(folder, "networks"))
        compare("the same networks", [schema.Answer.of(same.ask(*question), 0).as_json() for question in asked], found)
        default = [schema.Answer.of(assistant.ask(*question), 0).as_json() for question in asked]
        compare("the default", default, found)
        wide = reading(assistant, given.index, load_reader(given.index / ENCODER, "onnx"))
        print("the default's reader in 32 bits", end=" ")
        compare("the default", default, [schema.Answer.of(wide.ask(*question), 0).as_json() for question in asked])
        if given.right:
            default_reader = load_reader(given.index / ENCODER)
            right("the default", reading(assistant, given.index, default_reader, threshold=0), given.right)
            right("the export", reference(box, assistant, given.index, Path(folder, "again"), 0), given.right)


if __name__ == "__main__":
    sys.exit(main())

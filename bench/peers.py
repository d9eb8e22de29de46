"""The question box beside txtai, LangChain and Haystack, on the same texts and questions: `make bench`.

docs/benchmarks.md says what is measured, and how.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import sections
import typer
from sections import Question, Text

from qa.evaluation.datasets import read_squad

ROOT = Path(__file__).parent.parent
WORKER = Path(__file__).parent / "contenders" / "worker.py"
PACKAGE = "python3.11-doc"  # Debian's
PAGES = Path("usr/share/doc/python3.11/html")
CACHE = ROOT / "build" / "bench"
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGSMITH_TRACING": "false",
}

OURS = "qa"
NAMES = {OURS: "question box", "txtai": "txtai", "langchain": "LangChain", "haystack": "Haystack"}
ROUND = 25  # questions to one contender before the next one's turn
WARM_UP = 10  # questions that aren't timed
PAGE = os.sysconf("SC_PAGE_SIZE")
WATCH_S = 0.02  # between two samples of a contender's memory
STARTS = 3  # cold starts; the median counts
DEPTH = 10  # cut-off of MRR


class Column(NamedTuple):
    """A measure: its name, its format, and the function that picks the best of several values."""

    name: str
    format: str
    best: Callable[[Sequence[float]], float]


COLUMNS = {
    "index_s": Column("index, s", ".1f", min),
    "index_cpu_s": Column("of CPU", ".1f", min),
    "first_s": Column("start to first answer, s", ".1f", min),
    "p50_ms": Column("question p50, ms", ".1f", min),
    "p95_ms": Column("p95, ms", ".1f", min),
    "recall_1": Column("recall@1", ".3f", max),
    "recall_5": Column("recall@5", ".3f", max),
    "mrr": Column("MRR", ".3f", max),
    "index_mb": Column("peak memory indexing, MB", ".0f", min),
    "answer_mb": Column("answering, MB", ".0f", min),
}


class DataSet(NamedTuple):
    """Texts, and questions that one section of them answers."""

    name: str
    texts: list[Text]
    questions: list[Question]


class Process:
    """A contender in a process whose memory is watched; raises RuntimeError with the reason if it dies."""

    def __init__(self, python: Path | str, name: str, *task: Path | str) -> None:
        self._name = name
        environment = {**os.environ, **ENVIRONMENT} | ({"PYTHONPATH": str(ROOT)} if name == OURS else {})
        self._process = subprocess.Popen(
            [str(python), str(WORKER), name, *map(str, task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self._peak = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, question: str) -> dict[str, Any]:
        """Return the ids that it finds, and the milliseconds that it took."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def finish(self) -> dict[str, float]:
        """End it; return its peak resident memory in MB and its CPU seconds, including child processes."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.stdin = None
        end = self._read()
        return {**end, "peak_mb": max(end["peak_mb"], self._peak)}

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or '{"error": "killed"}')
        if "error" in answer:
            raise RuntimeError(f"{self._name} died: {answer['error']}")
        return answer

    def _watch(self) -> None:
        while self._process.poll() is None:
            self._peak = max(self._peak, resident_mb(self._process.pid))
            time.sleep(WATCH_S)


def resident_mb(process: int) -> float:
    """Return the resident memory of a process and its descendants, counting shared pages for each (Linux only)."""
    folder = Path(f"/proc/{process}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
        children = [int(child) for path in folder.glob("task/*/children") for child in path.read_text().split()]
    except (OSError, IndexError):  # it has just ended, or this isn't Linux
        return 0.0
    return pages * PAGE / 2**20 + sum(map(resident_mb, children))


def main(
    python: Annotated[Path, typer.Option(help="the peers' own Python")] = Path(".venv-peers/bin/python"),
    squad: Annotated[Path | None, typer.Option(exists=True, help="a file in SQuAD's format")] = None,
    html: Annotated[str, typer.Option(help=f"a folder of Sphinx's pages; none is {PACKAGE}, '-' is without")] = "",
    questions: Annotated[int, typer.Option(help="at most so many of a data set")] = 1000,
    texts: Annotated[int, typer.Option(help="about so many of a data set, 0 is all")] = 2000,
    keep: Annotated[Path | None, typer.Option(help="keep indexes there, and use what is there of the texts")] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="where the raw figures go")] = None,
) -> None:
    """Print a table for each data set."""
    raw = {}
    for data in data_sets(squad, html, texts, questions):
        with tempfile.TemporaryDirectory() as temporary:
            folder = (keep or Path(temporary)) / f"{zlib.crc32(repr(data.texts).encode()):08x}"
            folder.mkdir(parents=True, exist_ok=True)
            measured = measure(data, python, folder)
        raw[data.name] = measured
        print(f"{data.name}: {len(data.texts)} texts, {len(data.questions)} questions\n")
        print(table({name: figures(raw_figures) for name, raw_figures in measured.items()}), end="\n\n", flush=True)
        if json_:
            json_.write_text(json.dumps(raw, indent=1), "utf-8")


def data_sets(squad: Path | None, html: str, texts: int, questions: int) -> Iterator[DataSet]:
    """Yield the data sets at hand, with questions drawn with a fixed seed."""
    if squad:
        yield _data_set(f"SQuAD, {squad.name}", *_squad(squad, texts), questions)
    else:
        _say("no SQuAD: give --squad FILE")
    if html != "-" and (folder := Path(html) if html else _debian()):
        yield _data_set("Python's documentation", *sections.read(folder, texts), questions)


def measure(data: DataSet, python: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the raw figures of all contenders, which take turns at every step."""
    pythons = {name: Path(sys.executable) if name == OURS else python for name in NAMES}
    raw: dict[str, dict[str, Any]] = {name: {"first_s": [], "ms": [], "ranks": []} for name in NAMES}
    file = folder / "texts.json"
    file.write_text(json.dumps([(str(n), text.title, text.text) for n, text in enumerate(data.texts)]), "utf-8")
    for name in NAMES:
        raw[name] |= _indexed(pythons[name], name, file, folder / name)
    with ExitStack() as stack:
        answering: dict[str, Process] = {}
        for start in range(STARTS):
            for name in NAMES:
                begin = time.perf_counter()
                process = stack.enter_context(Process(pythons[name], name, "answer", folder / name))
                process.ask(data.questions[0].question)
                raw[name]["first_s"].append(time.perf_counter() - begin)
                if start < STARTS - 1:
                    process.finish()
                answering[name] = process
        _ask_in_turns(data, answering, raw)
        for name, process in answering.items():
            raw[name]["answer_mb"] = process.finish()["peak_mb"]
    return raw


def _indexed(python: Path, name: str, texts: Path, folder: Path) -> dict[str, float]:
    """Index, and return what it took; an index kept from an earlier run keeps its figures."""
    record = folder / "indexed.json"
    if not record.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        begin = time.perf_counter()
        with Process(python, name, "build", texts, folder) as process:
            end = process.finish()
        took = time.perf_counter() - begin
        record.write_text(json.dumps({"index_s": took, "index_cpu_s": end["cpu_s"], "index_mb": end["peak_mb"]}))
    indexed: dict[str, float] = json.loads(record.read_text())
    _say(f"{name} indexed in {indexed['index_s']:.1f} s, {indexed['index_cpu_s']:.1f} s of CPU")
    return indexed


def _ask_in_turns(data: DataSet, answering: dict[str, Process], raw: dict[str, dict[str, Any]]) -> None:
    names = list(answering)
    for name in names:
        for item in data.questions[:WARM_UP]:
            answering[name].ask(item.question)
    for first in range(0, len(data.questions), ROUND):
        for name in names:
            for item in data.questions[first : first + ROUND]:
                answer = answering[name].ask(item.question)
                raw[name]["ms"].append(answer["ms"])
                raw[name]["ranks"].append(rank([data.texts[int(n)].section for n in answer["ids"]], item.section))
        names = names[1:] + names[:1]
        _say(f"{min(first + ROUND, len(data.questions))} of {len(data.questions)} questions")


def rank(ranking: Sequence[str], right: str) -> int:
    """Return the rank of the right section among the distinct ones, from 1, or 0 if it is missing."""
    order = list(dict.fromkeys(ranking))
    return order.index(right) + 1 if right in order else 0


def figures(raw: dict[str, Any]) -> dict[str, float]:
    """Return a contender's row, by the keys of COLUMNS."""
    ranks, cuts = raw["ranks"], statistics.quantiles(raw["ms"], n=100, method="inclusive")
    return {
        "index_s": raw["index_s"],
        "index_cpu_s": raw["index_cpu_s"],
        "first_s": statistics.median(raw["first_s"]),
        "p50_ms": cuts[49],
        "p95_ms": cuts[94],
        "recall_1": statistics.fmean(r == 1 for r in ranks),
        "recall_5": statistics.fmean(1 <= r <= 5 for r in ranks),
        "mrr": statistics.fmean(1 / r if 1 <= r <= DEPTH else 0 for r in ranks),
        "index_mb": raw["index_mb"],
        "answer_mb": raw["answer_mb"],
    }


def table(rows: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table whose last row divides our figures by the best peer's."""
    lines = [["", *(column.name for column in COLUMNS.values())], ["---"] + ["---:"] * len(COLUMNS)]
    for name, row in rows.items():
        lines.append([NAMES[name], *(format(row[key], column.format) for key, column in COLUMNS.items())])
    best = {key: c.best([row[key] for name, row in rows.items() if name != OURS]) for key, c in COLUMNS.items()}
    lines.append(["**ours to the best peer**", *(f"{rows[OURS][key] / best[key]:.2f} ×" for key in COLUMNS)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _data_set(name: str, texts: list[Text], questions: list[Question], limit: int) -> DataSet:
    chosen = random.Random(7).sample(questions, min(limit, len(questions)))
    return DataSet(name, texts, chosen)


def _squad(file: Path, limit: int) -> tuple[list[Text], list[Question]]:
    """Read a SQuAD file; each paragraph is a text and a section of its own."""
    read = read_squad(file)
    texts = [Text(d.id, d.title, d.text, d.id) for d in read.documents[: limit or None]]
    known = {text.section for text in texts}
    return texts, [Question(i.question, i.document) for i in read.items if i.answers and i.document in known]


def _debian() -> Path | None:
    """Return the pages of Debian's package, installed or else unpacked into build/."""
    unpacked = CACHE / PACKAGE
    for folder in (Path("/") / PAGES, unpacked / PAGES):
        if folder.is_dir():
            return folder
    unpacked.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", PACKAGE], cwd=CACHE, check=True, stdout=sys.stderr)
        package = next(CACHE.glob(f"{PACKAGE}_*.deb"))
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        _say(f"no {PACKAGE} ({error}): give --html FOLDER")
        return None
    return unpacked / PAGES


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(main)

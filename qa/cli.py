"""The `qa` command. Exit status: 0 an answer, 1 an abstention, 2 an error, which is one line on standard error."""

import dataclasses
import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException

from qa import sources
from qa.errors import CorpusError, QAError, SettingsError, StoreError
from qa.settings import LOCAL, Settings

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.encoder import Encoder
    from qa.evaluation import Point
    from qa.indexing import Progress
    from qa.questions import Item
    from qa.stores import Shared
    from qa.types import Answer
    from qa.web.service import Service

ABSTAINED, FAILED = 1, 2
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # controls, and what turns the order
QUICK_S = 0.5  # what is done within it shows no bar

cli = typer.Typer(
    help="A question box for your own documents.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to load than all else
    context_settings={"max_content_width": 120},
)


@cli.command()
def index(
    places: Annotated[
        list[str] | None, typer.Argument(help="Files, folders or patterns, instead of QA_CORPUS from now on.")
    ] = None,
    shard: Annotated[
        str, typer.Option(help="Embed only a share of the files, as 3/16, for the build that takes all shares in.")
    ] = "",
) -> None:
    """Index the documents in the corpus; what is up to date already is left alone."""
    from qa import generations

    settings = Settings.from_environment()
    if shard:
        _encode_share(settings, places, shard)
        return
    assistant = _open(settings, places, rebuild=True)
    if places:
        with generations.writing(settings.index):
            sources.remember(settings.index, places)
    _say(*_changes(assistant))


@cli.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in plain language.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as the API gives it.")] = False,
) -> None:
    """Answer a question from the documents: quotes and where they stand, or that the documents don't say."""
    settings = Settings.from_environment()
    assistant = _open(settings)
    begin = time.perf_counter()
    answer = assistant.ask(question)
    took_ms = 1000 * (time.perf_counter() - begin)
    if as_json:
        from qa.payload import payload

        _say(*json.dumps(payload(answer, took_ms), ensure_ascii=False, indent=1).split("\n"))
    else:
        _say(*_lines(answer, settings.url.rstrip("/")))
    raise typer.Exit(ABSTAINED if answer.abstained else 0)


@cli.command()
def serve(
    watch: Annotated[bool, typer.Option("--watch", help="Take up changes of the documents while serving.")] = False,
) -> None:
    """Serve the chat page until Ctrl-C; the index is built or updated first."""
    # said before numpy is loaded: threads that wait for its small products do so actively, on the encoder's cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from qa.web.server import serve as serve_page
    from qa.web.watch import watch as watch_places

    settings = Settings.from_environment()
    places = sources.of(settings.index, settings.corpus)

    def beside(service: "Service") -> None:
        if watch:
            reopen = partial(_reopened, settings, places)
            arguments = service, places, settings.index, reopen, _say
            threading.Thread(target=watch_places, args=arguments, name="watch", daemon=True).start()

    serve_page(settings, lambda: _open(settings, places), typer.echo, beside)


@cli.command(name="eval")
def evaluate(
    file: Annotated[Path, typer.Argument(help="Questions with known answers: SQuAD's format, or JSON lines.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw reliability, risk and coverage into this .png file.")] = None,
) -> None:
    """Measure answers and refusals over the corpus, and show what other thresholds would do."""
    from qa import evaluation

    settings = Settings.from_environment()
    if plot:
        _check_plot(plot)
    items, assistant = _examined(file, settings)
    with _progress() as progress:
        outcomes = evaluation.ask_all(assistant, items, progress)
    figures = evaluation.figures(outcomes, settings.threshold)
    points = [evaluation.point(outcomes, threshold) for threshold in evaluation.THRESHOLDS]
    if as_json:
        typer.echo(json.dumps({**figures, "thresholds": [point._asdict() for point in points]}, indent=1))
    else:
        _print_figures(figures, points)
    if plot:
        try:
            evaluation.plot(outcomes, settings.threshold, plot)
        except OSError as error:
            raise StoreError(f"{plot} can't be written ({error.strerror})") from None


@cli.command()
def calibrate(
    file: Annotated[Path, typer.Argument(help="Questions with known answers, as for `qa eval`.")],
) -> None:
    """Fit the confidence to your documents, on questions of yours: some with answers, some without."""
    from qa import evaluation
    from qa.assistant import CALIBRATION

    settings = Settings.from_environment()
    items, assistant = _examined(file, settings)
    with _progress() as progress:
        fitted = evaluation.calibrated(assistant, items, progress)
    fitted.save(settings.index / CALIBRATION)
    typer.echo(f"fitted on {len(items)} questions, kept in {settings.index / CALIBRATION}")


@cli.command()
def status(
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every byte of the index against its checksum.")
    ] = False,
) -> None:
    """Say what is indexed, and with which settings."""
    from qa import generations

    settings = Settings.from_environment()
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        _say(f"{field.name:13} {'set, not shown' if value and 'token' in field.name else value}")
    try:
        gone = not sources.files(sources.of(settings.index, settings.corpus))
    except CorpusError:
        gone = True
    if gone:
        _say(f"{'documents':13} none are there: what is indexed is from before")
    if shared := _shared(settings):
        from qa.stores.milvus import indexes

        for name, state in indexes(shared).items():
            about = f"{state.passages} passages by {state.settings['encoder']}"
            typer.echo(f"{'generation':13} {name}-{state.generation}, of {about}")
        return
    folder = generations.current(settings.index)
    if folder is None:
        typer.echo("nothing is indexed yet: run `qa index`")
        return
    generations.check(folder, thoroughly=verify)
    built = generations.manifest(folder)
    typer.echo(f"{'generation':13} {folder.name}, of {len(built['documents'])} documents by {built['encoder']}")
    if "search" in built:  # an index of an earlier version doesn't say
        typer.echo(f"{'search':13} {built['search']}, of {built['passage_count']} passages")


@cli.command()
def export(
    out: Annotated[Path, typer.Argument(help="The folder to write, or the file.")],
    single_file: Annotated[bool, typer.Option("--single-file", help="Write one HTML file, OUT.html.")] = False,
) -> None:
    """Write a box that answers in the browser, without a server: files for any static host, or one HTML file."""
    from qa.export import Box

    settings = Settings.from_environment()
    assistant = _open(settings)
    with _progress() as progress:
        box = Box(assistant, settings.index, settings.encoder, settings.threshold, settings.sure, progress)
    written = box.write_file(out, settings.title) if single_file else box.write_folder(out, settings.title)
    _say(*(f"{size / 1e6:8.1f} MB  {name}" for name, size in written.items()))


@cli.command()
def feedback() -> None:
    """Print what visitors said of answers, as CSV."""
    import csv
    import sys

    from qa.web.feedback import Feedback, Row

    settings = Settings.from_environment()
    if not settings.feedback:
        raise SettingsError("no feedback is kept: set QA_FEEDBACK to the file for it")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(map(_harmless, row) for row in Feedback(Path(settings.feedback)).rows())


def main() -> None:
    """Run the command; every error that is somebody's to mend ends in one line and exit status 2."""
    try:
        raise SystemExit(cli(standalone_mode=False))
    except TyperException as error:
        _say(f"qa: {' '.join(str(error).split())}: see `qa --help`", err=True)
        raise SystemExit(FAILED) from None
    except QAError as error:
        _say(f"qa: {' '.join(str(error).split())}", err=True)
        raise SystemExit(FAILED) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _harmless(cell: str) -> str:
    """A cell of a CSV that no spreadsheet takes for a formula: one that looks like it gets an apostrophe in front."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _say(*lines: str, err: bool = False) -> None:
    """Print lines, with every character that a terminal would obey rather than show written as in JSON."""
    for line in lines:
        typer.echo(OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", line), err=err)


def _open(settings: Settings, places: Sequence[str] | None = None, rebuild: bool = False) -> "Assistant":
    with _progress() as progress:
        found = places or sources.of(settings.index, settings.corpus)
        assistant = _opened(settings, found, settings.encoder, progress, rebuild)
    _say(*_skipped(assistant.skipped), err=True)
    return assistant


def _examined(file: Path, settings: Settings) -> "tuple[list[Item], Assistant]":
    """The questions of a file, and an assistant over the corpus that declines none of them."""
    from qa.questions import read_questions

    items = read_questions(file)
    assistant = _open(dataclasses.replace(settings, threshold=0.0))
    missing = {i.document for i in items if not i.context and i.document and not assistant.store.document(i.document)}
    if missing:
        raise CorpusError(f"{file} asks about {min(missing)!r}, which isn't indexed: name a file in {settings.corpus}")
    return items, assistant


def _encode_share(settings: Settings, places: Sequence[str] | None, shard: str) -> None:
    from qa.corpus import Share
    from qa.sharding import encode_share

    numbers = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", shard)
    if numbers is None or int(numbers[1]) > int(numbers[2]):
        raise SettingsError(f"--shard is {shard!r}; give a share as 3/16")
    if settings.language == "auto":
        raise SettingsError("--shard needs QA_LANGUAGE: a share alone may look like another language")
    with _progress() as progress:
        passages = encode_share(
            places or sources.of(settings.index, settings.corpus),
            settings.index,
            Share(int(numbers[1]), int(numbers[2])),
            settings.encoder,
            language=settings.language,
            runtime=settings.runtime,
            max_file_mb=settings.max_file_mb,
            progress=progress,
        )
    typer.echo(f"{passages} passages of share {shard} are embedded")


def _opened(
    settings: Settings,
    places: Sequence[str],
    encoder: "str | Encoder",
    progress: "Progress" = lambda *_: None,
    rebuild: bool = False,
) -> "Assistant":
    from qa.assistant import Assistant

    return Assistant.open(
        places,
        settings.index,
        encoder,
        threshold=settings.threshold,
        sure=settings.sure,
        language=settings.language,
        runtime=settings.runtime,
        max_file_mb=settings.max_file_mb,
        source_url=settings.source_url,
        progress=progress,
        store=_shared(settings, rebuild),
    )


def _reopened(settings: Settings, places: Sequence[str], before: "Assistant") -> "Assistant":
    return _opened(settings, places, before.encoder)


def _shared(settings: Settings, rebuild: bool = False) -> "Shared | None":
    from qa.stores import Shared

    if settings.store == LOCAL:
        return None
    return Shared(settings.store.removeprefix("milvus:"), settings.store_token, rebuild)


def _changes(assistant: "Assistant") -> Iterator[str]:
    """What opening an assistant has changed in the index, in a line, and why where all of it is new."""
    changes = assistant.changes
    if changes.anew:
        yield f"built anew: {changes.anew}"
    yield f"{changes}, {len(assistant.skipped)} skipped"
    yield f"{len(assistant.store)} passages are indexed"


def _skipped(skipped: Mapping[str, str]) -> Iterator[str]:
    """The files that couldn't be read, with the reason for each; those of unknown kinds together."""
    unknown = Counter(reason for reason in skipped.values() if reason.startswith("unknown kind"))
    for name, reason in skipped.items():
        if unknown[reason] <= 1:
            yield f"skipped {name}: {reason}"
    for reason, times in unknown.items():
        if times > 1:
            yield f"skipped {times} files: {reason}"


@contextmanager
def _progress() -> Iterator["Progress"]:
    """A callback that shows bars on standard error, one for each thing that takes its time."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:.0f}/s")

    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    bars = Progress(*columns, console=Console(stderr=True))
    tasks: dict[str, Callable[[int], None]] = {}
    begun: dict[str, float] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            if done == total > 0 or (total and time.monotonic() - begun.setdefault(what, time.monotonic()) < QUICK_S):
                return
            bars.start()
            number = bars.add_task(what, total=total, completed=done)
            tasks[what] = lambda completed: bars.update(number, completed=completed)
        tasks[what](done)

    try:
        yield show
    finally:
        if tasks:
            bars.stop()


def _check_plot(path: Path) -> None:
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise SettingsError("--plot needs matplotlib: pip install 'question-box[plot]'")
    if path.suffix.lower() != ".png":
        raise SettingsError(f"--plot is {path}; give a file name that ends in .png")


def _print_figures(figures: dict[str, float], points: "Sequence[Point]") -> None:
    from rich.console import Console
    from rich.table import Table

    measures = Table("measure", "", title="Measured", title_justify="left")
    for name, value in figures.items():
        measures.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    thresholds = Table(
        "threshold", *(f"QA_THRESHOLD:\n{what}" for what in ("answered", "right of those", "unanswerable declined"))
    )
    thresholds.add_column("QA_SURE:\nwrong without a word of doubt, of all")
    for point in points:
        thresholds.add_row(*(f"{value:.2f}" for value in point))
    Console().print(measures, thresholds)


def _lines(answer: "Answer", url: str) -> Iterator[str]:
    """An answer for a terminal: the quotes, numbered, then where each stands; of an abstention the nearest places.

    `url` is where a server shows the sources; without one they are only named.
    """
    from qa.payload import SCANNED, UNSURE, source_url

    if answer.abstained:
        yield answer.text
        yield from (f"  nearest: {_place(h.passage.title, h.passage.heading, h.passage.page)}" for h in answer.hits[:3])
        return
    if answer.unsure:
        yield UNSURE
    for number, citation in enumerate(answer.citations, 1):
        yield f"[{number}] {' '.join(citation.quote.split())}"
    yield ""
    for number, c in enumerate(answer.citations, 1):
        place = f"{url}{source_url(c.document_id, c.start, c.end)}" if url else c.document_id
        scanned = f", {SCANNED}" if c.scanned else ""
        yield f"[{number}] {_place(c.title, c.heading, c.page)}{scanned} ({place}, characters {c.start} to {c.end})"
        if c.original:
            yield f"    {c.original}"
        if c.also:
            yield f"    also in {', '.join(other.document_id for other in c.also)}"


def _place(title: str, heading: str, page: int | None) -> str:
    return (f"{title} › {heading}" if heading else title) + (f", page {page}" if page else "")

"""`qa eval` and `qa calibrate`."""

import dataclasses
import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.console import progress, say
from qa.cli.opening import open_assistant, settings_of
from qa.errors import CorpusError, SettingsError, StoreError
from qa.index.snapshots import CALIBRATION
from qa.settings import Settings

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.evaluation.datasets import Item
    from qa.evaluation.metrics import Failure, OperatingPoint


def evaluate(
    file: Annotated[Path, typer.Argument(help="Questions with known answers: SQuAD's format, or JSON lines.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    failed: Annotated[bool, typer.Option("--failures", help="List the questions that went wrong, and how.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw reliability, risk and coverage into this .png file.")] = None,
) -> None:
    """Measure answers and refusals over the corpus, and show what other thresholds would do."""
    from qa.evaluation import metrics, plots, run

    settings = settings_of()
    if plot:
        _check_plot(plot)
    items, assistant = _examined(file, settings)
    with progress() as report:
        outcomes = run.ask_all(assistant, items, report)
    figures = metrics.figures(outcomes, settings.threshold)
    points = [metrics.operating_point(outcomes, threshold) for threshold in metrics.THRESHOLDS]
    failures = metrics.failures(outcomes, settings.threshold) if failed else []
    if as_json:
        told = {"failures": [failure._asdict() for failure in failures]} if failed else {}
        typer.echo(json.dumps({**figures, "thresholds": [point._asdict() for point in points], **told}, indent=1))
    else:
        _print_figures(figures, points)
        say(*(line for failure in failures for line in _failure(failure)))
    if plot:
        try:
            plots.plot(outcomes, settings.threshold, plot)
        except OSError as error:
            raise StoreError(f"{plot} can't be written ({error.strerror})") from None


def calibrate(
    file: Annotated[Path, typer.Argument(help="Questions with known answers, as for `qa eval`.")],
) -> None:
    """Fit the confidence to your documents, on questions of yours: some with answers, some without."""
    from qa.evaluation.run import calibrate as fit_calibration

    settings = settings_of()
    items, assistant = _examined(file, settings)
    with progress() as report:
        fitted = fit_calibration(assistant, items, report)
    fitted.save(settings.index / CALIBRATION)
    typer.echo(f"fitted on {len(items)} questions, kept in {settings.index / CALIBRATION}")


def _examined(file: Path, settings: Settings) -> "tuple[list[Item], Assistant]":
    """The questions of a file, and an assistant over the corpus that declines none of them."""
    from qa.evaluation.datasets import read_questions

    items = read_questions(file)
    assistant = open_assistant(dataclasses.replace(settings, threshold=0.0))
    missing = {i.document for i in items if not i.context and i.document and not assistant.store.document(i.document)}
    if missing:
        raise CorpusError(f"{file} asks about {min(missing)!r}, which isn't indexed: name a file in {settings.corpus}")
    return items, assistant


def _failure(failure: "Failure") -> Iterator[str]:
    yield ""
    yield f"{failure.question}  ({failure.what}, confidence {failure.confidence:.2f})"
    if failure.expected:
        yield f"  expected: {failure.expected}"
    if failure.quote:
        yield f"  quoted:   {' '.join(failure.quote.split())} ({failure.document})"


def _check_plot(path: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise SettingsError("--plot needs matplotlib: pip install 'question-box[plot]'")
    if path.suffix.lower() != ".png":
        raise SettingsError(f"--plot is {path}; give a file name that ends in .png")


def _print_figures(figures: dict[str, float], points: "Sequence[OperatingPoint]") -> None:
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

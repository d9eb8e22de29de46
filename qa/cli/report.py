"""`qa report` and `qa feedback`."""

import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.console import harmless, say
from qa.cli.opening import settings_of
from qa.errors import SettingsError, StoreError
from qa.settings import LOCAL, Settings

if TYPE_CHECKING:
    from qa.encoder.base import Vectors
    from qa.evaluation.usage import Asked, Group, Usage
    from qa.web.record import Record

MOST_SHOWN = 10  # of each kind, in a terminal
UNITS = {"d": 1, "w": 7}  # days


def report(
    since: Annotated[str, typer.Option(help="From when on: 30d, 8w, or a date as 2026-01-31.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write it into this file, as a page to read offline.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print every question that is recorded, as CSV.")] = False,
) -> None:
    """Say what was asked, what wasn't answered, what was judged wrong, and which documents answer."""
    if sum((html is not None, as_json, as_csv)) > 1:
        raise SettingsError("--html, --json and --csv are one each: give one of them")
    settings = settings_of()
    begin = _begin(since)
    rows = _record(settings).rows(begin)
    if as_csv:
        _print_csv(rows)
        return
    from qa.evaluation.usage import usage

    summed = usage(rows, _documents(settings), lambda texts: _embedded(settings, texts))
    if as_json:
        typer.echo(json.dumps(summed.as_json(), indent=1))
    elif html:
        from qa.evaluation.usage_page import page

        try:
            html.write_text(page(summed, settings.title), "utf-8")
        except OSError as error:
            raise StoreError(f"{html} can't be written ({error.strerror})") from None
    else:
        say(*_lines(summed))


def feedback() -> None:
    """Print what visitors said of answers, as CSV."""
    _print_csv([row for row in _record(settings_of()).rows() if row.verdict])


def _record(settings: Settings) -> "Record":
    from qa.web.record import Record

    record = Record.of(settings)
    if record is None:
        raise SettingsError("nothing is recorded: set QA_RECORD to the file for what is asked")
    return record


def _begin(since: str) -> str:
    """The time from which on it is reported, in ISO 8601; empty for all."""
    if not since:
        return ""
    try:
        if found := re.fullmatch(r"(\d{1,5})([dw])", since):
            span = timedelta(days=int(found[1]) * UNITS[found[2]])
            return (datetime.now(UTC) - span).isoformat(timespec="seconds")
        return date.fromisoformat(since).isoformat()
    except (ValueError, OverflowError):
        raise SettingsError(f"--since is {since!r}; give 30d, 8w or a date as 2026-01-31") from None


def _documents(settings: Settings) -> list[str]:
    """The ids of the documents that are indexed; none where that isn't known here."""
    from qa.index import snapshots

    folder = snapshots.current(settings.index) if settings.store == LOCAL else None
    return list(snapshots.manifest(folder)["documents"]) if folder else []


def _embedded(settings: Settings, texts: Sequence[str]) -> "Vectors":
    import numpy as np

    from qa.encoder.onnx_runtime import load
    from qa.index.snapshots import ENCODER

    encoder = load(settings.encoder, settings.index / ENCODER, settings.runtime)
    return np.stack([one.vector for one in encoder.encode_questions(texts, [()] * len(texts))])


def _print_csv(rows: "Sequence[Asked]") -> None:
    from qa.evaluation.usage import Asked

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(Asked._fields)
    writer.writerows([harmless(str(cell)) for cell in row] for row in rows)


def _lines(found: "Usage") -> Iterator[str]:
    """The report for a terminal, the most important of each kind."""
    if not found.questions and not any(found.verdicts.values()):
        yield "nothing was asked in that time"
        return
    span = f" from {min(found.days)} to {max(found.days)}" if found.days else ""
    parts = ", ".join(f"{count} {outcome}" for outcome, count in found.outcomes.items())
    yield f"{found.questions} questions{span}: {parts}"
    yield f"judged right {found.verdicts['up']}, wrong {found.verdicts['down']}"
    yield from _listed("Not answered, like questions together", [_group(group) for group in found.unanswered])
    yield from _listed("Asked most", [_group(group) for group in found.asked])
    yield from _listed(
        "Judged wrong", [f"{one.times:5}  {one.question} → {' '.join(one.answer.split())}" for one in found.wrong]
    )
    yield from _listed("Quoted most", [f"{times:5}  {name}" for name, times in found.documents.items()])
    yield from _listed("Never quoted", found.never)


def _group(group: "Group") -> str:
    others = len(group.questions) - 1
    return f"{group.times:5}  {group.questions[0]}" + (f" (and {others} like it)" if others else "")


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"{title}:", *(f"  {line}" for line in lines[:MOST_SHOWN]))
        if len(lines) > MOST_SHOWN:
            yield f"  … and {len(lines) - MOST_SHOWN} more: --html FILE shows all"

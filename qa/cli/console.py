"""What the command prints: lines that no terminal obeys, bars, cells that no spreadsheet takes for formulas."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from qa.types import Progress

OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # controls, and what turns the order
QUICK_S = 0.5  # what is done within it shows no bar


def say(*lines: str, err: bool = False) -> None:
    """Print lines, with every character that a terminal would obey rather than show written as in JSON."""
    for line in lines:
        typer.echo(OBEYED.sub(_written, line), err=err)


def harmless(cell: str) -> str:
    """A cell of a CSV that no spreadsheet takes for a formula, and no terminal obeys but for its lines and tabs.

    One that looks like a formula gets an apostrophe in front.
    """
    text = OBEYED.sub(lambda found: found[0] if found[0] in "\n\t" else _written(found), cell)
    return f"'{text}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _written(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


@contextmanager
def progress() -> Iterator["Progress"]:
    """A callback that shows bars on standard error, one for each thing that takes its time.

    What has no end to count to, as waiting for another process, is a line.
    """
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
        if not total:
            say(what, err=True)
            return
        if what not in tasks:
            if done == total or time.monotonic() - begun.setdefault(what, time.monotonic()) < QUICK_S:
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

"""The `qa` command. Exit status: 0 an answer, 1 an abstention, 2 an error, which is one line on standard error."""

from typing import Annotated

import typer
from typer.exceptions import TyperException

from qa.cli.ask import ask
from qa.cli.console import say
from qa.cli.evaluate import calibrate, evaluate
from qa.cli.index import export, index
from qa.cli.report import feedback, report
from qa.cli.serve import serve
from qa.cli.status import status
from qa.errors import QAError

FAILED, INTERRUPTED = 2, 130  # exit status

cli = typer.Typer(
    help="A question box for your own documents.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to load than all else
    context_settings={"max_content_width": 120, "help_option_names": ["-h", "--help"]},
)
cli.command()(index)
cli.command()(ask)
cli.command()(serve)
cli.command(name="eval")(evaluate)
cli.command()(calibrate)
cli.command()(export)
cli.command()(status)
cli.command()(report)
cli.command()(feedback)


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(version("question-box"))
        raise typer.Exit


@cli.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which version this is.")
    ] = False,
) -> None:
    """A question box for your own documents."""


def main() -> None:
    """Run the command; every error that is somebody's to mend ends in one line and exit status 2."""
    try:
        raise SystemExit(cli(prog_name="qa", standalone_mode=False))
    except TyperException as error:
        say(f"qa: {' '.join(str(error).split())}: see `qa --help`", err=True)
        raise SystemExit(FAILED) from None
    except QAError as error:
        say(f"qa: {' '.join(str(error).split())}", err=True)
        raise SystemExit(FAILED) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None

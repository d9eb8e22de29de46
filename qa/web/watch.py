"""Keeps the assistant of a running server in step with its documents."""

from collections.abc import Callable, Sequence
from pathlib import Path

from qa import sources
from qa.assistant import Assistant
from qa.errors import QAError
from qa.web.service import Service

QUIET_MS = 200  # without a further change, after which the documents are read again
LONGEST_MS = 1500  # after the first change, however many follow
WAKE_MS = 500


def watch(
    service: Service,
    places: Sequence[Path | str],
    index: Path,
    reopen: Callable[[Assistant], Assistant],
    announce: Callable[[str], None],
) -> None:
    """Have the service's assistant reopened whenever something changes in places, for as long as the process runs.

    Until the new one is there the old one answers, and goes on where the new one can't be opened; `announce` is told
    why. What is written into `index` is no change, wherever that is.
    """
    import watchfiles

    folders, below = sources.folders(places)
    looked = False  # at what changed before the watching began
    for changes in watchfiles.watch(
        *folders,
        watch_filter=lambda _, path: not Path(path).absolute().is_relative_to(index.absolute()),
        step=QUIET_MS,
        debounce=LONGEST_MS,
        rust_timeout=WAKE_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        recursive=below,
    ):
        if looked and not changes:
            continue
        try:
            before = service.assistant()
            after = reopen(before)
        except Exception as error:  # whatever it is, the old one goes on and the next change is another try
            known = isinstance(error, QAError)
            announce(str(error) if known else f"the documents can't be read again ({type(error).__name__}: {error})")
            continue
        finally:
            looked = True
        if after.generation != before.generation:
            service.replace(after)
            announce(str(after.changes))

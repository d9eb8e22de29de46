"""Keeps the assistant of a running server in step with its documents."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qa.assistant import Assistant
from qa.documents import load, sources
from qa.errors import NoDocuments, QAError
from qa.web.service import Service

NAMED = 5  # documents that were taken up, at most
QUIET_MS = 200  # without a further change, after which the documents are read again
LONGEST_MS = 1500  # after the first change, however many follow
WAKE_MS = 500
GRACE_S = 60  # for documents that are being replaced


def watch(
    service: Service,
    places: Sequence[Path | str],
    index: Path,
    reopen: Callable[[Assistant], Assistant],
    announce: Callable[[str], None],
) -> None:
    """Have the service's assistant reopened whenever something changes in places, for as long as the process runs.

    Until the new one is there the old one answers, and goes on where the new one can't be opened. `announce` is told
    why, what was taken up, and which files were skipped that weren't before. Where no documents are left for GRACE_S,
    nothing is answered from those that were. What is written into `index` is no change, wherever that is.
    """
    import watchfiles

    folders, below = sources.folders(places)
    looked = False  # at what changed before the watching began
    try:
        before = service.assistant()
    except Exception:  # who serves says why it could not be opened
        return
    emptied: float | None = None  # when there were no documents any more
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
        if emptied is not None and time.monotonic() - emptied > GRACE_S:
            service.close(NoDocuments("there are no documents any more: ask again when there are"))
            announce("there are no documents any more: questions are refused until there are")
            emptied = None
        if looked and not changes:
            continue
        looked = True
        try:
            after = reopen(before)
        except NoDocuments as error:
            emptied = emptied or time.monotonic()
            announce(str(error))
            continue
        except Exception as error:  # whatever it is, the old one goes on and the next change is another try
            known = isinstance(error, QAError)
            announce(str(error) if known else f"the documents can't be read again ({type(error).__name__}: {error})")
            continue
        if emptied is not None or after.snapshot != before.snapshot or service.is_closed:
            service.replace(after)
            announce(str(after.changes))
            for line in _taken_up(after):
                announce(line)
        already = before.skipped.items()
        for line in load.named(
            {name: reason for name, reason in after.skipped.items() if (name, reason) not in already}
        ):
            announce(f"skipped {line}")
        before, emptied = after, None


def _taken_up(assistant: Assistant) -> Iterator[str]:
    """A line that names the documents that are new or different, where there are any."""
    changes = assistant.changes
    names = (*changes.added, *changes.changed, *(new for _, new in changes.moved))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    if names:
        yield f"took up {', '.join(names[:NAMED])}{more}"

"""Settings → Assistant, with bars on the way and the files that were skipped named."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from qa.cli.console import progress, say
from qa.documents import sources
from qa.settings import LOCAL, Settings

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.encoder.base import Encoder
    from qa.index.build import Progress
    from qa.index.store import Shared


def open_assistant(settings: Settings, places: Sequence[str] | None = None, rebuild: bool = False) -> "Assistant":
    """Open the assistant of these settings, over places that are given or remembered, and name what was skipped."""
    with progress() as report:
        found = places or sources.of(settings.index, settings.corpus)
        assistant = _opened(settings, found, settings.encoder, report, rebuild)
    say(*_skipped(assistant.skipped), err=True)
    return assistant


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
        examples=settings.example_questions,
        progress=progress,
        store=shared_store(settings, rebuild),
    )


def reopened(settings: Settings, places: Sequence[str], before: "Assistant") -> "Assistant":
    """Open the assistant anew, with the encoder that is loaded."""
    return _opened(settings, places, before.encoder)


def shared_store(settings: Settings, rebuild: bool = False) -> "Shared | None":
    """Return where the index is that many servers share, None for one of its own."""
    from qa.index.store import Shared

    if settings.store == LOCAL:
        return None
    return Shared(settings.store.removeprefix("milvus:"), settings.store_token, rebuild)


def _skipped(skipped: Mapping[str, str]) -> Iterator[str]:
    """The files that couldn't be read, with the reason for each; those of unknown kinds together."""
    unknown = Counter(reason for reason in skipped.values() if reason.startswith("unknown kind"))
    for name, reason in skipped.items():
        if unknown[reason] <= 1:
            yield f"skipped {name}: {reason}"
    for reason, times in unknown.items():
        if times > 1:
            yield f"skipped {times} files: {reason}"

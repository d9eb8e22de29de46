"""`qa ask`."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.console import say
from qa.cli.opening import open_assistant, settings_of

if TYPE_CHECKING:
    from qa.types import Answer

ABSTAINED = 1  # exit status


def ask(
    question: Annotated[str, typer.Argument(help="The question, in plain language.")],
    corpus: Annotated[str, typer.Option(help="A file, folder or pattern to ask this time, instead of QA_CORPUS.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as the API gives it.")] = False,
) -> None:
    """Answer a question from the documents: quotes and where they stand, or that the documents don't say."""
    places = [corpus] if corpus else None
    settings = settings_of(places)
    assistant = open_assistant(settings, places)
    begin = time.perf_counter()
    answer = assistant.ask(question)
    took_ms = 1000 * (time.perf_counter() - begin)
    if as_json:
        from qa.answer import schema

        say(*schema.Answer.of(answer, took_ms).model_dump_json(indent=1, exclude_none=True).split("\n"))
    else:
        say(*_lines(answer, settings.url.rstrip("/")))
    raise typer.Exit(ABSTAINED if answer.abstained else 0)


def _lines(answer: "Answer", url: str) -> Iterator[str]:
    """An answer for a terminal: the quotes, numbered, then where each stands; of an abstention the nearest places.

    `url` is where a server shows the sources; without one they are only named.
    """
    from qa.answer.schema import SCANNED, UNSURE, source_url

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

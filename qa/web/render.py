"""Answer → HTML of the chat page. Every text of a document goes through `escape`: none is ever read as HTML."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from qa.payload import source_url
from qa.types import Answer, Citation, Hit, Passage

NEAREST = 3  # passages that are shown below an abstention
WRAPPED = re.compile(r"[ \t]*(?:\r\n?|\n)(?!\s*(?:[-*+•|>]|\d+[.)])\s|\s*[\r\n])")  # a line break inside a paragraph


def answer_html(answer: Answer) -> str:
    """The quotes with their numbers and the sources they stand in, or the abstention with the nearest passages."""
    if answer.abstained:
        return _abstention(answer)
    quotes = "".join(
        f'<li><span class="qa-number">{n}</span><blockquote>{flowing(c.quote)}</blockquote></li>'
        for n, c in enumerate(answer.citations, 1)
    )
    sources = "".join(_source(passage, cited) for passage, cited in _by_passage(answer))
    return (
        f'<div class="qa-answer">{_searched(answer)}<ul class="qa-quotes">{quotes}</ul>'
        f'<div class="qa-sources">{sources}</div></div>'
    )


def _abstention(answer: Answer) -> str:
    nearest = "".join(_source(hit.passage, ()) for hit in answer.hits[:NEAREST])
    heading = '<p class="qa-nearest">The nearest passages:</p>' if nearest else ""
    return (
        f'<div class="qa-answer qa-abstained">{_searched(answer)}<p><strong>{escape(answer.text)}</strong></p>'
        f'{heading}<div class="qa-sources">{nearest}</div></div>'
    )


def _searched(answer: Answer) -> str:
    """What was searched instead of a follow-up, so that the person sees it."""
    if answer.standalone == answer.question:
        return ""
    return f'<p class="qa-searched">Searched: {escape(answer.standalone)}</p>'


def _by_passage(answer: Answer) -> Iterable[tuple[Passage, Sequence[tuple[int, Citation]]]]:
    """The passages that are cited, in the order of their first citation, each with its numbered citations."""
    numbered = [(_passage_of(c, answer.hits), n, c) for n, c in enumerate(answer.citations, 1)]
    order = {id(p): i for i, (p, _, _) in reversed(list(enumerate(numbered)))}
    for _, group in groupby(sorted(numbered, key=lambda item: order[id(item[0])]), key=lambda item: id(item[0])):
        items = list(group)
        yield items[0][0], [(n, c) for _, n, c in items]


def _passage_of(citation: Citation, hits: Iterable[Hit]) -> Passage:
    return next(
        h.passage
        for h in hits
        if h.passage.document_id == citation.document_id
        and h.passage.start <= citation.start
        and citation.end <= h.passage.end
    )


def _source(passage: Passage, cited: Sequence[tuple[int, Citation]]) -> str:
    numbers = "".join(f'<span class="qa-number">{n}</span>' for n, _ in cited)
    page = cited[0][1].page if cited else passage.page
    where = escape(passage.title) + (f" › {escape(passage.heading)}" if passage.heading else "")
    where += f", page {page}" if page else ""
    spans = sorted((c.start, c.end) for _, c in cited)
    url = source_url(passage.document_id, *(spans[0] if spans else (passage.start, passage.end)))
    link = f'<a href="{escape(url.removeprefix("/"))}" target="_blank" rel="noopener">Open the source</a>'
    return f"<details><summary>{numbers}{where}</summary><p>{_marked(passage, spans)}</p><p>{link}</p></details>"


def _marked(passage: Passage, spans: Iterable[tuple[int, int]]) -> str:
    parts, at = [], passage.start
    for start, end in spans:
        before, quote = (passage.text[a - passage.start : b - passage.start] for a, b in ((at, start), (start, end)))
        parts.append(f"{flowing(before)}<mark>{flowing(quote)}</mark>")
        at = end
    return "".join(parts) + flowing(passage.text[at - passage.start :])


def flowing(text: str) -> str:
    """A document's text as HTML that shows it: hard-wrapped lines flow, and those of lists and tables stay."""
    return escape(WRAPPED.sub(" ", text))

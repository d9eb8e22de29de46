"""Answer → HTML of the chat page. Every text of a document goes through `escape`: none is ever read as HTML."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from itertools import groupby

from qa.answer.schema import SCANNED, UNSURE, source_url
from qa.types import Answer, Citation, Hit, Passage

NEAREST = 3  # passages that are shown below an abstention
LEANING = re.compile(  # how a sentence begins that leans on the one before
    r"(?i:\W*(?:it|its|they|their|them|this|that|these|those|such|he|she|his|her|both|either|neither|one|otherwise|however"
    r"|instead|together|also|then|there|here|if so|in (?:this|that|these|those|such)|for (?:this|that|these|those))\b)"
    r"|[\W\d]*[a-z]",  # or an item's, which does not begin as a sentence does
)


def answer_html(answer: Answer) -> str:
    """The quotes with their numbers and the sources they stand in, or the abstention with the nearest passages."""
    if answer.abstained:
        return _abstention(answer)
    quotes = "".join(
        f'<li><span class="qa-number">{n}</span><blockquote>{_quote(c)}</blockquote></li>'
        for n, c in enumerate(answer.citations, 1)
    )
    sources = "".join(
        _source(passage, cited, is_open=answer.unsure or _leans(passage, [c for _, c in cited]))
        for passage, cited in _by_passage(answer)
    )
    unsure = f'<p class="qa-unsure">{escape(UNSURE)}</p>' if answer.unsure else ""
    return (
        f'<div class="qa-answer">{_searched(answer)}{unsure}<ul class="qa-quotes">{quotes}</ul>'
        f'<div class="qa-sources">{sources}</div></div>'
    )


def _quote(citation: Citation) -> str:
    """A quote, in which the words that answer stand out."""
    if citation.span is None:
        return escape(citation.quote)
    start, end = (at - citation.start for at in citation.span)
    before, words, after = citation.quote[:start], citation.quote[start:end], citation.quote[end:]
    return f"{escape(before)}<em>{escape(words)}</em>{escape(after)}"


def _leans(passage: Passage, citations: Sequence[Citation]) -> bool:
    """Whether quotes can't be understood without what stands before them, so that their passage is shown at once."""
    items = {sentence.start for sentence in passage.sentences if sentence.list}
    is_item = len(citations) == 1 and citations[0].start in items  # without what stands above the list
    return is_item or any(LEANING.match(citation.quote) for citation in citations)


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


def trimmed(answer: Answer) -> Answer:
    """The answer with no more than is shown of it, to be kept in a conversation."""
    cited = {id(_passage_of(c, answer.hits)) for c in answer.citations}
    hits = [hit for n, hit in enumerate(answer.hits) if n < NEAREST or id(hit.passage) in cited]
    return replace(answer, hits=tuple(hits))


def _passage_of(citation: Citation, hits: Iterable[Hit]) -> Passage:
    return next(
        h.passage
        for h in hits
        if h.passage.document_id == citation.document_id
        and h.passage.start <= citation.start
        and citation.end <= h.passage.end
    )


def _source(passage: Passage, cited: Sequence[tuple[int, Citation]], is_open: bool = False) -> str:
    numbers = "".join(f'<span class="qa-number">{n}</span>' for n, _ in cited)
    page = cited[0][1].page if cited else passage.page
    where = escape(passage.title) + (f" › {escape(passage.heading)}" if passage.heading else "")
    where += f", page {page}" if page else ""
    where += f", {SCANNED}" if any(c.scanned for _, c in cited) else ""
    spans = sorted((c.start, c.end) for _, c in cited)
    url = source_url(passage.document_id, *(spans[0] if spans else (passage.start, passage.end)))
    original = next((c.original for _, c in cited if c.original), None)
    links = ([_link(original, "Open the source")] if original else []) + [
        _link(url.removeprefix("/"), "The marked copy" if original else "Open the source")
    ]
    also = "".join(f"<p>{_also(c)}</p>" for _, c in cited if c.also)
    opened = " open" if is_open else ""
    return (
        f"<details{opened}><summary>{numbers}{where}</summary>"
        f"<p>{_marked(passage, spans)}</p>{also}<p>{' · '.join(links)}</p></details>"
    )


def _link(address: str, words: str) -> str:
    return f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(words)}</a>'


def _also(citation: Citation) -> str:
    """Links to where the same sentence stands as well."""
    links = (_link(source_url(c.document_id, c.start, c.end).removeprefix("/"), c.document_id) for c in citation.also)
    return f"Also in {', '.join(links)}"


def _marked(passage: Passage, spans: Iterable[tuple[int, int]]) -> str:
    parts, at = [], passage.start
    for start, end in spans:
        before, quote = (passage.text[a - passage.start : b - passage.start] for a, b in ((at, start), (start, end)))
        parts.append(f"{escape(before)}<mark>{escape(quote)}</mark>")
        at = end
    return "".join(parts) + escape(passage.text[at - passage.start :])

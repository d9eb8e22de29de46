"""Answer → HTML of the chat page. Every text of a document goes through `escape`: none is ever read as HTML."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from urllib.parse import quote

from qa.answer.schema import source_url
from qa.types import Answer, Citation, Hit, Passage
from qa.web.words import refusal, words

NEAREST = 3  # passages that are shown below an abstention
LEANING = re.compile(  # how a sentence begins that leans on the one before
    r"(?i:\W*(?:it|its|they|their|them|this|that|these|those|such|he|she|his|her|both|either|neither|one|otherwise|however"
    r"|instead|together|also|then|there|here|if so|in (?:this|that|these|those|such)|for (?:this|that|these|those))\b)"
    r"|[\W\d]*[a-z]",  # or an item's, which does not begin as a sentence does
)


def answer_html(answer: Answer, language: str = "en") -> str:
    """The quotes with their numbers and the sources they stand in, or why there are none with the nearest passages.

    `language`, one of LANGUAGES, is that of all words but the documents' own.
    """
    said = words(language)
    if answer.abstained:
        return _abstention(answer, language)
    is_numbered = len(answer.citations) > 1
    quotes = "".join(
        f"<li>{_number(n) if is_numbered else ''}<blockquote>{_quote(c)}</blockquote></li>"
        for n, c in enumerate(answer.citations, 1)
    )
    sources = "".join(
        _source(passage, cited, said, is_numbered, is_open=answer.unsure or _leans(passage, [c for _, c in cited]))
        for passage, cited in _by_passage(answer)
    )
    unsure = f'<p class="qa-unsure">{escape(said["unsure"])}</p>' if answer.unsure else ""
    return (
        f'<div class="qa-answer">{_searched(answer, said)}{unsure}<ul class="qa-quotes">{quotes}</ul>'
        f'<div class="qa-sources">{sources}</div>{_actions(answer, said)}</div>'
    )


def copied(answer: Answer, language: str = "en") -> str:
    """The answer as text: quotes, where they stand, and their addresses, which may be relative to the page."""
    said = words(language)
    cited = [
        f"“{c.quote}”\n{_where(c, said)}\n{c.original or source_url(c.document_id, c.start, c.end).removeprefix('/')}"
        for c in answer.citations
    ]
    return "\n\n".join([answer.text if cited else refusal(answer, language), *cited])


def _number(n: int) -> str:
    return f'<span class="qa-number">{n}</span>'


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


def _abstention(answer: Answer, language: str) -> str:
    said = words(language)
    nearest = "".join(_source(hit.passage, (), said) for hit in answer.hits[:NEAREST])
    heading = f'<p class="qa-nearest">{escape(said["nearest"])}</p>' if nearest else ""
    examples = "".join(f'<button type="button" class="qa-example">{escape(text)}</button>' for text in answer.examples)
    return (
        f'<div class="qa-answer qa-abstained">{_searched(answer, said)}'
        f"<p><strong>{escape(refusal(answer, language))}</strong></p>{examples}"
        f'{heading}<div class="qa-sources">{nearest}</div>{_actions(answer, said) if answer.hits else ""}</div>'
    )


def _searched(answer: Answer, said: Mapping[str, str]) -> str:
    """What was searched instead of a follow-up, so that the person sees it and can change it."""
    if answer.standalone == answer.question:
        return ""
    edit = f'<button type="button" data-do="edit">{escape(said["edit"])}</button>'
    return f'<p class="qa-searched">{escape(said["searched"])}{escape(answer.standalone)} {edit}</p>'


def _actions(answer: Answer, said: Mapping[str, str]) -> str:
    """What can be done with an answer: chat.js does it, and shows the thumbs where verdicts are kept."""
    link = f"?q={quote(answer.standalone, safe='')}"
    thumbs = "".join(
        f'<button type="button" data-do="{verdict}" aria-pressed="false">{escape(said[verdict])}</button>'
        for verdict in ("up", "down")
    )
    return (
        f'<div class="qa-actions"><button type="button" data-do="copy">{escape(said["copy"])}</button>'
        f'<a data-do="link" href="{link}">{escape(said["link"])}</a>{thumbs}<output></output></div>'
    )


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


def _source(
    passage: Passage,
    cited: Sequence[tuple[int, Citation]],
    said: Mapping[str, str],
    is_numbered: bool = False,
    is_open: bool = False,
) -> str:
    numbers = "".join(_number(n) for n, _ in cited) if is_numbered else ""
    where = escape(_where(cited[0][1] if cited else passage, said))
    spans = sorted((c.start, c.end) for _, c in cited)
    url = source_url(passage.document_id, *(spans[0] if spans else (passage.start, passage.end)))
    original = next((c.original for _, c in cited if c.original), None)
    links = ([_link(original, said["source"])] if original else []) + [
        _link(url.removeprefix("/"), said["marked" if original else "source"])
    ]
    also = "".join(f"<p>{escape(said['also'])}{_also(c)}</p>" for _, c in cited if c.also)
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
    return ", ".join(links)


def _where(at: Citation | Passage, said: Mapping[str, str]) -> str:
    """Where a quote or a passage stands, in a line."""
    where = at.title + (f" › {at.heading}" if at.heading else "")
    where += said["page"].replace("{n}", str(at.page)) if at.page else ""
    return where + (said["scanned"] if isinstance(at, Citation) and at.scanned else "")


def _marked(passage: Passage, spans: Iterable[tuple[int, int]]) -> str:
    parts, at = [], passage.start
    for start, end in spans:
        before, quote = (passage.text[a - passage.start : b - passage.start] for a, b in ((at, start), (start, end)))
        parts.append(f"{escape(before)}<mark>{escape(quote)}</mark>")
        at = end
    return "".join(parts) + escape(passage.text[at - passage.start :])

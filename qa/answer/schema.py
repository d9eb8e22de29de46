"""Answer → the JSON that the API and `qa ask --json` give."""

from typing import Any
from urllib.parse import quote

from qa.types import Answer, Citation

UNSURE = "Not sure, the closest is:"  # what people are told before the quotes of an answer that is unsure
SCANNED = "read from a scan"  # and beside the place of a quote that may have wrong letters


def payload(answer: Answer, took_ms: float) -> dict[str, Any]:
    """An answer as plain values; `took_ms` is how long it took, in milliseconds."""
    return {
        "question": answer.question,
        "standalone": answer.standalone,
        "answer": answer.text,
        "abstained": answer.abstained,
        "confidence": round(answer.confidence, 4),
        "unsure": answer.unsure,
        "citations": [
            {
                "quote": c.quote,
                **_place(c),
                **({"original": c.original} if c.original else {}),
                **({"scanned": True} if c.scanned else {}),
                **({"span": list(c.span)} if c.span else {}),
                **({"also": [_place(other) for other in c.also]} if c.also else {}),
            }
            for c in answer.citations
        ],
        "hits": [
            {
                "document": h.passage.document_id,
                "title": h.passage.title,
                "heading": h.passage.heading,
                "text": h.passage.text,
                "start": h.passage.start,
                "end": h.passage.end,
                "score": round(h.score, 4),
                "url": source_url(h.passage.document_id, h.passage.start, h.passage.end),
                **_page(h.passage.page),
            }
            for h in answer.hits
        ],
        "took_ms": round(took_ms, 1),
    }


def _place(citation: Citation) -> dict[str, Any]:
    return {
        "document": citation.document_id,
        "title": citation.title,
        "heading": citation.heading,
        "start": citation.start,
        "end": citation.end,
        "url": source_url(citation.document_id, citation.start, citation.end),
        **_page(citation.page),
    }


def _page(number: int | None) -> dict[str, int]:
    return {} if number is None else {"page": number}


def source_url(document_id: str, start: int, end: int) -> str:
    """Where the server shows a document with a stretch of it marked, from the server's root."""
    return f"/source/{quote(document_id)}?start={start}&end={end}#quote"

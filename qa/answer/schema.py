"""The JSON of an answer, the same from the API, the chat page, the MCP tool and `qa ask --json`."""

from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, Field

from qa import types

UNSURE = "Not sure, the closest is:"  # shown before the quotes of an unsure answer
SCANNED = "read from a scan"  # shown beside a quote that may have wrong letters


class Place(BaseModel):
    """A place in a document: its id, title and heading, and the characters from `start` to `end`."""

    document: str
    title: str
    heading: str
    start: int
    end: int
    url: Annotated[str, Field(description="The source page with this place marked, from the server's root.")]
    page: Annotated[int | None, Field(description="The number of the page, where the document has pages.")] = None


class Citation(Place):
    """A sentence of a document, word for word; `span` holds the characters of the words in it that answer."""

    quote: str
    span: Annotated[tuple[int, int] | None, Field(description="Absent where the words aren't certain.")] = None
    original: Annotated[str | None, Field(description="The quote on the page where its owner published it.")] = None
    scanned: Annotated[bool, Field(description="Whether it was read from a picture of the page.")] = False
    also: Annotated[list[Place] | None, Field(description="Other places of the same sentence.")] = None


class Hit(Place):
    """A passage near the question."""

    text: str
    score: float


class Answer(BaseModel):
    """Citations, best first, or an abstention without any. `confidence` is the probability that the first one answers.

    An `unsure` answer cites what comes closest: say so where you show it.
    """

    question: str
    standalone: str
    answer: str
    abstained: bool
    confidence: float
    unsure: bool
    citations: list[Citation]
    hits: list[Hit]
    took_ms: float
    reason: Annotated[
        str | None, Field(description=f"Why it abstains, to be said in other words: {', '.join(types.REASONS)}.")
    ] = None
    examples: Annotated[list[str] | None, Field(description="Questions that can be asked, with some reasons.")] = None
    languages: Annotated[list[str] | None, Field(description="Codes of those that can be asked in.")] = None

    @classmethod
    def of(cls, answer: types.Answer, took_ms: float) -> "Answer":
        """Convert an answer that took this many milliseconds."""
        return cls(
            question=answer.question,
            standalone=answer.standalone,
            answer=answer.text,
            abstained=answer.abstained,
            confidence=round(answer.confidence, 4),
            unsure=answer.unsure,
            citations=[_citation(citation) for citation in answer.citations],
            hits=[_hit(hit) for hit in answer.hits],
            took_ms=round(took_ms, 1),
            reason=answer.reason or None,
            examples=list(answer.examples) or None,
            languages=list(answer.languages) or None,
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain values, leaving out unknown ones."""
        return self.model_dump(mode="json", exclude_none=True)


def source_url(document_id: str, start: int, end: int) -> str:
    """Return the path of a document's source page with these characters marked."""
    return f"/source/{quote(document_id)}?start={start}&end={end}#quote"


def _citation(citation: types.Citation) -> Citation:
    return Citation(
        **_place(citation),
        quote=citation.quote,
        span=citation.span,
        original=citation.original,
        scanned=citation.scanned,
        also=[Place(**_place(other)) for other in citation.also] or None,
    )


def _hit(hit: types.Hit) -> Hit:
    return Hit(**_place(hit.passage), text=hit.passage.text, score=round(hit.score, 4))


def _place(at: types.Citation | types.Passage) -> dict[str, Any]:
    return {
        "document": at.document_id,
        "title": at.title,
        "heading": at.heading,
        "start": at.start,
        "end": at.end,
        "url": source_url(at.document_id, at.start, at.end),
        "page": at.page,
    }

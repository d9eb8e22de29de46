"""The routes for programs: /api/ask, /api/feedback, /api/health, the widget and the source pages."""

import logging
import time
from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from qa.answer.schema import Answer
from qa.errors import NoDocuments, QAError, StoreError, StoreUnavailable
from qa.settings import Settings
from qa.web.pages.pictures import Pictures
from qa.web.pages.source import message_html, source_html
from qa.web.record import Record, Verdict
from qa.web.service import Service
from qa.web.words import STATIC, widget_script

MAX_QUESTION = 2000  # characters
MAX_ANSWER = 20_000  # characters, of an answer that is sent back as history or feedback
MAX_HISTORY = 20  # questions
MAX_CONTEXT = 500  # characters
RETRY_AFTER = {"Retry-After": "2"}  # seconds, while the documents are being loaded

log = logging.getLogger("qa.web")

Question = Annotated[str, Field(max_length=MAX_QUESTION, description="In plain language.")]
Past = Annotated[str, Field(max_length=MAX_ANSWER)]


class Ask(BaseModel):
    """A question, and what was asked before it: (question as it was searched, answer), oldest first.

    `context` is the path of a document or of a folder of documents, which are asked first.
    """

    model_config = ConfigDict(extra="forbid")

    question: Question
    history: Annotated[list[tuple[Past, Past]], Field(max_length=MAX_HISTORY)] = []
    context: Annotated[str, Field(max_length=MAX_CONTEXT)] = ""


class Judged(BaseModel):
    """A visitor's verdict on an answer."""

    model_config = ConfigDict(extra="forbid")

    question: Question
    answer: Past
    verdict: Verdict


class Health(BaseModel):
    """Whether questions can be answered, from which generation of the index, and whether feedback is kept.

    `recorded` is for how many days questions are kept, 0 where they aren't.
    """

    status: str
    generation: str
    feedback: bool
    recorded: int


class Problem(BaseModel):
    """What is wrong, and what to do."""

    error: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The token is missing or wrong."},
    403: {"model": Problem, "description": "Pages of this origin may not ask."},
    413: {"model": Problem, "description": "The request is too large."},
    422: {"model": Problem, "description": "The request is not as described."},
    429: {"model": Problem, "description": "Too many requests; Retry-After says when to come again."},
    503: {
        "model": Problem,
        "description": "The documents are still being loaded, or their store doesn't answer; Retry-After says when to "
        "come again.",
    },
}


def routes(service: Service, settings: Settings, record: Record | None = None) -> APIRouter:
    """The routes, answering from a service that may still be loading; verdicts on answers go into the record."""
    router = APIRouter()
    pictures = Pictures()

    @router.post("/api/ask", responses=PROBLEMS, response_model_exclude_none=True)
    def ask(body: Ask) -> Answer:
        """Answer a question in the documents' own words, with citations, or say that they don't hold the answer."""
        if not service.is_ready:
            raise HTTPException(503, "the documents are being loaded: ask again in a moment", RETRY_AFTER)
        begin = time.perf_counter()
        answer = service.ask(body.question, body.history, body.context)
        return Answer.of(answer, 1000 * (time.perf_counter() - begin))

    @router.post("/api/feedback", status_code=204, responses={**PROBLEMS, 404: {"model": Problem}})
    def judge(body: Judged) -> Response:
        """Keep a visitor's verdict on an answer, where the server keeps them."""
        if record is None:
            raise HTTPException(404, "feedback isn't kept here: set QA_RECORD or QA_FEEDBACK to the file for it")
        try:
            record.judge(body.question, body.answer, body.verdict)
        except StoreError as error:
            log.warning("%s", error)
            raise HTTPException(503, "feedback can't be kept at the moment", RETRY_AFTER) from None
        return Response(status_code=204)

    @router.get("/api/health")
    def health() -> Health:
        """Say whether questions can be answered yet."""
        state = "no documents" if service.is_closed else "ready" if service.is_ready else "loading"
        generation = service.assistant().snapshot if state == "ready" else ""
        recorded = settings.record_days if settings.record else 0
        return Health(status=state, generation=generation, feedback=record is not None, recorded=recorded)

    @router.get("/source/{document:path}", response_class=HTMLResponse, responses={404: {}, 503: {}})
    def source(request: Request, document: str, start: int = 0, end: int = 0, picture: int = 0) -> Response:
        """Show a document as a page, with the characters from start to end marked.

        Of a scan the number of a page as `picture` gives that page as a JPEG.
        """
        root = request.scope.get("root_path", "")
        if not service.is_ready:
            text = "The documents are being loaded: reload this page in a moment."
            return HTMLResponse(message_html("Loading", text, root), 503, RETRY_AFTER)
        assistant = service.assistant()
        found = assistant.document(document)
        if found is None:
            return HTMLResponse(message_html("Not found", "No document of this name is indexed.", root), 404)
        if picture:
            shown = pictures.page(found, picture)
            return Response(shown, media_type="image/jpeg") if shown else Response(status_code=404)
        links = _back(request, settings), assistant.originals.address(found)
        return HTMLResponse(source_html(found, start, end, root, *links, pictured=pictures.are_of(found)))

    @router.get("/widget.js", include_in_schema=False)
    def widget() -> Response:
        return Response(widget_script(), media_type="text/javascript", headers={"Cache-Control": "max-age=600"})

    @router.get("/chat.js", include_in_schema=False)
    @router.get("/icon.svg", include_in_schema=False)
    @router.get("/icon.png", include_in_schema=False)
    @router.get("/embed.css", include_in_schema=False)
    @router.get("/source.css", include_in_schema=False)
    def static(request: Request) -> FileResponse:
        return FileResponse(STATIC / request.url.path.rpartition("/")[2])

    @router.get("/logo", include_in_schema=False)
    def logo() -> FileResponse:
        if not settings.logo:
            raise HTTPException(404, "there is no logo here: set QA_LOGO to its file")
        return FileResponse(settings.logo)

    @router.get("/embed", include_in_schema=False)
    def embed(request: Request) -> HTMLResponse:
        """Show each way to embed the question box, with the line to copy."""
        origin = settings.url.rstrip("/") or str(request.base_url).rstrip("/")
        page = (STATIC / "embed.html").read_text("utf-8")
        return HTMLResponse(page.replace("{origin}", escape(origin)).replace("{title}", escape(settings.title)))

    return router


def _back(request: Request, settings: Settings) -> str:
    """The page that the visitor came from, where it is ours or may have the box on it, else the chat page."""
    came_from = request.headers.get("referer", "")
    origin = "/".join(came_from.split("/", 3)[:3])
    own = str(request.base_url).rstrip("/")
    known = origin in (*settings.allowed_origins, "/".join(own.split("/", 3)[:3]))
    return came_from if known and "/source/" not in came_from else f"{request.scope.get('root_path', '')}/"


def handle_errors(app: FastAPI) -> None:
    """Make every error of the routes one line of JSON, without a trace, a path or a version."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return JSONResponse({"error": f"{where}: {first['msg'].lower()}"}, 422)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(StoreUnavailable)
    async def unavailable(_: Request, error: StoreUnavailable) -> JSONResponse:
        log.warning("%s", error)
        return JSONResponse({"error": "the documents can't be reached: ask again in a moment"}, 503, RETRY_AFTER)

    @app.exception_handler(NoDocuments)
    async def emptied(_: Request, error: NoDocuments) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 503, RETRY_AFTER)

    @app.exception_handler(QAError)
    async def damaged(_: Request, error: QAError) -> JSONResponse:
        log.error("%s", error)
        return JSONResponse({"error": "the documents can't be read; the server's log says why"}, 500)

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": "something went wrong here; the server's log says what"}, 500)

"""Documents that are dropped on a page: read into memory, asked at once, and gone when the server ends."""

import re
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from qa.assistant import Assistant
from qa.documents import load
from qa.documents.convert import KINDS
from qa.errors import CorpusError, NoDocuments
from qa.types import Document, Progress
from qa.web.service import Service
from qa.web.words import STATIC

NAME = "dropped"  # of the collection
NAMED = re.compile(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*")  # a file: visible, and in no folder
MOST_FILES = 50
MAX_FILE_MB = 20
MAX_MB = 100  # of all files together
MAX_NAME = 200  # bytes of a file's name

OpenDocuments = Callable[[Sequence[Document], Progress], Assistant]


class Dropped:
    """The documents dropped so far, and the assistant over them; `open_documents` makes one.

    A file is on the disk, in a folder for temporary files, only until it is converted.
    """

    def __init__(self, open_documents: OpenDocuments) -> None:
        self._service: Service
        self._open = open_documents
        self._first: Future[Assistant] = Future()
        self._folder = TemporaryDirectory(prefix="question-box-", ignore_cleanup_errors=True)
        self._documents: dict[str, Document] = {}
        self._sizes: dict[str, int] = {}
        self._progress: tuple[str, int, int] = "", 0, 0
        self._reading = threading.Lock()

    def begin(self, service: Service) -> None:
        """Take note of the service that is to answer; until something is dropped it refuses to."""
        self._service = service
        service.close(NoDocuments("nothing was dropped yet: drop files on the first page"))

    def first(self) -> Assistant:
        """The first assistant, waited for: there is none before something is dropped."""
        return self._first.result()

    async def take(self, name: str, request: Request) -> None:
        """Keep a file until it is read; raises HTTPException where it is of no kind that is read, or too much."""
        if Path(name).suffix.lower() not in KINDS:
            raise HTTPException(415, f"files of this kind aren't read: give one of {', '.join(KINDS)}")
        if not NAMED.fullmatch(name) or len(name.encode()) > MAX_NAME:
            raise HTTPException(400, f"give a file's name, of at most {MAX_NAME} bytes")
        before = self._sizes.get(name, 0)
        others = {other: size for other, size in self._sizes.items() if size and other != name}
        if len(others) >= MOST_FILES:
            raise HTTPException(413, f"{MOST_FILES} files are here already: start the server anew for others")
        room = min(MAX_FILE_MB * 2**20, MAX_MB * 2**20 - sum(others.values()))
        self._sizes[name] = room  # until it is known
        data = bytearray()
        try:
            async for part in request.stream():
                data += part
                if len(data) > room:
                    raise HTTPException(413, f"too large: a file may have {MAX_FILE_MB} MB, all together {MAX_MB} MB")
            (Path(self._folder.name) / name).write_bytes(data)
        except BaseException:
            self._sizes[name] = before
            raise
        self._sizes[name] = len(data)

    def read(self) -> dict[str, Any]:
        """Read what was taken, and have it asked from now on; says what is there, and what was skipped and why."""
        with self._reading:
            try:
                found = load.read([self._folder.name], None, MAX_FILE_MB, self._note)
                self._documents |= {document.id: document for document in found.documents}
                assistant = self._open(list(self._documents.values()), self._note)
            except CorpusError as error:
                raise HTTPException(422, str(error).replace(self._folder.name, "what was dropped")) from None
            finally:
                for path in Path(self._folder.name).iterdir():
                    path.unlink()
                self._sizes = {name: size for name, size in self._sizes.items() if name in self._documents}
            if not self._first.done():
                self._first.set_result(assistant)
            self._service.replace(assistant)
            return {"documents": list(self._documents), "skipped": dict(found.skipped)}

    def routes(self) -> APIRouter:
        """The page to drop files on, and what it sends them to."""

        @asynccontextmanager
        async def lifespan(_: APIRouter) -> AsyncIterator[None]:
            yield
            self._end()

        router = APIRouter(lifespan=lifespan)

        @router.get("/")
        def page() -> HTMLResponse:
            html = (STATIC / "drop.html").read_text("utf-8")
            limits = f"At most {MOST_FILES} files of {MAX_FILE_MB} MB: {', '.join(kind[1:] for kind in KINDS)}."
            return HTMLResponse(html.replace("{limits}", escape(limits)).replace("{kinds}", ",".join(KINDS)))

        @router.put("/drop/{name}", status_code=204)
        async def take(name: str, request: Request) -> None:
            await self.take(name, request)

        @router.post("/drop")
        def read() -> dict[str, Any]:
            return self.read()

        @router.get("/drop")
        def progress() -> dict[str, Any]:
            what, done, total = self._progress
            return {"what": what, "done": done, "total": total, "documents": list(self._documents)}

        return router

    def _end(self) -> None:
        """Leave nothing on the disk, and let go who waits for the first assistant."""
        self._folder.cleanup()
        if not self._first.done():
            self._first.set_exception(NoDocuments("nothing was dropped"))

    def _note(self, what: str, done: int, total: int) -> None:
        self._progress = what, done, total

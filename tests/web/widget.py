"""What the tests of the widget share: pages of one origin that embed it, and a small server of another that it asks."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from qa.web.words import widget_script

HERE = Path(__file__).parents[2] / "qa" / "web" / "static"
SOURCE = widget_script()
FILES = {"widget.js": "text/javascript", "embed.css": "text/css"}
PHONE = {"width": 390, "height": 844}

REFUNDS = "Items can be returned 😀 within 30 days of delivery. Refunds take five days.\n- Keep the receipt."
SHIPPING = "Shipping is free above 40 €. Parcels leave on weekdays."


def cite(document: str, text: str, quote: str, title: str, offset: int = 0) -> dict[str, Any]:
    start = offset + text.index(quote)
    end = start + len(quote)
    where = {"document": document, "title": title, "heading": "", "start": start, "end": end}
    return {**where, "quote": quote, "url": f"/source/{document}?start={start}&end={end}#quote"}


def passage(document: str, text: str, title: str, offset: int = 0, heading: str = "") -> dict[str, Any]:
    where = {"document": document, "title": title, "heading": heading, "start": offset, "end": offset + len(text)}
    return {**where, "text": text, "score": 0.9, "url": f"/source/{document}#quote"}


def result(question: str, citations: Any = None, hits: Any = None, **more: Any) -> dict[str, Any]:
    if citations is None:
        citations = [cite("ship.md", SHIPPING, "Shipping is free above 40 €.", "Shipping", 10)]
        hits = [passage("ship.md", SHIPPING, "Shipping", 10, "Costs")]
    text = " ".join(c["quote"] for c in citations) or "The documents don’t say."
    plain = {"question": question, "standalone": question, "answer": text, "abstained": not citations}
    return {**plain, "confidence": 0.9, "citations": citations, "hits": hits, "took_ms": 3.0, **more}


def several(question: str) -> dict[str, Any]:
    """Three quotes: the first and the third of one passage."""
    citations = [
        cite("refunds.md", REFUNDS, "Refunds take five days.", "Refunds"),
        cite("ship.md", SHIPPING, "Parcels leave on weekdays.", "Shipping", 10),
        cite("refunds.md", REFUNDS, "Items can be returned 😀 within 30 days of delivery.", "Refunds"),
    ]
    hits = [passage("ship.md", SHIPPING, "Shipping", 10, "Costs"), passage("refunds.md", REFUNDS, "Refunds")]
    return result(question, citations, hits)


def abstention(question: str) -> dict[str, Any]:
    return result(question, [], [passage(f"{n}.md", f"Passage {n}.", f"Title {n}") for n in range(5)])


Reply = tuple[int, dict[str, str], Any]


@dataclass
class Api:
    """The question box's server: what it was asked, and what it replies next."""

    origin: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    rated: list[dict[str, Any]] = field(default_factory=list)
    health: dict[str, Any] = field(default_factory=lambda: {"status": "ready", "feedback": True})
    replies: list[Reply | Callable[[str], dict[str, Any]]] = field(default_factory=list)
    answer: Callable[[str], dict[str, Any]] = result
    gate: threading.Event | None = None
    rating: int = 204

    def reply(self, path: str, body: Any) -> Reply:
        self.paths.append(path)
        path = path.partition("?")[0]
        name = path.rpartition("/")[2]
        if name in FILES:
            return 200, {"Content-Type": FILES[name]}, SOURCE if name == "widget.js" else (HERE / name).read_text()
        if path.endswith("/api/health"):
            return 200, {}, self.health
        if path.endswith("/api/feedback"):
            self.rated.append(body)
            return self.rating, {}, {"error": "no room"} if self.rating != 204 else None
        if path.endswith("/api/ask"):
            self.asked.append(body)
            if self.gate:
                self.gate.wait(5)
            reply = self.replies.pop(0) if self.replies else self.answer
            return (200, {}, reply(body["question"])) if callable(reply) else reply
        return 404, {}, {"error": "not found"}


class ApiHandler(BaseHTTPRequestHandler):
    server: "Server"
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or each reply waits 40 ms for an acknowledgement

    def log_message(self, *_: Any) -> None:
        pass

    def do_OPTIONS(self) -> None:
        self.send(204, {"Access-Control-Allow-Headers": "content-type, authorization"}, None)

    def do_GET(self) -> None:
        self.send(*self.server.state.reply(self.path, None))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.state.headers.append({k.lower(): v for k, v in self.headers.items()})
        self.send(*self.server.state.reply(self.path, body))

    def send(self, status: int, headers: dict[str, str], body: Any) -> None:
        data = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
        cors["Access-Control-Max-Age"] = "600"  # seconds in which no second preflight is sent
        self.send_response(status)
        for name, value in {**cors, "Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class SiteHandler(ApiHandler):
    """The site that embeds the widget: one page, at every address."""

    def do_GET(self) -> None:
        html, policy = self.server.state
        self.send(200, {"Content-Type": "text/html", **({"Content-Security-Policy": policy} if policy else {})}, html)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], state: Any) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.state = state
        self.origin = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        pass  # the page went away

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


@dataclass
class Site:
    """Opens pages that embed the widget."""

    page: Page
    api: Api
    server: Server

    def load(
        self,
        script: str = "",
        body: str = "<h1>A site</h1><a href='/other'>Other</a>",
        head: str = "",
        policy: str = "",
        html: str = "lang=en",
        base: str = "/",
        path: str = "/",
    ) -> Page:
        tag = f'<script type="module" src="{self.api.origin}{base}widget.js" {script}></script>'
        text = f'<!DOCTYPE html><html {html}><head><meta charset="utf-8">{head}{tag}</head><body>{body}</body></html>'
        self.server.state = text, policy
        self.page.goto(self.server.origin + path)
        return self.page

    def open(self, script: str = "", **more: Any) -> Page:
        self.load(script, **more)
        self.page.locator("qa-box button[aria-haspopup]").click()
        return self.page


def field_of(page: Page) -> Locator:
    return page.locator("qa-box textarea:visible").first


def ask(page: Page, question: str) -> Locator:
    """Asks, and waits for the answer: its article."""
    count = page.locator("qa-box article").count()
    field_of(page).fill(question)
    field_of(page).press("Enter")
    article = page.locator("qa-box article").nth(count)
    article.locator("strong, blockquote").first.wait_for()  # sooner than `expect`, which looks ever more seldom
    return article


def active(page: Page) -> str:
    """What has the focus in the widget: its tag and its text."""
    return page.evaluate(
        "() => { const e = document.querySelector('qa-box').shadowRoot.activeElement;"
        " return e ? `${e.localName} ${e.ariaLabel ?? e.textContent}` : '' }"
    )


def problem(site: Site, question: str = "Is shipping free?", **more: Any) -> tuple[Page, Locator]:
    page = site.open(**more)
    field_of(page).fill(question)
    field_of(page).press("Enter")
    return page, page.locator("qa-box article")

"""The widget in Chromium, in pages of one origin, asking a small server of another origin."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from web.browser import CHROMIUM

from qa.web.words import widget_script

HERE = Path(__file__).parents[2] / "qa" / "web" / "static"
SOURCE = widget_script()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

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


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    """One for all tests: what they keep is in sessionStorage, which is a page's own."""
    return browser.new_context()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    api, site = Server(ApiHandler, None), Server(SiteHandler, ("", ""))
    yield api, site
    api.stop()
    site.stop()


@pytest.fixture
def api(servers: tuple[Server, Server]) -> Api:
    servers[0].state = Api(servers[0].origin)
    return servers[0].state


@pytest.fixture
def site(context: BrowserContext, api: Api, servers: tuple[Server, Server]) -> Iterator[Site]:
    page = context.new_page()
    page.set_default_timeout(5000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Site(page, api, servers[1])
    if api.gate:
        api.gate.set()
    page.close()
    context.clear_cookies()
    assert not errors


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


# ---- The panel


def test_the_button_opens_a_named_dialog_with_the_focus_in_the_field(site: Site) -> None:
    page = site.open('data-title="Ask our handbook"')
    expect(page.get_by_role("dialog", name="Ask our handbook")).to_be_visible()
    assert active(page).startswith("textarea")
    expect(page.locator("qa-box button[aria-haspopup]")).to_be_hidden()


def test_closing_gives_the_focus_back_to_the_button(site: Site) -> None:
    page = site.open('data-title="Ask"')
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert active(page) == "button Ask"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert active(page) == "button Ask"


def test_tab_cycles_within_the_dialog_both_ways(site: Site) -> None:
    page = site.open()
    ask(page, "Is shipping free?")
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(active(page))
    assert "" not in seen
    first = seen.index("button Send")
    cycle = seen[first : seen.index("button Send", first + 1)]
    assert {text.split()[0] for text in cycle} == {"button", "summary", "textarea", "div"}
    page.keyboard.press("Shift+Tab")
    assert active(page) == seen[-2]
    for _ in range(len(cycle)):
        page.keyboard.press("Shift+Tab")
        assert active(page)


def test_shift_tab_from_the_first_stop_goes_to_the_last(site: Site) -> None:
    page = site.open()
    page.get_by_role("button", name="Close").focus()  # Clear is disabled as yet
    page.keyboard.press("Shift+Tab")
    assert active(page) == "button Send"


def test_a_click_on_the_panel_keeps_the_keys_working(site: Site) -> None:
    page = site.open()
    page.locator("qa-box h2").click()
    page.keyboard.press("Shift+Tab")
    assert active(page) == "button Send"
    page.locator("qa-box h2").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_pages_shortcuts_do_not_hear_what_is_typed(site: Site) -> None:
    page = site.open()
    page.evaluate("addEventListener('keydown', () => document.title += '!')")
    field_of(page).press_sequentially("abc")
    assert "!" not in page.title()


def test_enter_sends_and_shift_enter_makes_a_line(site: Site, api: Api) -> None:
    page = site.open()
    field_of(page).press_sequentially("one")
    height = field_of(page).bounding_box()["height"]
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    assert field_of(page).input_value() == "one\ntwo" and not api.asked
    assert field_of(page).bounding_box()["height"] > height
    page.keyboard.press("Enter")
    expect(page.locator("qa-box blockquote")).to_be_visible()
    assert api.asked[0]["question"] == "one\ntwo" and field_of(page).input_value() == ""


def test_enter_that_ends_a_composition_does_not_send(site: Site, api: Api) -> None:
    page = site.open()
    field_of(page).fill("にほん")
    for extra in ({"isComposing": True}, {"keyCode": 229}):
        field_of(page).dispatch_event("keydown", {"key": "Enter", **extra})
    page.wait_for_timeout(100)
    assert not api.asked and field_of(page).input_value() == "にほん"


# ---- Answers


def test_one_quote_stands_without_a_number(site: Site) -> None:
    article = ask(site.open(), "Is shipping free?")
    expect(article.locator("blockquote")).to_have_text("Shipping is free above 40 €.")
    expect(article.locator("span")).to_have_count(0)
    expect(article.locator("summary")).to_have_text("Shipping › Costs")


def test_several_quotes_are_numbered_and_their_sources_shown_once(site: Site, api: Api) -> None:
    api.answer = several
    article = ask(site.open(), "Refunds?")
    assert article.locator("li span").all_inner_texts() == ["1", "2", "3"]
    expect(article.locator("blockquote").nth(2)).to_have_text("Items can be returned 😀 within 30 days of delivery.")
    summaries = [re.sub(r"\s+", "", text) for text in article.locator("summary").all_inner_texts()]
    assert summaries == ["13Refunds", "2Shipping›Costs"]


def test_a_source_expands_to_its_passage_with_the_quotes_marked(site: Site, api: Api) -> None:
    api.answer = several
    article = ask(site.open(), "Refunds?")
    article.locator("summary").first.click()
    text = article.locator("details p").first
    assert text.locator("mark").all_text_contents() == [
        "Items can be returned 😀 within 30 days of delivery.",
        "Refunds take five days.",
    ]
    assert text.text_content() == REFUNDS
    assert article.locator("details mark").nth(2).text_content() == "Parcels leave on weekdays."


def test_overlapping_passages_are_one_source(site: Site, api: Api) -> None:
    text = "One alpha. Two 😀 beta. Three gamma."
    early, late = passage("d", text[:22], "D"), passage("d", text[11:], "D", 11)
    citations = [cite("d", text, "Three gamma.", "D"), cite("d", text, "One alpha.", "D")]
    api.answer = lambda question: result(question, citations, [early, late])
    article = ask(site.open(), "Overlap?")
    expect(article.locator("details")).to_have_count(1)
    assert article.locator("details p").text_content() == text
    assert article.locator("mark").all_text_contents() == ["One alpha.", "Three gamma."]


def test_the_link_leads_to_the_server_in_a_tab_of_its_own(site: Site, api: Api) -> None:
    page = site.open(base="/box/")
    article = ask(page, "Is shipping free?")
    article.locator("summary").click()
    link = article.get_by_role("link", name="Open the source")
    assert link.evaluate("a => a.href") == f"{api.origin}/box/source/ship.md?start=10&end=38#quote"
    assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener")
    assert "/box/api/ask" in api.paths


def test_only_web_addresses_become_links(site: Site, api: Api) -> None:
    urls = ["javascript:alert(1)", "/javascript:alert(1)", "data:,x", "http://[", "", "/source/a?b#c", "//evil.x"]
    quotes = [f"Quote {n}." for n in range(len(urls))]
    citations = [{**cite(quote, quote, quote, quote), "url": url} for quote, url in zip(quotes, urls, strict=True)]
    api.answer = lambda question: result(question, citations, [])
    page = site.open()
    ask(page, "Links?")
    links = page.locator("qa-box details").evaluate_all("all => all.map(one => one.querySelector('a')?.href ?? null)")
    assert links == [None, None, None, None, None, f"{api.origin}/source/a?b#c", f"{api.origin}/evil.x"]


def test_markup_in_documents_and_questions_is_shown_as_text(site: Site, api: Api) -> None:
    evil = "<img src=x onerror=\"document.title='pwned'\"><b>bold</b>"
    hits = [{**passage("d", evil, evil), "heading": evil}]
    api.answer = lambda question: result(question, [cite("d", evil, evil, evil)], hits, standalone=evil)
    page = site.open()
    article = ask(page, evil)
    article.locator("summary").click()
    assert article.locator("img, b").count() == 0 and page.title() != "pwned"
    assert article.locator("blockquote").text_content() == evil


def test_an_abstention_shows_three_nearest_passages(site: Site, api: Api) -> None:
    api.answer = abstention
    article = ask(site.open(), "What of the moon?")
    expect(article.locator("strong")).to_have_text("The documents don’t say.")
    assert article.locator("summary").all_inner_texts() == ["Title 0", "Title 1", "Title 2"]
    article.locator("summary").first.click()
    expect(article.locator("details p").first).to_have_text("Passage 0.")
    expect(article.locator("mark, blockquote")).to_have_count(0)


def test_an_unsure_answer_says_so_and_opens_its_passage(site: Site, api: Api) -> None:
    api.answer = partial(result, unsure=True)
    answer = ask(site.open(), "Is shipping free?")
    expect(answer.locator("strong")).to_have_text("Not sure, the closest is:")
    expect(answer.locator("mark")).to_be_visible()


def test_the_words_that_answer_stand_out_and_copies_elsewhere_are_linked(site: Site, api: Api) -> None:
    citation = cite("ship.md", SHIPPING, "Shipping is free above 40 €.", "Shipping", 10)
    start = citation["start"] + citation["quote"].index("above")
    citation |= {"span": [start, start + len("above 40 €")], "also": [cite("b/ship.md", SHIPPING, SHIPPING, "Other")]}
    hits = [passage("ship.md", SHIPPING, "Shipping", 10, "Costs")]
    api.answer = partial(result, citations=[citation], hits=hits, unsure=False)
    answer = ask(site.open(), "Is shipping free?")
    expect(answer.locator("blockquote em")).to_have_text("above 40 €")
    answer.locator("summary").click()
    expect(answer.get_by_role("link", name="b/ship.md")).to_be_visible()


def test_what_was_searched_is_shown_and_can_be_edited(site: Site, api: Api) -> None:
    api.answer = lambda question: result(question, standalone="Is shipping to Peru free?")
    page = site.open()
    article = ask(page, "And to Peru?")
    expect(article).to_contain_text("Searched: Is shipping to Peru free?")
    article.get_by_role("button", name="Edit").click()
    assert field_of(page).input_value() == "Is shipping to Peru free?"
    assert active(page).startswith("textarea")


def test_the_last_ten_answers_are_sent_along_as_they_were_searched(site: Site, api: Api) -> None:
    api.answer = lambda question: result(question, standalone=f"{question}!")
    page = site.open()
    for n in range(12):
        ask(page, f"q{n}")
    answer = "Shipping is free above 40 €."
    assert [len(body["history"]) for body in api.asked] == [*range(11), 10]
    assert api.asked[-1]["history"] == [[f"q{n}!", answer] for n in range(1, 11)]


def test_each_answer_is_announced_once_by_the_one_live_region(site: Site, api: Api) -> None:
    page = site.open()
    live = page.locator("qa-box [aria-live], qa-box [role=log], qa-box [role=status], qa-box [role=alert]")
    expect(live).to_have_count(1)
    live.evaluate("""node => { window.said = [];
        new MutationObserver(() => said.push(node.textContent)).observe(node, {childList: true}) }""")
    ask(page, "Is shipping free?")
    api.answer = abstention
    ask(page, "What of the moon?")
    assert page.evaluate("said") == [
        "Searching…", "Shipping is free above 40 €.", "Searching…", "The documents don’t say.",
    ]  # fmt: skip


# ---- Thumbs, copying, clearing


def test_a_thumb_is_sent_and_pressed_and_can_be_changed(site: Site, api: Api) -> None:
    page = site.open()
    article = ask(page, "Is shipping free?")
    up, down = (article.get_by_role("button", name=name, exact=True) for name in ("Helpful", "Not helpful"))
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    down.click()
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(up).to_have_attribute("aria-pressed", "false")
    said = {"question": "Is shipping free?", "answer": "Shipping is free above 40 €."}
    assert api.rated == [{**said, "verdict": "up"}, {**said, "verdict": "down"}]
    page.reload()
    expect(down).to_have_attribute("aria-pressed", "true")


def test_a_thumb_that_is_not_taken_is_not_pressed(site: Site, api: Api) -> None:
    api.rating = 500
    article = ask(site.open(), "Is shipping free?")
    article.get_by_role("button", name="Not helpful").click()
    expect(article).to_contain_text("no room")
    expect(article.locator("[aria-pressed=true]")).to_have_count(0)


def test_without_feedback_there_are_no_thumbs(site: Site, api: Api) -> None:
    api.health = {"status": "ready", "feedback": False}
    article = ask(site.open(), "Is shipping free?")
    expect(article.get_by_role("button", name="Copy", exact=True)).to_be_visible()
    expect(article.get_by_role("button", name="Helpful")).to_have_count(0)


def test_the_server_is_asked_once_how_it_is_and_not_before_the_panel_opens(site: Site, api: Api) -> None:
    page = site.load()
    page.wait_for_timeout(150)
    assert "/api/health" not in api.paths
    for _ in range(2):
        page.locator("qa-box button[aria-haspopup]").click()
        page.keyboard.press("Escape")
    page.wait_for_timeout(100)
    assert api.paths.count("/api/health") == 1


def test_copy_takes_the_quotes_with_their_sources(site: Site, api: Api) -> None:
    site.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = site.open()
    article = ask(page, "Is shipping free?")
    article.get_by_role("button", name="Copy", exact=True).click()
    expect(article).to_contain_text("✓")
    text = page.evaluate("navigator.clipboard.readText()")
    assert "“Shipping is free above 40 €.”" in text
    assert f"{api.origin}/source/ship.md?start=10&end=38#quote" in text


def test_without_a_clipboard_there_is_no_copy_button(site: Site) -> None:
    site.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    article = ask(site.open(), "Is shipping free?")
    expect(article.get_by_role("button", name="Copy", exact=True)).to_have_count(0)


def test_clear_ends_the_conversation_and_what_waits(site: Site, api: Api) -> None:
    page = site.open('data-examples="One?|Two?"')
    ask(page, "Is shipping free?")
    expect(page.get_by_role("button", name="One?")).to_be_hidden()
    api.gate = threading.Event()
    field_of(page).fill("Slow?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Clear").click()
    api.gate.set()
    api.gate = None
    page.wait_for_timeout(100)
    expect(page.locator("qa-box article")).to_have_count(0)
    expect(page.locator("qa-box output")).to_have_text("Searching…")  # and not that it failed
    ask(page, "Again?")
    assert api.asked[-1]["history"] == []
    expect(page.locator("qa-box article")).to_have_count(1)


def test_a_question_cleared_while_documents_load_does_not_end_the_next_ones_waiting(site: Site, api: Api) -> None:
    api.replies = [(503, {"Retry-After": "1"}, {"error": "loading"})]
    page, article = problem(site)
    expect(article).to_contain_text("being loaded")
    page.get_by_role("button", name="Clear").click()
    api.gate = threading.Event()
    field_of(page).fill("Next?")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1200)
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    assert [body["question"] for body in api.asked] == ["Is shipping free?", "Next?"]


def test_an_example_is_asked_by_a_click(site: Site, api: Api) -> None:
    page = site.open('data-examples="Is it free?| How long? " data-greeting="Hello there" data-placeholder="Type"')
    expect(page.locator("qa-box")).to_contain_text("Hello there")
    expect(field_of(page)).to_have_attribute("placeholder", "Type")
    page.get_by_role("button", name="How long?").click()
    expect(page.locator("qa-box blockquote")).to_be_visible()
    assert api.asked[0]["question"] == "How long?"


# ---- Keeping the conversation


def test_the_conversation_and_the_open_panel_move_along_to_the_next_page(site: Site, api: Api) -> None:
    page = site.open()
    ask(page, "Is shipping free?")
    page.get_by_role("link", name="Other").click()
    page.wait_for_url("**/other")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("qa-box blockquote")).to_have_text("Shipping is free above 40 €.")
    assert active(page) == ""  # the page's own focus is left alone
    ask(page, "And now?")
    assert api.asked[-1]["history"] == [["Is shipping free?", "Shipping is free above 40 €."]]
    assert page.evaluate("document.cookie") == ""


def test_remember_off_keeps_nothing(site: Site) -> None:
    page = site.open('data-remember="off"')
    ask(page, "Is shipping free?")
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize(
    "damage",
    [
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('no', 'SecurityError') }})",
        'Storage.prototype.getItem = () => \'{"answered": [{"question": "x", "result": {}}], "open": 1}\'',
        "Storage.prototype.getItem = () => 'not json'; Storage.prototype.setItem = () => { throw new Error('full') }",
        "Storage.prototype.getItem = () => '{\"answered\": 5}'",
    ],
)
def test_blocked_or_damaged_storage_is_no_hindrance(site: Site, damage: str) -> None:
    site.page.add_init_script(damage)
    page = site.open()
    expect(page.locator("qa-box article")).to_have_count(0)
    ask(page, "Is shipping free?")


def test_what_is_stored_is_limited_and_200_answers_stay_fluent(site: Site, api: Api) -> None:
    long = "Long words. " * 100
    api.answer = lambda question: result(question, [cite("d", long, "Long", "D")], [passage("d", long, "D")])
    page = site.open()
    page.evaluate("""async () => {
      const root = document.querySelector('qa-box').shadowRoot, input = root.querySelector('textarea');
      for (let n = 0; n < 200; n++) {
        input.value = `q${n}`;
        input.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));
        while (root.querySelectorAll('blockquote').length <= n) await new Promise(done => setTimeout(done));
      }
    }""")
    begin = time.perf_counter()
    ask(page, "One more?")
    assert time.perf_counter() - begin < 1
    assert page.evaluate("JSON.stringify(sessionStorage).length") < 400_000
    page.reload()
    expect(page.locator("qa-box article").last).to_contain_text("One more?")
    assert 10 <= page.locator("qa-box article").count() <= 100


# ---- When it doesn't work


def problem(site: Site, question: str = "Is shipping free?", **more: Any) -> tuple[Page, Locator]:
    page = site.open(**more)
    field_of(page).fill(question)
    field_of(page).press("Enter")
    return page, page.locator("qa-box article")


def test_an_error_is_told_and_asked_again_by_retry(site: Site, api: Api) -> None:
    page = site.open()
    for status, headers, error, shown in [
        (429, {"Retry-After": "7"}, "slow down", "wait 7 s"),
        (401, {}, "token", "This page is not allowed to ask."),
        (403, {}, "origin", "This page is not allowed to ask."),
        (413, {}, "The question is too large", "The question is too large"),
        (422, {}, "The question is empty", "The question is empty"),
        (500, {}, "", "Error 500"),
    ]:
        api.replies = [(status, headers, {"error": error})]
        field_of(page).fill(f"Question {status}")
        field_of(page).press("Enter")
        page.get_by_role("button", name="Retry").wait_for()
        article = page.locator("qa-box article").last
        expect(article).to_contain_text(shown)
        page.get_by_role("button", name="Retry").click()
        article.locator("blockquote").wait_for()
        assert [body["question"] for body in api.asked[-2:]] == [f"Question {status}"] * 2
    expect(page.locator("qa-box article")).to_have_count(6)


def test_a_reply_that_is_no_answer_is_told(site: Site, api: Api) -> None:
    bodies = ["<html>a proxy's page</html>", {"answer": "x"}, None, {"citations": 1, "hits": 2}]
    api.replies = [(200, {}, body) for body in bodies]
    _, article = problem(site)
    for count in range(1, 5):
        expect(article).to_contain_text("Error 200")
        assert len(api.asked) == count
        article.get_by_role("button", name="Retry").click()
        expect(article.get_by_text("Searching…")).to_have_count(0)
    expect(article.locator("blockquote")).to_be_visible()


def test_a_server_that_is_down_is_told_and_retried_without_typing(site: Site) -> None:
    page = site.open()
    page.route("**/api/ask", lambda route: route.abort("connectionrefused"))
    field_of(page).fill("Is shipping free?")
    field_of(page).press("Enter")
    article = page.locator("qa-box article")
    expect(article).to_contain_text("The server can’t be reached.")
    page.unroute("**/api/ask")
    article.get_by_role("button", name="Retry").click()
    expect(article.locator("blockquote")).to_be_visible()
    assert active(page).startswith("textarea")


def test_loading_documents_are_waited_for(site: Site, api: Api) -> None:
    api.replies = [(503, {"Retry-After": "1"}, {"error": "loading"})]
    _, article = problem(site)
    expect(article).to_contain_text("The documents are being loaded")
    begin = time.perf_counter()
    expect(article.locator("blockquote")).to_be_visible()
    assert 0.5 < time.perf_counter() - begin < 3 and len(api.asked) == 2


def test_waiting_for_documents_ends_with_a_retry_button(site: Site, api: Api) -> None:
    site.page.add_init_script(
        "window.waits = []; const later = setTimeout; setTimeout = (f, ms) => { waits.push(ms); return later(f, 1) }"
    )
    api.replies = [(503, {"Retry-After": "9"}, {"error": "loading"})] * 6
    page, article = problem(site)
    expect(article.get_by_role("button", name="Retry")).to_be_visible()
    expect(article).to_contain_text("The documents are being loaded")
    assert len(api.asked) == 6 and page.evaluate("waits").count(9000) == 5


def test_an_answer_that_takes_a_minute_is_given_up(site: Site, api: Api) -> None:
    site.page.add_init_script(
        "const timeout = AbortSignal.timeout; AbortSignal.timeout = ms => timeout.call(AbortSignal, ms / 200)"
    )
    api.gate = threading.Event()
    _, article = problem(site)
    expect(article).to_contain_text("Searching…")
    expect(article.get_by_role("button", name="Retry")).to_be_visible()


def test_while_an_answer_is_awaited_no_second_question_is_sent(site: Site, api: Api) -> None:
    api.gate = threading.Event()
    page, article = problem(site)
    expect(article).to_contain_text("Searching…")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    field_of(page).fill("A second?")
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert len(api.asked) == 1 and field_of(page).input_value() == "A second?"
    api.gate.set()
    expect(page.get_by_role("button", name="Send")).to_be_enabled()


def test_no_cookies_are_sent_and_the_token_is(site: Site, api: Api) -> None:
    site.page.context.add_cookies([{"name": "session", "value": "secret", "url": api.origin}])
    ask(site.open('data-token="abc"'), "Is shipping free?")
    assert "cookie" not in api.headers[0]
    assert api.headers[0]["authorization"] == "Bearer abc"


# ---- In all kinds of pages


def test_it_works_under_a_strict_policy(site: Site, api: Api) -> None:
    complaints: list[str] = []
    site.page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    api.answer = several
    policy = f"default-src 'none'; script-src {api.origin}; connect-src {api.origin}"
    page = site.open("data-accent=navy", policy=policy)
    article = ask(page, "Refunds?")
    article.get_by_role("button", name="Helpful", exact=True).click()
    expect(article.locator("[aria-pressed=true]")).to_have_css("background-color", "rgb(0, 0, 128)")
    assert [text for text in complaints if "favicon" not in text] == []


def test_it_works_in_a_page_from_a_file(site: Site, api: Api, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(f'<script type="module" src="{api.origin}/widget.js"></script>')
    site.page.goto(file.as_uri())
    site.page.locator("qa-box button[aria-haspopup]").click()
    ask(site.page, "Is shipping free?")
    assert api.headers[0]["origin"] == "null"


@pytest.mark.parametrize(
    "css",
    [
        "body * { all: unset !important; display: none !important; }",
        "qa-box { visibility: hidden !important; opacity: 0 !important; transform: scale(0) !important; "
        "color: red !important; font: 40px cursive !important; position: static !important }",
        "html { font-size: 4px } div, section, button, textarea { display: none !important; color: red !important }",
    ],
)
def test_hostile_styles_of_the_page_stay_outside(site: Site, css: str) -> None:
    page = site.open(head=f"<style>{css}</style>", body="<p>A site</p>")
    article = ask(page, "Is shipping free?")
    expect(article.locator("blockquote")).to_have_css("color", "rgb(15, 23, 42)")
    expect(article.locator("blockquote")).to_have_css("font-size", "16px")
    box = page.get_by_role("dialog").bounding_box()
    assert (box["width"], box["height"]) == (400, 640)


def test_its_styles_stay_inside(site: Site) -> None:
    page = site.load(body="<h2>Head</h2><button>B</button><section>S</section>")
    before = page.evaluate("getComputedStyle(document.querySelector('h2')).margin")
    page.locator("qa-box button[aria-haspopup]").click()
    assert page.evaluate("getComputedStyle(document.querySelector('h2')).margin") == before != "0px"
    assert page.evaluate("document.adoptedStyleSheets.length + document.querySelectorAll('style').length") == 0
    expect(page.locator("body > section")).to_have_css("display", "block")


def test_right_to_left_pages_and_quotes(site: Site, api: Api) -> None:
    hebrew = "המשלוח חינם מעל 40."
    api.answer = lambda question: result(question, [cite("d", hebrew, hebrew, "D")], [passage("d", hebrew, "D")])
    page = site.open(html='lang="he" dir="rtl"')
    article = ask(page, "How much is it?")
    for selector in ("h3", "blockquote", "details p"):
        expect(article.locator(selector)).to_have_attribute("dir", "auto")
    expect(article.locator("h3")).to_have_css("direction", "ltr")
    expect(article.locator("blockquote")).to_have_css("direction", "rtl")
    expect(article.locator("details p")).to_have_css("direction", "rtl")
    close, title = page.get_by_role("button", name="Close").bounding_box(), page.locator("qa-box h2").bounding_box()
    assert close["x"] < title["x"]


def test_on_a_phone_the_panel_fills_the_screen(site: Site) -> None:
    site.page.set_viewport_size(PHONE)
    page = site.open('data-position="bottom-left"')
    assert page.get_by_role("dialog").bounding_box() == {"x": 0, "y": 0, **PHONE}


def test_the_position_is_the_chosen_corner(site: Site) -> None:
    page = site.load("data-position=bottom-left")
    expect(page.locator("qa-box button[aria-haspopup]")).to_have_css("left", "20px")
    page.locator("qa-box button[aria-haspopup]").click()
    expect(page.get_by_role("dialog")).to_have_css("left", "20px")


def test_a_box_within_the_page_takes_its_options_and_keeps_its_own_conversation(site: Site, api: Api) -> None:
    body = '<div><qa-box id="one" data-title="First"></qa-box><qa-box id="two"></qa-box></div>'
    style = "<style>qa-box { --qa-height: 300px }</style>"
    page = site.load('data-button="off" data-title="Both"', body=body, head=style)
    expect(page.locator("qa-box")).to_have_count(2)
    first, second = page.get_by_role("region", name="First"), page.get_by_role("region", name="Both")
    assert first.bounding_box()["height"] == 300
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Close")).to_have_count(0)
    second.locator("textarea").fill("Is shipping free?")
    second.get_by_role("button", name="Send").click()
    expect(second.locator("blockquote")).to_be_visible()
    expect(first.locator("blockquote")).to_have_count(0)
    page.reload()
    expect(second.locator("blockquote")).to_be_visible()
    expect(first.locator("blockquote")).to_have_count(0)
    page.evaluate("document.body.append(document.querySelector('#two'))")  # moved, not begun anew
    expect(second.locator("blockquote")).to_be_visible()


def test_importing_the_script_twice_makes_one_button(site: Site, api: Api) -> None:
    again = f'<script type="module" src="{api.origin}/widget.js?again"></script>'
    page = site.load(head=again + f'<script type="module" src="{api.origin}/widget.js"></script>')
    page.wait_for_timeout(200)
    expect(page.locator("qa-box")).to_have_count(1)
    page.locator("qa-box button[aria-haspopup]").click()
    ask(page, "Is shipping free?")


def test_another_server_can_be_named(site: Site, api: Api) -> None:
    ask(site.open(f'data-server="{api.origin}/elsewhere"'), "Is shipping free?")
    assert "/elsewhere/api/ask" in api.paths


def test_the_words_are_in_the_pages_language(site: Site) -> None:
    inherited = "<qa-box></qa-box><div lang=fr><qa-box></qa-box></div>"
    chosen = "<qa-box lang=ru data-lang=de></qa-box><div lang=de><qa-box data-lang=es-MX></qa-box></div>"
    page = site.load("data-button=off", html="lang=ru-RU", body=inherited + chosen)
    assert page.locator("qa-box footer button").all_inner_texts() == ["Спросить", "Send", "Senden", "Enviar"]
    assert page.locator("qa-box .root").evaluate_all("all => all.map(one => one.lang)") == ["ru", "en", "de", "es"]


# ---- What it looks like

CONTRAST = """() => {
  const rgb = (color) => {
    const context = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => rgb(color).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (rgb(color)[3] === 255) return color;
    }
    throw new Error('no background');
  };
  const found = {};
  for (const node of document.querySelector('qa-box').shadowRoot.querySelectorAll('*')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!(own || node.localName === 'textarea') || !node.checkVisibility() || node.disabled) continue;
    const style = getComputedStyle(node, node.localName === 'textarea' ? '::placeholder' : null);
    const [a, b] = [luminance(style.color), luminance(behind(node))].sort((a, b) => b - a);
    found[`${node.localName} ${node.textContent}`] = (a + .05) / (b + .05);
  }
  return found;
}"""


@pytest.mark.parametrize(
    ("theme", "accent"),
    [("light", ""), ("dark", ""), ("light", "#fde047"), ("dark", "lch(50 80 150)")],
)
def test_all_text_has_contrast(site: Site, api: Api, theme: str, accent: str) -> None:
    api.answer = lambda question: {**several(question), "standalone": "Searched so"}
    page = site.open(f'data-theme={theme} data-accent="{accent}"')
    article = ask(page, "Refunds?")
    article.get_by_role("button", name="Helpful", exact=True).click()
    expect(article.locator("[aria-pressed=true]")).to_be_visible()
    for summary in article.locator("summary").all():
        summary.click()
    api.replies = [(500, {}, {"error": "Broken"})]
    field_of(page).fill("Again?")
    field_of(page).press("Enter")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    found = page.evaluate(CONTRAST)
    assert len(found) > 15 and {text: ratio for text, ratio in found.items() if ratio < 4.5} == {}


def test_auto_follows_the_system_and_an_invalid_accent_is_ignored(site: Site) -> None:
    page = site.open("data-accent=nonsense")
    expect(page.get_by_role("dialog")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.get_by_role("button", name="Send")).to_have_css("background-color", "rgb(15, 118, 110)")
    page.emulate_media(color_scheme="dark")
    expect(page.get_by_role("dialog")).to_have_css("background-color", "rgb(15, 23, 42)")


def test_custom_properties_reach_the_inside(site: Site) -> None:
    above = "--qa-accent: rgb(200, 0, 0); --qa-background: rgb(250, 250, 210); --qa-radius: 3px; --qa-z-index: 7"
    css = f":root {{ {above} }} qa-box {{ --qa-width: 300px; --qa-font: serif }}"
    page = site.open(head=f"<style>{css}</style>")
    dialog = page.get_by_role("dialog")
    for name, value in {
        "background-color": "rgb(250, 250, 210)",
        "border-radius": "3px",
        "z-index": "7",
        "width": "300px",
        "font-family": "serif",
    }.items():
        expect(dialog).to_have_css(name, value)
    expect(page.get_by_role("button", name="Send")).to_have_css("background-color", "rgb(200, 0, 0)")


def test_targets_are_large_and_nameable_and_nothing_moves(site: Site, api: Api) -> None:
    api.answer = lambda question: {**several(question), "standalone": "Searched so"}
    page = site.open('data-examples="One?"')
    assert float(field_of(page).evaluate("node => parseFloat(getComputedStyle(node).fontSize)")) >= 16
    article = ask(page, "Refunds?")
    for summary in article.locator("summary").all():
        summary.click()
    targets = page.locator("qa-box :is(button, summary, a, textarea):visible").evaluate_all(
        "all => all.map(node => [(node.ariaLabel || node.textContent).trim(), "
        "Math.min(node.getBoundingClientRect().width, node.getBoundingClientRect().height)])"
    )
    assert len(targets) > 8
    assert [name for name, size in targets if not name or size < 24] == []
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_focus_is_visible(site: Site) -> None:
    page = site.open()
    page.keyboard.press("Tab")
    assert active(page) == "button Send"
    expect(page.get_by_role("button", name="Send")).to_have_css("outline-style", "solid")


# ---- The files


def test_the_source_is_small_and_uses_nothing_that_reads_html_or_code() -> None:
    assert len(SOURCE.encode()) < 24_000
    banned = r"(inner|outer|Adjacent|set)HTML|document\.write|DOMParser|\beval\b|new Function"
    assert re.findall(banned, SOURCE) == []
    assert re.findall(r"\bimport\([^)]*\)", SOURCE) == ["import(new URL(manifest.box, index)"]  # data-index's own
    assert max(map(len, (HERE / "widget.js").read_text().splitlines())) <= 120


def test_the_embed_page_shows_all_three_forms_under_a_strict_policy(site: Site, api: Api) -> None:
    complaints: list[str] = []
    site.page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    html = (HERE / "embed.html").read_text()
    for name, value in {"{origin}": api.origin, "{title}": 'Handbook "A" & <B>'}.items():
        html = html.replace(name, escape(value))
    assert "{" not in html
    o = api.origin
    policy = f"default-src 'none'; script-src {o}; style-src {o}; connect-src {o}; frame-src {o}"
    site.server.state = html, policy
    page = site.page
    page.goto(site.server.origin)
    expect(page.get_by_role("button", name='Handbook "A" & <B>')).to_be_visible()
    expect(page.get_by_role("region", name='Handbook "A" & <B>')).to_be_visible()
    assert page.locator("iframe").get_attribute("src") == f"{o}/"
    for code in page.locator("pre code").all_inner_texts():
        assert o in code and "{" not in code
    assert [text for text in complaints if "404" not in text and "favicon" not in text] == []

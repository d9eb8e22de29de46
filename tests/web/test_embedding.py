"""The question box in pages of another origin, in Chromium, asking the real server."""

import re
import threading
from collections.abc import Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Frame, Locator, Page, expect
from serving import serving
from support import CORPUS, markdown
from web.browser import CHROMIUM, ready

from qa import Assistant, Document, Settings
from qa.encoder.base import Encoder

HOSTILE = (
    "The lighthouse keeper is <script>window.bad = 1</script> <img src=x onerror='window.bad = 2'> named "
    "![x](http://example.com/x.png) [Ada](javascript:alert(1)) **Quill**."
)
HOSTILE_CSS = "body * { all: unset !important; display: none !important } qa-box { opacity: 0 !important }"
QUESTION = "Why is it called the City of Black Gold?"
QUOTE = "historical association with coal"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


class Site:
    """A site of an origin of its own: one page at every address, with its policy."""

    def __init__(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = site.html.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if site.policy:
                    self.send_header("Content-Security-Policy", site.policy)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.html = self.policy = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def stranger() -> Iterator[Site]:
    stranger = Site()
    yield stranger
    stranger.stop()


@pytest.fixture(scope="module")
def server(encoder: Encoder, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    demo = (CORPUS / "novokuznetsk.md").read_text("utf-8")
    documents = [
        markdown("novokuznetsk.md", "Novokuznetsk", demo),
        Document("hostile.md", "Hostile <b>title</b>", HOSTILE),
    ]
    feedback = tmp_path_factory.mktemp("feedback") / "feedback.sqlite"
    settings = Settings(origins=f"{site.origin} null", feedback=str(feedback), rate=10_000)
    with serving(settings, lambda: Assistant.from_documents(documents, encoder)) as address:
        yield address


@pytest.fixture
def context(browser: Browser, server: str, site: Site, stranger: Site) -> Iterator[BrowserContext]:
    """A browser's context in which no page may ask any other host for anything."""
    context = browser.new_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    yield context
    context.close()
    own = (server, site.origin, stranger.origin, "data:", "blob:", "file:")
    assert asked
    assert [url for url in asked if not url.startswith(own)] == []


def opened(context: BrowserContext, site: Site, body: str, policy: str = "") -> Page:
    site.html, site.policy = f"<!doctype html><html lang=en><title>Host</title>{body}", policy
    page = context.new_page()
    page.goto(site.origin)
    return page


def script(server: str, attributes: str = "") -> str:
    return f'<script type="module" src="{server}/widget.js" {attributes}></script>'


def ask(box: Page | Locator | Frame, question: str) -> Locator:
    field = box.locator("qa-box textarea")
    before = box.locator("qa-box article").count()
    field.fill(question)
    field.press("Enter")
    answer = box.locator("qa-box article").nth(before)
    expect(answer.locator(".wrap")).to_be_visible(timeout=30_000)
    return answer


def launch(page: Page) -> None:
    page.get_by_role("button", name="Ask the documents").click()


def test_the_floating_box_gets_a_cited_answer_whose_source_opens_with_the_quote_marked(
    context: BrowserContext, site: Site, server: str
) -> None:
    page = opened(context, site, script(server))
    launch(page)
    answer = ask(page, QUESTION)
    expect(answer.locator("blockquote").first).to_contain_text(QUOTE)
    answer.locator("summary").first.click()
    with context.expect_page() as opening:
        answer.get_by_role("link", name="Open the source").first.click()
    mark = opening.value.locator("mark#quote")
    expect(mark).to_contain_text(re.compile(r"historical\s+association\s+with\s+coal"))
    expect(mark).to_be_in_viewport()
    assert opening.value.evaluate("scrollY") > 0


def test_the_box_in_the_page_gets_a_cited_answer_and_its_thumb_is_kept(
    context: BrowserContext, site: Site, server: str
) -> None:
    page = opened(context, site, f"<main><qa-box></qa-box></main>{script(server, 'data-button=off')}")
    answer = ask(page, "Which river is the port on?")
    expect(answer.locator("blockquote").first).to_contain_text("Tom River")
    answer.get_by_role("button", name="Helpful", exact=True).click()
    expect(answer.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    refused = ask(page, "Who won the 1998 World Cup?")
    expect(refused.locator("strong")).to_have_text("The documents don't say.")
    expect(refused.locator("details")).to_have_count(3)


def test_a_follow_up_in_the_box_is_searched_as_it_is_shown(context: BrowserContext, site: Site, server: str) -> None:
    page = opened(context, site, f"<qa-box></qa-box>{script(server, 'data-button=off')}")
    ask(page, "What is Novokuznetsk known for?")
    expect(ask(page, "Why?").locator("small").first).to_contain_text("Why? (What is Novokuznetsk known for?)")


def test_it_works_under_a_strict_policy_and_hostile_styles(context: BrowserContext, site: Site, server: str) -> None:
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {server}; connect-src {server}"
    page = opened(context, site, f"<style>{HOSTILE_CSS}</style>{script(server)}", policy)
    box = page.locator("qa-box")
    expect(box.get_by_role("button", name="Ask the documents")).to_be_visible()
    launch(page)
    expect(ask(page, QUESTION).locator("blockquote").first).to_be_visible()


def test_it_works_in_a_page_that_was_opened_from_a_file(context: BrowserContext, server: str, tmp_path: Path) -> None:
    path = tmp_path / "host.html"
    path.write_text(f"<!doctype html>{script(server)}", "utf-8")
    page = context.new_page()
    page.goto(path.as_uri())
    launch(page)
    expect(ask(page, QUESTION).locator("blockquote").first).to_contain_text(QUOTE)


def test_a_page_that_is_not_listed_can_neither_load_ask_nor_frame(
    context: BrowserContext, stranger: Site, server: str
) -> None:
    page = opened(context, stranger, f"<qa-box></qa-box>{script(server)}<iframe src='{server}/'></iframe>")
    asked = page.evaluate(
        """server => fetch(server + "/api/ask", {method: "POST", headers: {"Content-Type": "application/json"},
            body: '{"question": "Who?"}'}).then(() => "answered", () => "refused")""",
        server,
    )
    simple = page.evaluate(
        """server => fetch(server + "/api/ask", {method: "POST", mode: "no-cors", body: '{"question": "Who?"}'})
            .then(answer => answer.type)""",
        server,
    )
    assert (asked, simple) == ("refused", "opaque")
    assert page.locator("qa-box textarea").count() == 0
    page.wait_for_timeout(500)
    frame = page.frames[-1]
    assert frame.locator("textarea").count() == 0
    assert "chrome-error" in frame.url


def test_a_listed_page_may_frame_the_chat_page(context: BrowserContext, site: Site, server: str) -> None:
    page = opened(context, site, f"<iframe src='{server}/' width=600 height=700 title=Ask></iframe>")
    frame = page.frame_locator("iframe")
    ready(frame)
    frame.get_by_label("Question", exact=True).fill("Which river is the port on?")
    frame.get_by_label("Question", exact=True).press("Enter")
    expect(frame.locator("blockquote").first).to_contain_text("Tom River", timeout=60_000)


def test_a_hostile_document_is_text_in_the_box_and_on_its_source_page(
    context: BrowserContext, site: Site, server: str
) -> None:
    page = opened(context, site, f"<qa-box></qa-box>{script(server, 'data-button=off')}")
    answer = ask(page, "Who is the <i>lighthouse</i> keeper?")
    expect(answer.locator("h3")).to_have_text("Who is the <i>lighthouse</i> keeper?")
    answer.locator("summary", has_text="Hostile <b>title</b>").first.click()
    expect(answer).to_contain_text("<script>window.bad = 1</script>")
    assert answer.locator("img, script, a[href^='javascript'], i, b").count() == 0
    source = context.new_page()
    source.goto(f"{server}/source/hostile.md?start=0&end=30#quote")
    expect(source.locator("main")).to_contain_text("<img src=x onerror='window.bad = 2'>")
    assert source.locator("main").locator("img, script, a, i, b").count() == 0
    for each in (page, source):
        assert each.evaluate("window.bad") is None


def test_the_box_is_used_by_keyboard_alone(context: BrowserContext, site: Site, server: str) -> None:
    page = opened(context, site, script(server))
    page.get_by_role("button", name="Ask the documents").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator("qa-box blockquote").first).to_contain_text(QUOTE, timeout=30_000)
    for _ in range(12):
        if page.evaluate("document.querySelector('qa-box').shadowRoot.activeElement?.tagName") == "SUMMARY":
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("qa-box mark").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Ask the documents")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_barrier(browser: Browser, site: Site, server: str, theme: str) -> None:
    page = browser.new_page(color_scheme=theme)
    page.goto(server)
    ready(page)
    page.get_by_label("Question", exact=True).fill(QUESTION)
    page.get_by_label("Question", exact=True).press("Enter")
    page.locator(".qa-sources summary").first.click(timeout=60_000)
    expect(page.locator(".qa-sources mark").first).to_be_visible()
    assert _barriers(page) == []
    page.goto(f"{server}/source/novokuznetsk.md?start=100&end=190#quote")
    assert _barriers(page) == []
    page.goto(f"{server}/embed")
    expect(ask(page.locator("main"), QUESTION).locator("blockquote").first).to_be_visible()
    assert _barriers(page) == []
    site.html = f"<!doctype html><html lang=en><title>Host</title><main><h1>Host</h1></main>{script(server)}"
    site.policy = ""
    page.goto(site.origin)
    launch(page)
    answer = ask(page, QUESTION)
    answer.locator("summary").first.click()
    ask(page, "Who won the 1998 World Cup?")
    assert _barriers(page) == []
    page.close()


def test_the_embed_page_shows_each_form_with_the_line_to_copy(context: BrowserContext, server: str) -> None:
    page = context.new_page()
    page.goto(f"{server}/embed")
    lines = page.locator("pre").all_text_contents()
    assert f'<script type="module" src="{server}/widget.js" data-title="Ask the documents"></script>' in lines
    expect(ask(page.locator("main"), QUESTION).locator("blockquote").first).to_contain_text(QUOTE)
    expect(page.frame_locator("iframe").get_by_label("Question", exact=True)).to_be_visible(timeout=30_000)


def test_a_title_is_shown_as_text_on_the_embed_page(encoder: Encoder) -> None:
    document = Document("a.md", "A", "The port of Elm is on the Ash.")
    title = 'Ask <b>us</b> & "others"'
    with serving(Settings(title=title), lambda: Assistant.from_documents([document], encoder)) as address:
        html = httpx.get(f"{address}/embed").text
    assert escape(title) in html
    assert title not in html


def _barriers(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {node['html'][:120]}" for v in found for node in v["nodes"]]

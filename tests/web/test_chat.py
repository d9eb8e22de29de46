"""The chat page as a visitor uses it: what it suggests, shows, keeps and says, on a desk, on a phone and in a frame."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect
from serving import serving
from support import CORPUS, markdown
from web.browser import CHROMIUM, ready

from qa import Assistant, Settings
from qa.answer.reader import ABSTENTION
from qa.answer.schema import UNSURE
from qa.encoder.base import Encoder
from qa.types import REASONS
from qa.web.record import Record
from qa.web.words import ALL, LANGUAGES, language_of, words

HANDBOOK = Path(__file__).parents[3] / "shared" / "evaldata" / "manuals" / "basecamp" / "documents"
PHONE = {"width": 360, "height": 740}
JOIN = re.compile("/gradio_api/queue/join")

expect.set_options(timeout=30_000)  # the machines that run this are slow at times
browsing = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback") / "feedback.sqlite"


@pytest.fixture(scope="module")
def address(encoder: Encoder, feedback: Path) -> Iterator[str]:
    demo = markdown("novokuznetsk.md", "Novokuznetsk", (CORPUS / "novokuznetsk.md").read_text("utf-8"))
    settings = Settings(feedback=str(feedback), rate=10_000)
    with serving(settings, lambda: Assistant.from_documents([demo], encoder)) as address:
        yield address


@contextmanager
def visiting(browser: Browser, address: str, **context: object) -> Iterator[Page]:
    page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
    page.goto(address)
    yield page
    page.context.close()


def ask(page: Page, question: str) -> None:
    before = page.locator(".qa-answer").count()
    page.locator("#qa-ask textarea").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".qa-answer")).to_have_count(before + 1, timeout=60_000)


def is_in_view(page: Page, selector: str) -> bool:
    """Whether all of the last such element is seen within the conversation."""
    found = page.evaluate(
        """selector => { const log = document.querySelector(".qa-log").getBoundingClientRect();
            const all = document.querySelectorAll(selector), box = all[all.length - 1].getBoundingClientRect();
            return log.top <= box.top && box.bottom <= log.bottom && log.bottom <= innerHeight && scrollY === 0; }""",
        selector,
    )
    return bool(found)


@browsing
def test_on_a_phone_each_question_is_scrolled_to_and_nothing_covers_the_field(browser: Browser, address: str) -> None:
    def later(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    with visiting(browser, address, viewport=PHONE) as page:
        ready(page)
        ask(page, "What is Novokuznetsk known for?")
        ask(page, "Which river is the port on?")
        page.route(JOIN, later)
        page.locator("#qa-ask textarea").fill("Who won the 1998 World Cup?")
        page.keyboard.press("Enter")
        expect(page.locator(".qa-searching")).to_have_text("Searching…")
        expect(page.locator("#qa-ask textarea")).to_have_value("")
        assert is_in_view(page, ".qa-question") and is_in_view(page, ".qa-searching")
        covering = """() => { const at = document.querySelector("#qa-ask textarea").getBoundingClientRect();
            return document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2).tagName; }"""
        assert page.evaluate(covering) == "TEXTAREA"
        expect(page.locator(".qa-answer")).to_have_count(3)
        assert is_in_view(page, ".qa-question") and is_in_view(page, ".qa-abstained strong")


@browsing
@pytest.mark.skipif(not HANDBOOK.is_dir(), reason="the handbook isn't here")
def test_the_third_answer_of_the_handbook_is_in_view_on_a_phone(
    browser: Browser, empty_index: Path, encoder: Encoder
) -> None:
    with (
        serving(Settings(), lambda: Assistant.open(HANDBOOK, empty_index, encoder)) as address,
        visiting(browser, address, viewport=PHONE) as page,
    ):
        for question in ("What is Queenbee?", "How many vacation days do I get?", "Who provides the dental insurance?"):
            ask(page, question)
        assert is_in_view(page, ".qa-question")
        assert is_in_view(page, "article:last-child .qa-answer :is(blockquote, strong)")


@browsing
def test_the_page_suggests_only_what_it_answers_and_the_greeting_names_the_same(browser: Browser, address: str) -> None:
    with visiting(browser, address) as page:
        examples = page.locator(".qa-greeting .qa-example")
        expect(examples).to_have_count(4, timeout=60_000)
        texts = examples.all_text_contents()
        ask(page, "Hello")
        suggested = page.locator("article .qa-example")
        assert suggested.all_text_contents() == texts[:3]
        for number, text in enumerate(texts):
            page.get_by_role("button", name="Clear").click()
            examples.nth(number).click()
            expect(page.locator(".qa-question")).to_have_text(text)
            expect(page.locator("blockquote").first).to_be_visible()
            assert page.locator(".qa-unsure, .qa-abstained").count() == 0


@browsing
def test_a_conversation_survives_a_reload_and_what_was_asked_before_is_still_known(
    browser: Browser, address: str
) -> None:
    with visiting(browser, address) as page:
        ask(page, "What is Novokuznetsk known for?")
        page.reload()
        expect(page.locator("blockquote").first).to_be_visible()
        expect(page.locator(".qa-greeting")).to_be_hidden()
        ready_again = page.locator(".qa-greeting p")
        expect(ready_again).to_contain_text("Ask a question", timeout=60_000)
        ask(page, "Why?")
        expect(page.locator(".qa-searched")).to_contain_text("(What is Novokuznetsk known for?)")
        page.get_by_role("button", name="Clear").click()
        page.reload()
        ready(page)
        assert page.locator("article").count() == 0
        page.evaluate("localStorage.setItem('question-box', '[{]')")
        page.reload()
        ready(page)


@browsing
def test_an_answer_to_what_was_cleared_meanwhile_is_not_shown(browser: Browser, address: str) -> None:
    def later(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    with visiting(browser, address) as page:
        ready(page)
        page.route(JOIN, later)
        page.locator("#qa-ask textarea").fill("Who won the 1998 World Cup?")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Clear").click()
        page.locator("#qa-ask textarea").fill("Which river is the port on?")
        page.keyboard.press("Enter")
        expect(page.locator("blockquote")).to_contain_text("Tom River")
        expect(page.locator("article")).to_have_count(1)


@browsing
def test_a_link_to_an_answer_asks_its_question_once(browser: Browser, address: str) -> None:
    with visiting(browser, f"{address}/?q=Which%20river%20is%20the%20port%20on%3F") as page:
        expect(page.locator("blockquote")).to_contain_text("Tom River", timeout=60_000)
        assert page.url == f"{address}/"
        link = page.get_by_role("link", name="Link", exact=True)
        assert link.evaluate("link => link.href") == f"{address}/?q=Which%20river%20is%20the%20port%20on%3F"
        page.goto(link.evaluate("link => link.href"))
        ready_again = page.locator(".qa-greeting p")
        expect(ready_again).to_contain_text("Ask a question", timeout=60_000)
        expect(page.locator("article")).to_have_count(1)


@browsing
def test_an_answer_is_copied_with_its_place_and_judged(browser: Browser, address: str, feedback: Path) -> None:
    with visiting(browser, address, permissions=["clipboard-read", "clipboard-write"]) as page:
        ask(page, "Which river is the port on?")
        page.get_by_role("button", name="Copy").click()
        expect(page.locator(".qa-actions output")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert "port on the Tom River" in copied
        assert "Novokuznetsk › Transportation and logistics\n" in copied
        assert f"\n{address}/source/novokuznetsk.md?start=" in copied
        page.get_by_role("link", name="Link", exact=True).click()
        expect(page.locator("article")).to_have_count(1)
        assert page.evaluate("navigator.clipboard.readText()").startswith(f"{address}/?q=Which")
        page.get_by_role("button", name="Helpful", exact=True).click()
        expect(page.locator(".qa-actions output")).to_have_text("Thank you")
        page.reload()
        expect(page.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    assert [(row.question, row.verdict) for row in Record(feedback).rows()] == [("Which river is the port on?", "up")]


@browsing
def test_a_question_that_gets_no_answer_says_so_below_it_and_is_asked_again(browser: Browser, address: str) -> None:
    with visiting(browser, address) as page:
        ready(page)
        page.route(JOIN, lambda route: route.fulfill(status=429, json={"error": "too many requests"}))
        page.locator("#qa-ask textarea").fill("Which river is the port on?")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("No answer came")
        page.unroute(JOIN)
        page.get_by_role("button", name="Retry").click()
        expect(page.locator("blockquote")).to_contain_text("Tom River")
        expect(page.locator("article")).to_have_count(1)


@browsing
@pytest.mark.parametrize(
    ("locale", "scheme", "refusal"),
    [
        ("ru-RU", "dark", "В документах этого нет."),
        ("de-AT", "light", "Das steht nicht in den Dokumenten."),
        ("es-MX", "dark", "Los documentos no lo dicen."),
    ],
)
def test_all_words_of_the_page_are_in_the_browsers_language(
    browser: Browser, address: str, locale: str, scheme: str, refusal: str
) -> None:
    said = words(locale[:2])
    with visiting(browser, address, locale=locale, color_scheme=scheme, viewport=PHONE) as page:
        expect(page.locator(".qa-greeting p")).to_have_text(said["begin"], timeout=60_000)
        assert page.title() == said["page_title"]
        assert page.locator("html").get_attribute("lang") == locale[:2]
        expect(page.locator("#qa-ask textarea")).to_have_attribute("placeholder", said["question_hint"])
        expect(page.locator("#qa-send")).to_have_text(said["ask"])
        ask(page, "Who won the 1998 World Cup?")
        expect(page.locator(".qa-abstained strong").last).to_have_text(refusal)
        ask(page, "Hello")
        expect(page.locator(".qa-abstained strong").last).to_have_text(said["said_greeting"])
        ask(page, "Wer hat die Brücke über den Fluss gebaut?")
        expect(page.locator(".qa-abstained strong").last).to_have_text(said["said_foreign"].replace("{n}", "English"))
        assert page.get_by_text(re.compile(r"Open the source|Helpful|Searching|Nearest")).count() == 0
        page.wait_for_function("document.getAnimations().length === 0")  # colours on their way
        found = Axe().run(page).response["violations"]
        assert [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]] == []


@browsing
def test_in_a_frame_on_a_phone_everything_is_within_reach(browser: Browser, address: str) -> None:
    with visiting(browser, f"{address}/embed", viewport=PHONE) as page:
        frame = page.frame_locator("iframe")
        ready(frame)
        assert page.evaluate("scrollY") == 0  # the page that has the frame stays where it was
        frame.locator("#qa-ask textarea").scroll_into_view_if_needed(timeout=60_000)
        bounds = page.locator("iframe").bounding_box()
        assert bounds
        for name in ("h1", "#qa-ask textarea", "#qa-send", ".qa-greeting p"):
            box = frame.locator(name).bounding_box()
            assert box and bounds["x"] < box["x"] and box["x"] + box["width"] < bounds["x"] + bounds["width"], name
            assert bounds["y"] < box["y"] and box["y"] + box["height"] < bounds["y"] + bounds["height"], name
        frame.locator("#qa-ask textarea").fill("Which river is the port on?")
        frame.locator("#qa-send").click()
        expect(frame.locator("blockquote")).to_be_in_viewport()
        assert frame.locator("html").evaluate("page => page.scrollWidth - page.clientWidth") == 0


def test_title_description_icon_and_preview_are_the_owners(encoder: Encoder, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    ports = markdown("ports.md", "Ports", "The port of Elm is on the Ash.")
    settings = Settings(title='Ports & "<b>"', about="All about </script> ports.", logo=str(logo))
    with serving(settings, lambda: Assistant.from_documents([ports], encoder)) as address:
        html = httpx.get(address, headers={"Accept-Language": "de-AT, en;q=0.5"}).text
        assert httpx.get(f"{address}/logo").text == logo.read_text()
        assert httpx.get(f"{address}/favicon.ico").text == logo.read_text()
    head = html[: html.index("</head>")]
    assert "<title>Ports &amp; &quot;&lt;b&gt;&quot;</title>" in head
    assert '<meta name="description" content="All about &lt;/script&gt; ports.">' in head
    assert '<meta property="og:title" content="Ports &amp; &quot;&lt;b&gt;&quot;">' in head
    assert f'<meta property="og:image" content="{address}/logo">' in head
    assert 'lang="de"' in html[:200]
    assert re.findall(r"(?i)[^<]*raw\.githubusercontent[^>]*|content=\"[^\"]*gradio[^\"]*\"", head) == []


def test_without_an_owners_title_and_logo_they_are_ours(address: str) -> None:
    html = httpx.get(address, headers={"Accept-Language": "ru"}).text
    assert f"<title>{words('ru')['page_title']}</title>" in html
    assert f'<meta property="og:image" content="{address}/icon.png">' in html
    for icon in ("icon.svg", "icon.png", "favicon.ico"):
        assert httpx.get(f"{address}/{icon}").status_code == 200
    assert httpx.get(f"{address}/logo").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, ru;q=0.5, en;q=0.7", "en"),
        ("", "en"),
        ("*;q=1.2.3", "en"),
        ("ES-419", "es"),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_best(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_everything_is_said_in_every_language_and_refusals_as_the_core_says_them() -> None:
    assert all(len(said) == len(LANGUAGES) and all(said) for part in ("box", "page") for said in ALL[part].values())
    assert {f"said_{reason}" for reason in REASONS} <= ALL["box"].keys()
    assert words("en")["said_abstained"] == ABSTENTION
    assert words("en")["unsure"] == UNSURE

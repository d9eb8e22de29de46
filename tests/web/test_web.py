"""The chat page, in a real browser against the real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from serving import serving
from support import markdown
from web.browser import CHROMIUM, ready

from qa import Assistant, Document, Settings
from qa.encoder.base import Encoder

SCREENSHOTS = Path(__file__).parent / "screenshots"

HOSTILE = (
    "The lighthouse keeper is <script>window.bad = 1</script> <img src=x onerror='window.bad = 2'> named "
    "![x](http://example.com/x.png) [Ada](javascript:alert(1)) {{7*7}} ${7*7} **Quill**."
)

expect.set_options(timeout=30_000)  # the machines that run this are slow at times
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def address(encoder: Encoder) -> Iterator[str]:
    demo = (Path(__file__).parents[2] / "corpus" / "novokuznetsk.md").read_text("utf-8")
    documents = [
        markdown("novokuznetsk.md", "Novokuznetsk", demo),
        Document("hostile.md", "Hostile <b>title</b>", HOSTILE),
    ]
    with serving(Settings(), lambda: Assistant.from_documents(documents, encoder)) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(address)
    yield page
    page.close()


def ask(page: Page, question: str) -> None:
    before = page.locator(".qa-answer").count()
    if not before:
        ready(page)
    page.get_by_label("Question", exact=True).fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".qa-answer")).to_have_count(before + 1, timeout=60_000)


def test_answer_is_quoted_and_its_source_opens_with_the_quote_marked(page: Page) -> None:
    ask(page, "Why is it called the City of Black Gold?")
    expect(page.locator("blockquote").first).to_contain_text("historical association with coal")
    source = page.locator(".qa-sources details").first
    expect(source.locator("mark")).to_be_hidden()
    source.locator("summary").click()
    expect(source.locator("summary")).to_contain_text("Novokuznetsk › Coal mining")
    expect(source.locator("mark").first).to_contain_text("historical association with coal")


def test_what_the_documents_do_not_hold_is_declined_with_the_nearest_passages(page: Page) -> None:
    ask(page, "Who won the 1998 World Cup?")
    expect(page.locator(".qa-abstained")).to_contain_text("The documents don't say")
    expect(page.locator(".qa-abstained details")).to_have_count(3)
    expect(page.locator("blockquote")).to_have_count(0)


def test_an_unsure_answer_says_so_and_shows_its_quote_within_its_passage(browser: Browser, encoder: Encoder) -> None:
    document = markdown("elm.md", "Elm", "# Elm\n\nThe port of Elm was built in 1912. It lies on the river Ash.")
    unsure = Assistant.from_documents([document], encoder, threshold=0, sure=1)
    with serving(Settings(), lambda: unsure) as address:
        page = browser.new_page()
        page.goto(address)
        ask(page, "When was the port of Elm built?")
        expect(page.locator(".qa-unsure")).to_have_text("Not sure, the closest is:")
        expect(page.locator("blockquote").first).to_contain_text("built in 1912")
        expect(page.locator(".qa-sources mark").first).to_be_visible()
        page.close()


def test_a_follow_up_shows_what_was_searched_and_lets_it_be_edited(page: Page) -> None:
    ask(page, "What is Novokuznetsk known for?")
    expect(page.locator(".qa-searched")).to_have_count(0)
    ask(page, "Why?")
    expect(page.locator(".qa-searched")).to_contain_text("Searched: Why? (What is Novokuznetsk known for?)")
    page.locator(".qa-searched").get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Question", exact=True)).to_be_focused()
    expect(page.get_by_label("Question", exact=True)).to_have_value("Why? (What is Novokuznetsk known for?)")


def test_an_example_is_asked_when_it_is_chosen_and_clear_empties_the_conversation(page: Page) -> None:
    page.get_by_role("button", name="What is Novokuznetsk?").click(timeout=60_000)
    expect(page.locator("blockquote").first).to_contain_text("a city in the Kemerovo Oblast")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".qa-answer")).to_have_count(0)
    expect(page.get_by_role("button", name="What is Novokuznetsk?")).to_be_visible()


def test_the_page_is_used_by_keyboard_alone(page: Page) -> None:
    ready(page)
    _tab_to(page, "Tab", "TEXTAREA")
    page.keyboard.type("Which river is its port on?")
    page.keyboard.press("Enter")
    expect(page.locator("blockquote").first).to_contain_text("Tom River", timeout=60_000)
    _tab_to(page, "Shift+Tab", "SUMMARY")
    page.keyboard.press("Enter")
    expect(page.locator("mark").first).to_be_visible()


def test_the_api_of_the_page_is_called_ask(address: str) -> None:
    from gradio_client import Client

    answer = Client(address, verbose=False).predict("Which river is its port on?", api_name="/ask")
    assert answer["citations"][0]["heading"] == "Transportation and logistics"


def _tab_to(page: Page, key: str, element: str) -> None:
    for _ in range(20):
        if page.evaluate("document.activeElement.tagName") == element:
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not reach a {element}")


def test_texts_of_documents_and_questions_are_never_read_as_html_or_markdown(page: Page) -> None:
    ask(page, "Who is the <i>lighthouse</i> keeper? ![x](http://example.com/y.png)")
    page.locator(".qa-sources summary", has_text="Hostile <b>title</b>").first.click()
    expect(page.locator(".qa-sources")).to_contain_text(HOSTILE)
    expect(page.locator(".qa-question")).to_contain_text("<i>lighthouse</i>")
    assert page.evaluate("window.bad") is None
    assert page.locator(".qa-answer img, .qa-answer script, .qa-answer strong").count() == 0
    assert {a.get_attribute("href")[:7] for a in page.locator(".qa-sources a").all()} == {"source/"}


def test_no_request_of_a_whole_conversation_goes_to_another_host(browser: Browser, address: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    ask(page, "Which river is its port on?")
    page.locator("summary").first.click()
    ask(page, "Who won the 1998 World Cup?")
    page.close()
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 1000), ("light", 360)])
def test_page_fits_in_both_themes_and_on_a_narrow_screen(
    browser: Browser, address: str, scheme: str, width: int
) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 760})
    page.goto(address)
    ask(page, "Which river is its port on?")
    page.locator("summary").first.click()
    expect(page.locator("mark").first).to_be_visible()
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"chat-{scheme}-{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.close()
    light = sum(int(part) for part in background.strip("rgba()").split(",")[:3]) > 382
    assert light == (scheme == "light")

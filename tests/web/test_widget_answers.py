"""Answers in the widget: quotes, sources, abstentions, thumbs, copying, clearing."""

import re
import threading
from functools import partial

import pytest
from playwright.sync_api import expect
from web.browser import CHROMIUM
from web.widget import (
    REFUNDS,
    SHIPPING,
    Api,
    Site,
    abstention,
    active,
    ask,
    cite,
    field_of,
    passage,
    problem,
    result,
    several,
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


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

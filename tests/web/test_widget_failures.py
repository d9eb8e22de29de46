"""The widget when the server fails, is slow or refuses."""

import threading
import time

import pytest
from playwright.sync_api import expect
from web.browser import CHROMIUM
from web.widget import Api, Site, active, ask, field_of, problem

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


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

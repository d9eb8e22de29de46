"""The widget's panel: opening, closing, the keyboard, what it keeps from page to page."""

import time

import pytest
from playwright.sync_api import expect
from web.browser import CHROMIUM
from web.widget import Api, Site, active, ask, cite, field_of, passage, result

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


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

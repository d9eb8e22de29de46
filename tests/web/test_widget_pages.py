"""The widget in all kinds of pages."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from web.browser import CHROMIUM
from web.widget import PHONE, Api, Site, ask, cite, passage, result, several

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


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

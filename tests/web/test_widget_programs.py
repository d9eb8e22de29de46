"""The widget as programs use it: methods, events, and options that are set later."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from web.browser import CHROMIUM
from web.widget import Api, Site, abstention, active, ask, cite, field_of, passage, result

from qa.web.words import ALL

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "packages" / "question-box-widget"
DARK, LIGHT = "rgb(15, 23, 42)", "rgb(255, 255, 255)"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def test_a_program_opens_asks_clears_and_closes_and_hears_of_it(site: Site, api: Api) -> None:
    page = site.load()
    page.evaluate("""() => {
      window.heard = [];
      for (const name of ['qa-open', 'qa-answer', 'qa-error'])
        document.addEventListener(name, ({ type, detail }) => heard.push([type, detail?.answer ?? detail?.message]));
      window.box = document.querySelector('qa-box');
    }""")
    answer = page.evaluate("box.ask('Is shipping free?')")
    assert answer["citations"][0]["quote"] == "Shipping is free above 40 €."
    expect(page.get_by_role("dialog")).to_be_visible()
    api.replies = [(422, {}, {"error": "question: too long"})]
    assert page.evaluate("box.ask('Again?')") is None
    assert page.evaluate("heard") == [
        ["qa-open", None],
        ["qa-answer", "Shipping is free above 40 €."],
        ["qa-error", "question: too long"],
    ]
    page.evaluate("box.clear()")
    expect(page.locator("qa-box article")).to_have_count(0)
    page.evaluate("box.close()")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.evaluate("box.open()")
    assert active(page).startswith("textarea")


def test_a_listener_can_ask_the_next_question(site: Site, api: Api) -> None:
    page = site.load()
    page.evaluate("""() => {
      const box = document.querySelector('qa-box');
      box.addEventListener('qa-answer', () => box.ask('And then?'), { once: true });
      return box.ask('First?');
    }""")
    expect(page.locator("qa-box blockquote")).to_have_count(2)
    assert [body["question"] for body in api.asked] == ["First?", "And then?"]


def test_options_are_obeyed_whenever_they_are_set(site: Site, api: Api) -> None:
    api.answer = lambda question: abstention(question) | {"reason": "abstained"}
    page = site.load("data-button=off", body="<qa-box></qa-box>")
    article = ask(page, "What of the moon?")
    field_of(page).fill("half a ques")
    options = {"title": "Ask us", "examples": "One?", "lang": "de", "token": "abc", "accent": "#800000"}
    page.evaluate("options => Object.assign(document.querySelector('qa-box').dataset, options)", options)
    expect(page.get_by_role("region", name="Ask us")).to_be_visible()
    expect(page.get_by_role("button", name="Senden")).to_have_css("background-color", "rgb(128, 0, 0)")
    expect(article.locator("strong")).to_have_text("Das steht nicht in den Dokumenten.")
    assert field_of(page).input_value() == "half a ques"
    field_of(page).press("Enter")
    expect(page.locator("qa-box strong")).to_have_count(2)
    assert api.headers[-1]["authorization"] == "Bearer abc"
    page.evaluate("delete document.querySelector('qa-box').dataset.title")
    page.evaluate("document.querySelector('script').dataset.title = 'From the script'")
    expect(page.get_by_role("region", name="From the script")).to_be_visible()
    page.get_by_role("button", name="Leeren").click()
    expect(page.get_by_role("button", name="One?")).to_be_visible()


def test_a_box_that_is_made_and_set_up_by_a_program_asks_its_own_server(site: Site, api: Api) -> None:
    page = site.load("data-button=off", body="")
    page.evaluate("server => document.body.append(document.createElement('qa-box'))", api.origin)
    page.evaluate("server => document.querySelector('qa-box').dataset.server = server", f"{api.origin}/late")
    ask(page, "Is shipping free?")
    assert "/late/api/ask" in api.paths and "/api/ask" not in api.paths


def test_it_follows_the_pages_own_dark_toggle(site: Site) -> None:
    style = "<style>.dark { color-scheme: dark } .light { color-scheme: light }</style>"
    page = site.open(head=style, body="<main>A site</main>")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_css("background-color", LIGHT)
    page.evaluate("document.body.className = 'dark'")
    expect(dialog).to_have_css("background-color", DARK)
    page.emulate_media(color_scheme="dark")
    page.evaluate("document.body.className = 'light'")
    expect(dialog).to_have_css("background-color", LIGHT)
    page.evaluate("document.querySelector('qa-box').dataset.theme = 'dark'")
    expect(dialog).to_have_css("background-color", DARK)
    page.evaluate("document.querySelector('qa-box').dataset.theme = 'auto'")
    expect(dialog).to_have_css("background-color", LIGHT)


def test_it_follows_a_toggle_that_is_only_an_attribute_of_the_page(site: Site) -> None:
    page = site.open(html="lang=en data-theme=dark")
    expect(page.get_by_role("dialog")).to_have_css("background-color", DARK)
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    expect(page.get_by_role("dialog")).to_have_css("background-color", LIGHT)


def test_a_theme_that_changes_leaves_an_opened_source_open(site: Site) -> None:
    page = site.open()
    article = ask(page, "Is shipping free?")
    article.locator("summary").click()
    page.evaluate("document.querySelector('qa-box').dataset.theme = 'dark'")
    expect(page.get_by_role("dialog")).to_have_css("background-color", DARK)
    expect(article.locator("mark")).to_be_visible()


def test_the_context_is_sent_along(site: Site, api: Api) -> None:
    ask(site.open('data-context="guide/install.md"'), "How do I install it?")
    assert api.asked[0] == {"question": "How do I install it?", "history": [], "context": "guide/install.md"}


def test_a_logo_stands_before_the_title(site: Site) -> None:
    page = site.open(f'data-logo="{PIXEL}"')
    expect(page.locator("qa-box header img")).to_have_attribute("src", PIXEL)
    page.evaluate("delete document.querySelector('script').dataset.logo")
    expect(page.locator("qa-box header img")).to_be_hidden()


@pytest.mark.parametrize("days", [0, 30])
def test_it_says_whether_questions_are_recorded(site: Site, api: Api, days: int) -> None:
    api.health = {"status": "ready", "feedback": True, "recorded": days}
    page = site.open()
    expect(page.locator("qa-box .root")).to_have_class(re.compile("feedback"))
    said = page.get_by_text("Questions are kept for 30 days, without names.")
    assert said.count() == bool(days)


def test_every_word_can_be_replaced(site: Site, api: Api) -> None:
    words = {key: f"«{key} {{n}}»" for key in ALL["box"]}
    quote = "Coal is shipped."
    hits = [{**passage("d", quote, "D"), "page": 3}]
    citations = [{**cite("d", quote, quote, "D"), "page": 3, "scanned": True, "also": [cite("e", quote, quote, "E")]}]
    api.health = {"status": "ready", "feedback": True, "recorded": 30}
    api.answer = lambda question: result(question, citations, hits, unsure=True, standalone="«»")
    page = site.open(f"data-words='{json.dumps(words)}'")
    ask(page, "«»?")
    api.answer = lambda question: abstention(question) | {"reason": "abstained"}
    ask(page, "«»?")
    api.replies = [(500, {}, {})]
    field_of(page).fill("«»?")
    field_of(page).press("Enter")
    page.locator("qa-box").get_by_text("«retry").wait_for()
    shown = page.locator("qa-box .root").evaluate(
        "root => [...root.querySelectorAll('*')].flatMap(node => [node.ariaLabel, node.placeholder, "
        "...[...node.childNodes].filter(one => one.nodeType === 3).map(one => one.data)]).filter(Boolean)"
    )
    documents = r"[DEde]|Coal is shipped\.|Title \d|Passage \d\."
    assert len(shown) > 20
    assert [text for text in shown if not re.fullmatch(rf"({documents}|«[^»]*»|[\s?×])*", text)] == []


def test_words_that_are_no_json_are_told_to_the_developer_and_ignored(site: Site) -> None:
    told: list[str] = []
    site.page.on("console", lambda message: told.append(message.text))
    page = site.open("data-words='{send: 1}'")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert [text.partition(" is not JSON")[0] for text in told if "qa-box" in text] == ["qa-box: data-words"]


def test_an_arabic_page_gets_arabic_words_as_documented(site: Site) -> None:
    words = re.search(r"data-words='(.*?)'", (ROOT / "docs" / "embedding.md").read_text("utf-8"), re.DOTALL)
    assert words
    assert set(json.loads(words[1])) == {*ALL["box"], "language"}
    page = site.open(f"data-words='{words[1]}'", html="lang=ar dir=rtl")
    expect(page.locator("qa-box .root")).to_have_attribute("lang", "ar")
    expect(field_of(page)).to_have_css("direction", "rtl")
    send, field = page.get_by_role("button", name="إرسال").bounding_box(), field_of(page).bounding_box()
    assert send["x"] < field["x"]


def test_the_types_name_every_option_method_event_and_word() -> None:
    types = (PACKAGE / "widget.d.ts").read_text()
    guide = (ROOT / "docs" / "embedding.md").read_text("utf-8")
    page = (ROOT / "qa" / "web" / "static" / "embed.html").read_text("utf-8")
    options = set(re.findall(r'"data-(\w+)"\?', types))
    assert options == set(re.findall(r"`data-(\w+)", guide)) - {"button"}
    assert options - {"server", "token"} == set(re.findall(r"<code>data-(\w+)</code></th>", page)) - {"button"}
    said = re.search(r"type Word =([^;]*);", types)
    assert said and set(re.findall(r'"(\w+)"', said[1])) == {*ALL["box"], "language"}
    for name in ("open(", "close(", "ask(", "clear(", "qa-open", "qa-answer", "qa-error"):
        assert name in types and name in guide


def test_the_package_is_of_the_version_of_the_product() -> None:
    version = re.search(r'(?m)^version = "(.*)"', (ROOT / "pyproject.toml").read_text())
    assert version and json.loads((PACKAGE / "package.json").read_text())["version"] == version[1]

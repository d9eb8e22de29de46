"""What the widget looks like, and its files."""

import re
from html import escape

import pytest
from playwright.sync_api import expect
from web.browser import CHROMIUM
from web.widget import HERE, SOURCE, Api, Site, active, ask, field_of, several

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


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


def test_the_source_is_small_and_uses_nothing_that_reads_html_or_code() -> None:
    assert len(SOURCE.encode()) < 24_000
    banned = r"(inner|outer|Adjacent|set)HTML|document\.write|DOMParser|\beval\b|new Function|\bimport\("
    assert re.findall(banned, SOURCE) == []
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

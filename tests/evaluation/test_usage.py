"""What a record shows its owner."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest
from playwright.sync_api import Browser
from web.browser import CHROMIUM

from qa.encoder.base import Encoder, Vectors
from qa.evaluation.usage import OUTCOMES, Asked, Embed, Group, groups, usage
from qa.evaluation.usage_page import page


def asked(question: str, outcome: str = "declined", day: str = "2026-03-01", **rest: str) -> Asked:
    return Asked(f"{day}T10:00:00+00:00", question, question, outcome, **rest)


def apart(texts: Sequence[str]) -> Vectors:
    """No two texts alike."""
    return np.eye(len(texts), dtype=np.float32)


@pytest.fixture
def embed(encoder: Encoder) -> Embed:
    return lambda texts: np.stack([one.vector for one in encoder.encode_questions(texts, [()] * len(texts))])


def test_questions_are_counted_by_day_outcome_verdict_and_document() -> None:
    rows = [
        asked("Who?", "answered", "2026-02-27", document="b.md", verdict="down", answer="Ann."),
        asked("Who?", "unsure", "2026-03-01", document="b.md", heading="Staff", verdict="down", answer="Ann."),
        asked("Where?", "answered", "2026-03-01", document="a.md", verdict="up"),
        asked("Hello", "not searched", "2026-03-01"),
        asked("When?", "declined", "2026-03-01"),
        Asked("2026-03-02T10:00:00+00:00", "Why?", answer="So.", verdict="down"),
    ]
    found = usage(rows, ["a.md", "b.md", "c.md"], apart)
    assert list(found.days) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert list(found.days["2026-02-28"].values()) == [0, 0, 0, 0]
    assert found.days["2026-03-01"] == dict(zip(OUTCOMES, (1, 1, 1, 1), strict=True))
    assert (found.questions, list(found.outcomes.values())) == (5, [2, 1, 1, 1])
    assert found.verdicts == {"up": 1, "down": 3}
    assert found.documents == {"b.md": 2, "a.md": 1}
    assert found.never == ["c.md"]
    assert found.unanswered == [Group(("When?",), 1, 0)]
    assert found.asked[0] == Group(("Who?",), 2, 2)
    assert "Hello" not in [group.questions[0] for group in found.asked]
    assert found.wrong[0] == ("Who?", "Ann.", "b.md", "Staff", 2, "2026-03-01T10:00:00+00:00")
    assert [wrong.question for wrong in found.wrong] == ["Who?", "Why?"]


def test_of_nothing_there_is_nothing() -> None:
    found = usage([], [], apart)
    assert (found.questions, found.days, found.asked, found.unanswered) == (0, {}, [], [])
    assert "Nothing was asked in that time." in page(found, "Handbook")


def test_a_question_is_one_whatever_its_case_and_marks() -> None:
    texts = ("Who is it?", "who is it", "  WHO is it ?!", "Who was it?")
    assert [group.times for group in groups([asked(text) for text in texts], apart)] == [3, 1]


def test_questions_that_mean_the_same_are_together_and_others_are_not(embed: Embed) -> None:
    topics = [
        ["Is there an airport?", "where is the nearest airport", "How far away is the airport?"],
        ["I forgot my password", "How do I reset my password?"],
        ["Can I get my money back?", "refund policy"],
        ["When does the museum open?", "opening hours of the museum"],
        ["Who is the mayor?"],
    ]
    found = groups([asked(text) for topic in topics for text in topic], embed)
    assert sorted(sorted(group.questions) for group in found) == sorted(map(sorted, topics))


def test_the_name_of_what_all_ask_about_puts_nothing_together(embed: Embed) -> None:
    """Vectors of questions with a name in common are alike by that alone."""
    asked_of = "Who is the mayor|Which football club plays|How many people live|What does a flat cost|Is it safe"
    asked_of += "|When does the theatre open|Who swims|Where is the hospital|Which school is best|What is brewed"
    found = groups([asked(f"{text} in Novokuznetsk?") for text in asked_of.split("|")], embed)
    assert len(found) >= 9


def test_the_page_needs_nothing_else_and_runs_nothing_of_what_was_asked() -> None:
    hostile = '<script>window.bad = 1</script><img src="//example.com/x.png">'
    rows = [
        asked(hostile, document=hostile, answer=hostile, heading=hostile, verdict="down"),
        asked("Who?", "answered"),
    ]
    text = page(usage(rows, [hostile], apart), hostile)
    assert "<script" not in text
    assert "<img" not in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize(("days", "bars"), [(1, 1), (92, 92), (200, 30)], ids=["a day", "days", "weeks"])
def test_the_plot_has_a_bar_for_each_day_and_for_each_week_of_many(days: int, bars: int) -> None:
    first = date(2026, 1, 1)
    rows = [
        asked("Who?", "answered", (first + timedelta(days=n)).isoformat()) for n in range(0, days, max(1, days - 1))
    ]
    assert abs(page(usage(rows, [], apart), "x").count("<g>") - bars) <= 1


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_a_phone_asks_nobody_and_has_no_barrier(browser: Browser, theme: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from axe_playwright_python.sync_playwright import Axe

    rows = [
        asked(f"How does number {n} work, with a-word-that-is-{'very-' * 20}long?", day=f"2026-03-{n:02}")
        for n in range(1, 25)
    ]
    rows += [asked("Who?", "answered", document="a.md", verdict="down", answer="Ann is."), asked("Is it?", "unsure")]
    path = tmp_path / "report.html"
    path.write_text(page(usage(rows, ["b.md"], apart), "Handbook"), "utf-8")
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=theme)  # type: ignore[arg-type]
    shown = context.new_page()
    requests: list[str] = []
    shown.on("request", lambda request: requests.append(request.url))
    shown.goto(path.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
    assert requests == [path.as_uri()]
    context.close()
    context = browser.new_context(color_scheme=theme, bypass_csp=True)  # type: ignore[arg-type]  # axe is a script
    shown = context.new_page()
    shown.goto(path.as_uri())
    assert Axe().run(shown).response["violations"] == []
    context.close()

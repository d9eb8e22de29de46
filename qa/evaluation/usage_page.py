"""Usage as one HTML page with its plots, to read offline: no script, nothing from elsewhere, light or dark."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from itertools import accumulate

from qa.evaluation.usage import OUTCOMES, Group, Usage, Wrong

MOST_BARS = 92  # days in a plot; more are put together in weeks
WIDTH, HEIGHT, LEFT, ABOVE, BELOW = 720, 210, 36, 18, 22  # of the plot, and the room for its labels
MOST_LISTED = 200  # of each kind
SHOWN = 10  # of those at once

CSS = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2733; --soft: #5b6875; --line: #dde3e8; --fill: #f4f6f8;
  --answered: #0f766e; --unsure: #d99a1c; --declined: #b4365a; --not-searched: #94a3b3 }
@media (prefers-color-scheme: dark) { :root { --back: #12181e; --text: #e6ebf0; --soft: #a3b0bc; --line: #2d3843;
  --fill: #1b232b; --answered: #2fb5a6; --unsure: #e6b450; --declined: #e46f8f; --not-searched: #66737f } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 56rem; padding: 2rem 1rem 4rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.5rem 0 .25rem }
td, li, summary, blockquote { unicode-bidi: isolate }
p { margin: .25rem 0 .75rem } .soft, figcaption, small { color: var(--soft) }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0; padding: 0; list-style: none }
.figures li { flex: 1 1 8rem; padding: .75rem 1rem; background: var(--fill); border-radius: .5rem }
.figures b { display: block; font-size: 1.6rem; line-height: 1.2 }
figure { margin: 1rem 0 } svg { width: 100%; height: auto } svg text { fill: var(--soft); font-size: 11px }
svg line { stroke: var(--line) } figcaption span { display: inline-block; margin-right: 1rem; white-space: nowrap }
i { display: inline-block; width: .75em; height: .75em; margin-right: .35em; border-radius: 2px }
.answered { fill: var(--answered); background: var(--answered) }
.unsure { fill: var(--unsure); background: var(--unsure) }
.declined { fill: var(--declined); background: var(--declined) }
.not-searched { fill: var(--not-searched); background: var(--not-searched) }
table { width: 100%; border-collapse: collapse } td { padding: .4rem .5rem; border-top: 1px solid var(--line);
  vertical-align: top } td:first-child { width: 3.5rem; text-align: right; font-variant-numeric: tabular-nums;
  font-weight: 600 } td ul { margin: .25rem 0; padding-left: 1.1rem } .bar { height: .3rem; border-radius: 2px }
summary { cursor: pointer } blockquote { margin: .2rem 0; padding-left: .75rem; border-left: 3px solid var(--line) }
@media (max-width: 30rem) { svg text { font-size: 20px } }
@media print { body { max-width: none } details > * { display: block } }
"""


def page(usage: Usage, title: str) -> str:
    """Return the page; `title` is what the questions were asked of."""
    span = f"{min(usage.days)} to {max(usage.days)}, days in UTC" if usage.days else "Nothing was asked in that time."
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">""",
            f"<title>What was asked: {escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>",
            f'<h1>What was asked: {escape(title)}</h1>\n<p class="soft">{span}</p>',
            *_figures(usage),
            *_plot(usage.days),
            *_section(
                "Not answered",
                "What to write next: questions that the documents don’t answer, like ones together.",
                [_group_row(group, usage.unanswered[0].times) for group in usage.unanswered],
            ),
            *_section(
                "Judged wrong",
                "What visitors found unhelpful, and how often.",
                [_wrong_row(wrong) for wrong in usage.wrong],
            ),
            *_section(
                "Asked most",
                "Like questions together, and which share of them was answered.",
                [_group_row(group, usage.asked[0].times, tell=True) for group in usage.asked],
            ),
            *_section(
                "Documents that answer",
                "How often each was quoted first.",
                [_document_row(name, n, max(usage.documents.values())) for name, n in usage.documents.items()],
            ),
            *_section(
                "Documents that never answer",
                "Indexed now, and never quoted first in that time.",
                [f"<tr><td></td><td>{escape(name)}</td></tr>" for name in usage.never],
            ),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _figures(usage: Usage) -> Iterator[str]:
    yield f'<ul class="figures">\n<li><b>{usage.questions:,}</b>questions</li>'
    for outcome in OUTCOMES:
        share = f"{usage.outcomes[outcome] / usage.questions:.0%}" if usage.questions else "–"
        yield f'<li><b>{share}</b><i class="{_class(outcome)}"></i>{outcome}</li>'
    yield f"<li><b>{usage.verdicts['up']:,} / {usage.verdicts['down']:,}</b>judged right / wrong</li>\n</ul>"


def _plot(days: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """How many questions each day, or each week where there are many days, in bars of their outcomes."""
    if not days:
        return
    bars = days if len(days) <= MOST_BARS else _weeks(days)
    most = max(sum(counts.values()) for counts in bars.values())
    step = _step(most)
    top = -(-most // step) * step
    scale, slot = (HEIGHT - BELOW - ABOVE) / top, (WIDTH - LEFT) / max(len(bars), 7)
    base = HEIGHT - BELOW
    label = f"Questions each {'day' if bars is days else 'week'}, by what became of them"
    yield f'<figure>\n<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
    for value in range(0, top + 1, step):
        y = base - value * scale
        yield f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
    for number, (day, counts) in enumerate(bars.items()):
        x = LEFT + (number + 0.1) * slot
        said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
        yield f"<g><title>{day}: {said or 'none'}</title>"
        for outcome, above in zip(counts, accumulate(counts.values()), strict=True):
            if height := counts[outcome] * scale:
                y, width = base - above * scale, 0.8 * slot
                at = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
                yield f'<rect class="{_class(outcome)}" {at}/>'
        yield "</g>"
    every = max(1, -(-len(bars) // 8))
    for number, day in enumerate(bars):
        if number % every == 0:
            yield f'<text x="{LEFT + number * slot:.1f}" y="{HEIGHT - 6}">{day[5:]}</text>'
    legend = "".join(f'<span><i class="{_class(outcome)}"></i>{outcome}</span>' for outcome in OUTCOMES)
    yield f"</svg>\n<figcaption>{label}: {legend}</figcaption>\n</figure>"


def _weeks(days: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """The same by weeks, each under its Monday."""
    weeks: dict[str, dict[str, int]] = {}
    for day, counts in days.items():
        found = date.fromisoformat(day)
        week = weeks.setdefault((found - timedelta(days=found.weekday())).isoformat(), dict.fromkeys(OUTCOMES, 0))
        for outcome, count in counts.items():
            week[outcome] += count
    return weeks


def _step(most: int) -> int:
    """A round distance of lines for a scale up to `most`, four or five of them."""
    unit = 1
    while True:
        for step in (unit, 2 * unit, 5 * unit):
            if step * 5 >= most:
                return step
        unit *= 10


def _section(title: str, about: str, rows: Sequence[str]) -> Iterator[str]:
    """A table under a heading, nothing without rows; what is beyond SHOWN is folded away."""
    if not rows:
        return
    yield f'<section>\n<h2>{title}</h2>\n<p class="soft">{about}</p>'
    yield from ("<table>", *rows[:SHOWN], "</table>")
    if more := rows[SHOWN:MOST_LISTED]:
        yield from (f"<details>\n<summary>{len(more)} more</summary>\n<table>", *more, "</table>\n</details>")
    if beyond := len(rows) - MOST_LISTED:
        yield f'<p class="soft">… and {beyond:,} more.</p>' if beyond > 0 else ""
    yield "</section>"


def _group_row(group: Group, most: int, tell: bool = False) -> str:
    """A group's row, with how much of it was answered where that is to be told."""
    first, *others = (escape(question) for question in group.questions)
    share = group.answered / group.times
    if tell:
        first = f"{first} <small>{share:.0%} answered</small>"
    if others:
        items = "".join(f"<li>{other}</li>" for other in others)
        first = (
            f"<details><summary>{first} <small>and {len(others)} like it</small></summary><ul>{items}</ul></details>"
        )
    return _row(group.times, first + _bar(group.times / most, share))


def _document_row(name: str, times: int, most: int) -> str:
    return _row(times, escape(name) + _bar(times / most))


def _wrong_row(wrong: Wrong) -> str:
    place = " › ".join(filter(None, (wrong.document, wrong.heading)))
    quote = f"<blockquote>{escape(wrong.answer)}</blockquote>" if wrong.answer else ""
    return _row(wrong.times, f"{escape(wrong.question)}{quote}<small>{escape(place)} {wrong.last[:10]}</small>")


def _row(number: int, html: str) -> str:
    return f"<tr><td>{number:,}</td><td>{html}</td></tr>"


def _bar(length: float, answered: float = 1.0) -> str:
    """A bar of a share of the width, and the share of it that was answered in another colour."""
    colours = f"var(--answered) {answered:.0%}, var(--declined) {answered:.0%}"
    return f'<div class="bar" style="width: {length:.1%}; background: linear-gradient(to right, {colours})"></div>'


def _class(outcome: str) -> str:
    return outcome.replace(" ", "-")

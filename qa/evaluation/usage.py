"""What a record of questions shows its owner: what was asked, what wasn't answered, which documents answer."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np

from qa.encoder.base import Vectors
from qa.text.normalization import WORD, fold

OUTCOMES = ("answered", "unsure", "declined", "not searched")  # a greeting isn't, nor is what is in another language
ALIKE = 0.5  # mean cosine of two groups of questions, from which on they are one
COMMON, LEAST_COMMON = 0.15, 10  # share and number of questions that have a word which doesn't tell them apart
MOST_GROUPED = 2000  # different questions, those asked most: the work grows with the square

Embed = Callable[[Sequence[str]], Vectors]  # texts → unit vectors, shape (texts, dimension)


class Asked(NamedTuple):
    """A question and what became of it, or a verdict on an answer alone, which has no outcome.

    `time` is in ISO 8601, in UTC. `document` and `heading` are where the first quote stands. `verdict` is "up", "down"
    or empty.
    """

    time: str
    question: str
    standalone: str = ""
    outcome: str = ""
    confidence: float | str = ""
    document: str = ""
    heading: str = ""
    answer: str = ""
    verdict: str = ""


class Group(NamedTuple):
    """Questions that are alike, each once, those asked most first; `times` is how often all of them were asked."""

    questions: tuple[str, ...]
    times: int
    answered: int  # of those


class Wrong(NamedTuple):
    """An answer that was judged wrong, how often, and when the last time."""

    question: str
    answer: str
    document: str
    heading: str
    times: int
    last: str


class Usage(NamedTuple):
    """What was asked in a time; `days` has all of it, each with how many questions of each outcome."""

    days: dict[str, dict[str, int]]
    outcomes: dict[str, int]
    verdicts: dict[str, int]
    unanswered: list[Group]
    asked: list[Group]
    wrong: list[Wrong]  # those judged so most often first
    documents: dict[str, int]  # that were quoted first, and how often
    never: list[str]  # other documents that are there

    @property
    def questions(self) -> int:
        """How many were asked."""
        return sum(self.outcomes.values())

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        lists = {name: [row._asdict() for row in getattr(self, name)] for name in ("unanswered", "asked", "wrong")}
        return {"questions": self.questions, **self._asdict(), **lists}


def usage(rows: Sequence[Asked], documents: Iterable[str], embed: Embed) -> Usage:
    """Sum up what was asked, with `documents` the ids of those that are there."""
    asked = [row for row in rows if row.outcome]
    quoted = Counter(row.document for row in asked if row.document)
    return Usage(
        days=_days(asked),
        outcomes=_counted(row.outcome for row in asked),
        verdicts={verdict: sum(row.verdict == verdict for row in rows) for verdict in ("up", "down")},
        unanswered=groups([row for row in asked if row.outcome == "declined"], embed),
        asked=groups([row for row in asked if row.outcome != "not searched"], embed),
        wrong=_wrong([row for row in rows if row.verdict == "down"]),
        documents=dict(quoted.most_common()),
        never=sorted(set(documents) - quoted.keys()),
    )


def groups(rows: Sequence[Asked], embed: Embed) -> list[Group]:
    """Put questions together that mean the same, the group asked most first."""
    same: dict[str, list[Asked]] = {}
    for row in rows:
        text = row.standalone or row.question
        same.setdefault(" ".join(WORD.findall(fold(text))) or text, []).append(row)
    listed = sorted(same.values(), key=len, reverse=True)[:MOST_GROUPED]
    texts = [each[-1].standalone or each[-1].question for each in listed]
    found: dict[int, list[int]] = {}
    labels = _labels(embed(_telling(texts))) if len(texts) > 1 else [0] * len(texts)
    for number, label in enumerate(labels):
        found.setdefault(label, []).append(number)
    together = [
        Group(
            tuple(texts[n] for n in numbers),
            sum(len(listed[n]) for n in numbers),
            sum(row.outcome in ("answered", "unsure") for n in numbers for row in listed[n]),
        )
        for numbers in found.values()
    ]
    return sorted(together, key=lambda group: group.times, reverse=True)


def _wrong(judged: Sequence[Asked]) -> list[Wrong]:
    times = Counter((row.question, row.answer) for row in judged)
    last = {(row.question, row.answer): row for row in judged}
    return [
        Wrong(question, answer, last[key].document, last[key].heading, count, last[key].time)
        for key, count in times.most_common()
        for question, answer in [key]
    ]


def _telling(texts: Sequence[str]) -> list[str]:
    """The texts without the words that many of them have, as the name of what all of them are about."""
    words = [set(WORD.findall(fold(text))) for text in texts]
    counts = Counter(word for each in words for word in each)
    common = {word for word, count in counts.items() if count >= max(LEAST_COMMON, COMMON * len(texts))}
    kept = (" ".join(part for part in t.split() if not common.issuperset(WORD.findall(fold(part)))) for t in texts)
    return [short or text for short, text in zip(kept, texts, strict=True)]


def _labels(vectors: Vectors) -> list[int]:
    """A group's number for each of these vectors, by average linkage (Sokal and Michener, 1958)."""
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(vectors.astype(np.float64), method="average", metric="cosine")
    return [int(label) for label in fcluster(np.maximum(tree, 0), 1 - ALIKE, criterion="distance")]


def _days(asked: Sequence[Asked]) -> dict[str, dict[str, int]]:
    by_day: dict[str, list[str]] = {}
    for row in asked:
        by_day.setdefault(row.time[:10], []).append(row.outcome)
    if not by_day:
        return {}
    first, last = date.fromisoformat(min(by_day)), date.fromisoformat(max(by_day))
    all_days = ((first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1))
    return {day: _counted(by_day.get(day, ())) for day in all_days}


def _counted(outcomes: Iterable[str]) -> dict[str, int]:
    counts = Counter(outcomes)
    return {outcome: counts[outcome] for outcome in OUTCOMES}

"""Store → questions to begin with: made of the documents' own headings and sentences, kept where they are answered."""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qa.text.languages import ENGLISH_STOP_WORDS
from qa.text.normalization import WORD
from qa.types import Answer, Passage

if TYPE_CHECKING:
    from qa.index.store import Store

MOST = 4  # examples
LOOKED_AT = 400  # passages, from all over the documents
ASKED = 40  # questions, at a fraction of a second each
LEAST_CONFIDENCE = 0.7
LONGEST = 90  # characters
HEADING_WORDS = range(2, 7)  # one word is only a name, many are a sentence
SUBJECT = r"(?P<subject>(?:The )?[A-Z][\w’'-]*(?: (?:of|and|for|the|[A-Z][\w’'-]*)){0,4})"
DONE = "founded|established|built|created|opened|introduced|launched|formed|discovered|published|released"
PATTERNS = tuple(  # of a sentence, and the question that it answers, the best ones first
    (re.compile(rf"{SUBJECT} {rest}"), question)
    for rest, question in (
        (rf"(?P<be>was|were) (?P<done>{DONE})\b[^.;]*\b[12]\d{{3}}\b", "When {be} {subject} {done}?"),
        (r"(?P<be>is|are) (?P<done>located|situated|based) (?:in|on|at|near)\b", "Where {be} {subject} {done}?"),
        (r"(?P<be>is|are) (?:best |mainly |widely )?known for\b", "What {be} {subject} known for?"),
        (r"consists? of\b", "What does {subject} consist of?"),
        (r"(?P<be>is|are) (?:an?|the|our|one of)\b", "What {be} {subject}?"),
    )
)
HOW_TO = re.compile(r"(?i:how to )(.+)")


class Proposal(NamedTuple):
    """A question, and the passage that should answer it; a lower rank is a better question."""

    rank: int
    question: str
    passage: Passage


def find(store: "Store", ask: Callable[[str], Answer], known: Sequence[str] = ()) -> tuple[str, ...]:
    """Return up to MOST questions that are answered confidently, from different documents as far as there are any.

    What was `known` to be answered by an earlier version of the documents is asked first.
    """
    found: dict[str, str] = {}  # question → document
    for question in known[:MOST]:
        answer = ask(question)
        if _is_sure(answer):
            found[question] = answer.citations[0].document_id
    quoted: set[Passage] = set()
    asked = 0
    proposed = _in_turns(_proposals(store))
    for is_first in (True, False):  # a document's first example, then further ones
        for proposal in proposed:
            if len(found) == MOST or asked == ASKED:
                return tuple(found)
            document = proposal.passage.document_id
            if proposal.question in found or proposal.passage in quoted or (is_first and document in found.values()):
                continue
            asked += 1
            quoted.add(proposal.passage)
            answer = ask(proposal.question)
            if _is_sure(answer) and _is_within(answer, proposal.passage):
                found[proposal.question] = document
    return tuple(found)


def _is_sure(answer: Answer) -> bool:
    return not (answer.abstained or answer.unsure) and answer.confidence >= LEAST_CONFIDENCE


def _is_within(answer: Answer, passage: Passage) -> bool:
    best = answer.citations[0]
    return best.document_id == passage.document_id and best.heading == passage.heading


def _proposals(store: "Store") -> list[Proposal]:
    step = max(1, len(store) / LOOKED_AT)
    numbers = [int(i * step) for i in range(min(LOOKED_AT, len(store)))]
    proposals = [p for passage in store.passages(numbers).values() for p in _questions(passage)]
    unique = {proposal.question.casefold(): proposal for proposal in reversed(proposals)}
    return sorted(unique.values(), key=lambda p: p.rank)


def _questions(passage: Passage) -> Iterator[Proposal]:
    """Questions that a passage should answer, in English, or as its heading asks them."""
    heading = passage.heading.rpartition(" › ")[2].strip()
    if heading.endswith("?") and len(heading) <= LONGEST:
        yield Proposal(0, heading, passage)
    elif match := HOW_TO.fullmatch(heading):
        yield Proposal(0, f"How do I {match[1]}?", passage)
    for sentence in passage.sentences:
        text = " ".join(sentence.text.split())
        for rank, (pattern, question) in enumerate(PATTERNS, 1):
            match = pattern.match(text)
            if match and _is_name(match["subject"]):
                subject = re.sub(r"^The\b", "the", match["subject"])
                yield Proposal(rank, question.format(**match.groupdict() | {"subject": subject}), passage)
                break
    words = heading.split()
    if len(words) in HEADING_WORDS and re.fullmatch(r"[A-Z][\w’' &-]+", heading) and not _is_small(words[0]):
        yield Proposal(len(PATTERNS) + 1, f"Tell me about {_in_a_sentence(heading, passage.text)}", passage)


def _is_name(subject: str) -> bool:
    words = subject.removeprefix("The ").split()
    return not _is_small(words[0]) and words[-1][0].isupper()


def _is_small(word: str) -> bool:
    return word.lower() in ENGLISH_STOP_WORDS | {"here", "now", "one", "today"}


def _in_a_sentence(heading: str, text: str) -> str:
    """A heading as it is written within a sentence: small where the text has its capitalised words so."""
    capitalised = {word.lower() for word in WORD.findall(heading) if word[0].isupper()}
    return heading.lower() if capitalised <= set(WORD.findall(text)) else heading


def _in_turns(proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals, each document's best one first, then each one's second, and so on."""
    turns: dict[str, int] = {}
    numbered = []
    for proposal in proposals:
        document = proposal.passage.document_id
        numbered.append((turns.setdefault(document, 0), proposal))
        turns[document] += 1
    return [proposal for _, proposal in sorted(numbered, key=lambda one: one[0])]


class Kept(NamedTuple):
    """The examples on disk, found for a snapshot of the index, or those that were `given` instead."""

    path: Path
    snapshot: str
    given: tuple[str, ...] = ()

    @property
    def current(self) -> tuple[str, ...] | None:
        """The examples of this snapshot, None where they are to be found yet."""
        questions, snapshot = self.read()
        return self.given or (questions if snapshot == self.snapshot else None)

    def read(self) -> tuple[tuple[str, ...], str]:
        """Return what was found last, and for which snapshot; nothing where there is none."""
        try:
            found = json.loads(self.path.read_text("utf-8"))
            return tuple(found["questions"]), str(found["snapshot"])
        except (OSError, ValueError, KeyError, TypeError):  # they are found anew
            return (), ""

    def write(self, questions: Sequence[str]) -> None:
        """Keep what was found, where it can be written; otherwise it is found anew."""
        text = json.dumps({"snapshot": self.snapshot, "questions": questions}, ensure_ascii=False, indent=1)
        temporary = self.path.with_name(f"{self.path.name}-{os.getpid()}")
        with suppress(OSError):
            temporary.write_text(text + "\n", "utf-8")
            temporary.replace(self.path)

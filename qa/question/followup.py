"""A question in its conversation → the ways to search it: as it is, and with what was asked before.

Which of them is meant is for the reader to tell: the answer that it believes more is given.
"""

import re
from collections.abc import Sequence

MAX_QUESTION = 300  # characters; a longer question brings its own context, and of an earlier one so much is kept
EARLIER = 2  # questions that a follow-up may be about
SEARCHED = re.compile(r"(.*\S) \((?:.*)\)", re.S)  # a follow-up as it was searched


def formulations(question: str, history: Sequence[tuple[str, str]]) -> list[str]:
    """The question as it is and, where others were asked before, with those in brackets, the last one first.

    `history` has questions, best as they were searched, with their answers, oldest first.
    """
    earlier = [_own(asked)[:MAX_QUESTION] for asked, _ in history if asked.strip()][-EARLIER:]
    if not earlier or len(question) > MAX_QUESTION:
        return [question]
    return [question, f"{question} ({'; '.join(reversed(earlier))})"]


def _own(asked: str) -> str:
    match = SEARCHED.fullmatch(asked.strip())
    return match[1] if match else asked.strip()

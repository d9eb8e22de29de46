"""Query rewriting for follow-ups: a question in its conversation → the formulations to search.

This module doesn't decide which formulation is meant. All are searched and read, and `Assistant.ask` takes the answer
with the higher confidence.
"""

import re
from collections.abc import Sequence

MAX_QUESTION = 300  # characters; a longer question needs no context, and an earlier one is cut to this
MAX_EARLIER = 2  # questions that a follow-up may refer to
IN_CONTEXT = re.compile(r"(.*\S) \((?:.*)\)", re.S)  # a follow-up as rewritten here


def formulations(question: str, history: Sequence[tuple[str, str]]) -> list[str]:
    """Return the question as it is and, in a conversation, followed by the earlier questions in brackets.

    `history` holds (question, answer) pairs, oldest first, its questions best as they were searched. The brackets hold
    the last MAX_EARLIER questions, the latest first.
    """
    earlier = [_without_context(asked)[:MAX_QUESTION] for asked, _ in history if asked.strip()][-MAX_EARLIER:]
    if not earlier or len(question) > MAX_QUESTION:
        return [question]
    return [question, f"{question} ({'; '.join(reversed(earlier))})"]


def _without_context(question: str) -> str:
    match = IN_CONTEXT.fullmatch(question.strip())
    return match[1] if match else question.strip()

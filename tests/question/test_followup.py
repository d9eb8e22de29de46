"""The ways to search a question in its conversation."""

from hypothesis import given
from hypothesis import strategies as st
from support import markdown

from qa import Assistant
from qa.encoder.base import Encoder
from qa.question.followup import MAX_QUESTION, formulations

FERRIES = "Dogs travel free on both ferries. Bicycles cost 3 euros. Gas bottles are not allowed on board."


def test_a_first_question_is_searched_as_it_is() -> None:
    assert formulations("And dogs?", []) == ["And dogs?"]


def test_a_later_one_also_with_the_last_two_in_brackets() -> None:
    first = ("What do bicycles cost?", "Bicycles cost 3 euros.")
    assert formulations("And dogs?", [first]) == ["And dogs?", "And dogs? (What do bicycles cost?)"]
    second = ("And dogs? (What do bicycles cost?)", "Dogs travel free.")
    third = ("And cats? (And dogs?; What do bicycles cost?)", "")
    assert formulations("Why?", [first, second])[-1] == "Why? (And dogs?; What do bicycles cost?)"
    assert formulations("Why?", [first, second, third])[-1] == "Why? (And cats?; And dogs?)"


def test_a_long_question_brings_its_own_context() -> None:
    long = "Why " * MAX_QUESTION
    assert formulations(long, [("What do bicycles cost?", "")]) == [long]


@given(st.text(max_size=80), st.lists(st.tuples(st.text(max_size=900), st.text(max_size=40)), max_size=4))
def test_it_stays_short_and_begins_with_the_question(question: str, history: list[tuple[str, str]]) -> None:
    found = formulations(question, history)
    assert found[0] == question
    assert all(text.startswith(question) and len(text) <= len(question) + 2 * MAX_QUESTION + 5 for text in found)


def test_what_is_believed_more_is_answered_and_shown(encoder: Encoder) -> None:
    assistant = Assistant.from_documents([markdown("rules.md", "Rules of the ferries", FERRIES)], encoder, threshold=0)
    answer = assistant.ask("And dogs?", [("How much do bicycles cost?", "Bicycles cost 3 euros.")])
    assert answer.citations[0].quote == "Dogs travel free on both ferries."
    assert answer.standalone in ("And dogs?", "And dogs? (How much do bicycles cost?)")

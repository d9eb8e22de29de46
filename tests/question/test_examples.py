"""Questions to begin with: each is answered, by what it was made of."""

from pathlib import Path

import pytest
from support import CORPUS, markdown

from qa import Assistant
from qa.encoder.base import Encoder
from qa.question.examples import LEAST_CONFIDENCE, MOST, find

HARBOUR = markdown(
    "harbour.md",
    "Harbour",
    "# Sections\n\n- OK\n- Not OK\n\n# The town\n\nElm Harbour was founded in 1912 by two brothers. It is small.\n\n"
    "# What does a ticket cost?\n\nA ticket costs three euros.",
)
RANGER = markdown("ranger.md", "Ranger", "# OK\n\nRanger is the program that counts the boats. Nobody else may.")


@pytest.fixture(scope="module")
def harbour(encoder: Encoder) -> Assistant:
    return Assistant.from_documents([HARBOUR, RANGER], encoder)


def test_examples_are_made_of_headings_that_ask_and_of_sentences_and_come_from_different_documents(
    harbour: Assistant,
) -> None:
    found = harbour.find_examples()
    assert found[:2] == ("What does a ticket cost?", "What is Ranger?")
    assert set(found[2:]) <= {"When was Elm Harbour founded?"}
    assert harbour.ask("Hello!").examples == found[:3]
    assert harbour.ask("Hello!").text.startswith("Hello! Ask these documents a question, for instance “What does a")


def test_all_examples_of_the_demo_are_answered_without_a_doubt(demo: Assistant) -> None:
    examples = demo.find_examples()
    assert len(examples) == MOST
    for question in examples:
        answer = demo.ask(question)
        assert not (answer.abstained or answer.unsure), question
        assert answer.confidence >= LEAST_CONFIDENCE


def test_what_is_not_answered_any_more_is_no_example(harbour: Assistant) -> None:
    asked: list[str] = []

    def ask(question: str):  # type: ignore[no-untyped-def]
        asked.append(question)
        return harbour.ask(question)

    found = find(harbour.store, ask, known=["Who painted the Mona Lisa?", "What is Ranger?"])
    assert asked[:2] == ["Who painted the Mona Lisa?", "What is Ranger?"]
    assert found[:2] == ("What is Ranger?", "What does a ticket cost?")


def test_examples_are_found_once_for_a_snapshot_and_kept_in_the_index(empty_index: Path, encoder: Encoder) -> None:
    assert Assistant.open(CORPUS, empty_index, encoder).examples == ()
    found = Assistant.open(CORPUS, empty_index, encoder).find_examples()
    assert Assistant.open(CORPUS, empty_index, encoder).examples == found
    given = Assistant.open(CORPUS, empty_index, encoder, examples=["Who are you?"])
    assert given.examples == given.find_examples() == ("Who are you?",)


def test_kept_examples_that_are_damaged_are_found_anew(empty_index: Path, encoder: Encoder) -> None:
    (empty_index / "examples.json").write_text('{"questions": 5}')
    assert Assistant.open(CORPUS, empty_index, encoder).examples == ()

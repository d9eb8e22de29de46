import pytest
from support import markdown

from qa import Assistant, Document
from qa.encoder.base import Encoder
from qa.question.languages import is_foreign

PORTS = markdown("ports.md", "Ports", "# Quays\n\nThe port of Elm is on the Ash.\n\n# Bread\n\nRowan Birch bakes it.")


@pytest.fixture(scope="module")
def ports(encoder: Encoder) -> Assistant:
    return Assistant.from_documents([PORTS], encoder)


@pytest.mark.parametrize(
    ("question", "beginning"),
    [
        ("Hello!", "Hello! Ask these documents a question, for instance about “Quays” or “Bread”."),
        ("good morning everyone", "Hello!"),
        ("Здравствуйте", "Hello!"),
        ("Thanks a lot.", "You’re welcome."),
        ("OK, thank you very much!", "You’re welcome."),
        ("bye", "Goodbye!"),
        ("", "There is no word in that to search for. Ask these documents a question, for instance about “Quays”"),
        ("What is it?", "There is no word in that"),
        ("?! …", "There is no word in that"),
        (
            "Wer hat die Brücke über den Fluss gebaut?",
            "That doesn’t seem to be in English: ask these documents in English",
        ),
        ("¿Quién construyó el puente?", "That doesn’t seem"),
        ("Кто построил мост?", "That doesn’t seem"),
        ("谁建造了这座桥？", "That doesn’t seem"),
        ("Kto zbudował ten most na rzece?", "That doesn’t seem"),
    ],
)
def test_what_cannot_be_searched_gets_a_hint(ports: Assistant, question: str, beginning: str) -> None:
    answer = ports.ask(question)
    assert answer.text.startswith(beginning)
    assert (answer.abstained, answer.citations, answer.hits, answer.confidence) == (True, (), (), 0)


@pytest.mark.parametrize(
    "question",
    ["Hello, where is the port of Elm?", "port", "PORT OF ELM", "Rowan", "Was ist Elm?", "port ash elm", "Ash puerto"],
)
def test_what_can_be_searched_is(ports: Assistant, question: str) -> None:
    assert ports.ask(question).hits


def test_a_question_in_the_documents_own_language_is_searched(encoder: Encoder) -> None:
    text = "Der Hafen der Stadt liegt an dem Fluss. Die Brücke über den Fluss hat ein Bäcker gebaut."
    german = Assistant.from_documents([Document("stadt.txt", "Stadt", text)], encoder)
    assert german.ask("Wer hat die Brücke über den Fluss gebaut?").hits
    assert german.ask("Which river is the harbour on, if there is one?").hits
    assert german.ask("Кто построил мост?").text == (
        "That doesn’t seem to be in English or German: ask these documents in English or German."
    )


@pytest.mark.parametrize("question", ["Kuzbass", "the Champs-Élysées", "What is a Weltanschauung?"])
def test_names_and_borrowed_words_are_not_another_language(question: str) -> None:
    assert not is_foreign(question, ["en"])


def test_a_hint_that_was_given_is_not_read_as_an_answer(ports: Assistant) -> None:
    hello = ports.ask("Hello!")
    assert ports.ask("Where is it?", [(hello.question, hello.text)]).standalone == "Where is it?"

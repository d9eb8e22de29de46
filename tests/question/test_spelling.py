import pytest
from tokenizers import Tokenizer

from qa import Document
from qa.encoder.base import Encoder
from qa.index.build import Indexer
from qa.index.local.store import LocalStore
from qa.question.spelling import corrected
from qa.text.terms import Analyzer

TEXT = "The harbour of Kemerovo was widened. Harbour dues, metallurgical plants and the café Zürich. Metallurgist."


@pytest.fixture(scope="module")
def store(encoder: Encoder) -> LocalStore:
    return Indexer(encoder, Analyzer()).build([Document("a.md", "Ports", TEXT)])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Who widened the harbuor?", "Who widened the harbour?"),  # swapped
        ("who widned it?", "who widened it?"),  # left out
        ("Kemmerovo?", "Kemerovo?"),  # put in
        ("KEMEROFO port", "KEMEROVO port"),  # changed, in capitals
        ("zurrich", "zurich"),  # compared without accents
        ("Is Kemerov there, and harbuor?", "Is Kemerovo there, and harbour?"),
    ],
)
def test_a_typing_error_is_searched_as_the_corpus_spells_it(
    store: LocalStore, tokenizer: Tokenizer, typed: str, meant: str
) -> None:
    assert corrected(typed, store, Analyzer(), tokenizer) == meant


@pytest.mark.parametrize(
    "question",
    [
        "Who widens harbours?",  # other forms of known words
        "What is a barber?",  # the encoder knows it
        "due",  # too short to tell
        "Kemrofo",  # two errors
        "漢字漢字漢字 καφέδες",
        "",
    ],
)
def test_what_may_be_meant_stays(store: LocalStore, tokenizer: Tokenizer, question: str) -> None:
    assert corrected(question, store, Analyzer(), tokenizer) == question


def test_the_same_first_letter_counts_before_frequency(encoder: Encoder, tokenizer: Tokenizer) -> None:
    text = "Xalbornes. " + "Yalborne. " * 3
    store = Indexer(encoder, Analyzer()).build([Document("a", "A", text)])
    assert corrected("xalborne", store, Analyzer(), tokenizer) == "xalborne"  # a form of a known word
    assert corrected("walborne", store, Analyzer(), tokenizer) == "yalborne"
    assert corrected("xalborness", store, Analyzer(), tokenizer) == "xalbornes"

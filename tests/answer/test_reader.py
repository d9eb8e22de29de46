"""How quotes are chosen, with scores that one can work out: a sentence's is ten for each of the question's words."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from support import WordCountEncoder, markdown

from qa import Answer
from qa.answer import reader as reading
from qa.answer.calibration import FEATURES, Calibration
from qa.answer.cross_encoder import Reading
from qa.answer.reader import ABSTENTION, Reader
from qa.answer.retriever import Retriever
from qa.encoder.base import Vectors
from qa.index.build import Indexer
from qa.text.terms import Analyzer
from qa.types import Passage

ZERO = dict.fromkeys(("intercept", *FEATURES), 0.0)


class WordsIn:
    """A sentence's score is ten for each of the question's words, less five; the last word answers, if it is asked."""

    def __call__(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        wanted = question.lower().strip("?").split()
        found = []
        for passage in passages:
            scores = [10 * sum(word in s.text.lower() for word in wanted) - 5 for s in passage.sentences]
            places = [(passage.start + at, passage.start + at + 1) for at, c in enumerate(passage.text) if c.isalnum()]
            owners = [next((n for n, s in enumerate(passage.sentences) if s.start <= a < s.end), -1) for a, _ in places]
            marks = np.array([20.0 * passage.text[a - passage.start].isdigit() for a, _ in places], dtype=np.float32)
            vector = np.array(scores, dtype=np.float32)
            found.append(Reading(passage, vector, vector[:, None], float(max(scores)), marks, marks, places, owners))
        return found

    def compare(self, readings: Sequence[Reading], given: Sequence[Vectors]) -> list[Vectors]:
        """Nothing is added."""
        return [np.zeros(len(known), dtype=np.float32) for known in given]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    monkeypatch.setattr(reading, "FUSED", 0.0)
    monkeypatch.setattr(reading, "SIMILARITY", 0.0)

    def ask(question: str, *texts: str, intercept: float = 3.0, score: float = 0.0) -> Answer:
        documents = [markdown(f"{n}.md", f"Title {n}", text) for n, text in enumerate(texts)]
        encoder, analyzer = WordCountEncoder(), Analyzer()
        store = Indexer(encoder, analyzer).build(documents)
        calibration = Calibration({**ZERO, "intercept": intercept, "score": score})
        read = Reader(WordsIn(), calibration, store, threshold=0.2, sure=0.5)  # type: ignore[arg-type]
        return read(question, Retriever(store, encoder, analyzer)(question))

    return ask


def quotes(answer: Answer) -> list[str]:
    return [citation.quote for citation in answer.citations]


def test_the_best_sentence_is_quoted_with_those_that_are_believed_about_as_much(ask: Callable[..., Answer]) -> None:
    text = "The port ships coal. The baker ships bread. The river has a port for coal."
    assert quotes(ask("port coal", text)) == ["The port ships coal.", "The river has a port for coal."]
    assert quotes(ask("baker bread", text)) == ["The baker ships bread."]


@pytest.mark.parametrize(
    ("intercept", "abstained", "unsure"), [(-2, True, False), (-1, False, True), (0.1, False, False)]
)
def test_there_are_three_answers(ask: Callable[..., Answer], intercept: float, abstained: bool, unsure: bool) -> None:
    answer = ask("port coal", "The port ships coal.", intercept=intercept)
    assert (answer.abstained, answer.unsure) == (abstained, unsure)
    assert quotes(answer) == ([] if abstained else ["The port ships coal."])
    assert answer.text == (ABSTENTION if abstained else "The port ships coal.")
    assert len(answer.hits) == 1


def test_a_sentence_in_several_files_is_one_answer_that_names_the_others(ask: Callable[..., Answer]) -> None:
    ferry = "The ferry leaves the port at dawn. Coal is dear."
    alone, several = (ask("ferry port", *[ferry] * n, score=0.1, intercept=-1) for n in (1, 4))
    assert several.confidence == pytest.approx(alone.confidence)
    (citation,) = several.citations
    assert sorted(other.document_id for other in (citation, *citation.also)) == [f"{n}.md" for n in range(4)]
    assert all(other.quote == citation.quote for other in citation.also)
    assert alone.citations[0].also == ()


def test_the_same_sentence_in_other_passages_is_one_answer_unless_it_is_too_short_to_say_the_same(
    ask: Callable[..., Answer],
) -> None:
    long = ask("port coal", "The port ships much coal. Elm is far.", "The port ships much coal. Oak is near.")
    assert quotes(long) == ["The port ships much coal."]
    assert len(long.citations[0].also) == 1
    short = ask("port coal", "Port: coal. Elm is far.", "Port: coal. Oak is near.")
    assert quotes(short) == ["Port: coal.", "Port: coal."]


LIST = "The port ships the following goods:\n\n- coal\n- bread. It is baked here.\n- steel\n\nThe river is wide."


def test_the_lead_of_a_list_brings_its_items(ask: Callable[..., Answer]) -> None:
    lead = "The port ships the following goods:"
    assert quotes(ask("goods following", LIST)) == [lead, "coal", "bread.", "steel"]


def test_several_items_bring_the_others_and_one_alone_stays_alone(ask: Callable[..., Answer]) -> None:
    lead = "The port ships the following goods:"
    assert quotes(ask("coal steel", LIST)) == [lead, "coal", "bread.", "steel"]
    assert quotes(ask("steel", LIST)) == ["steel"]


def test_the_words_that_answer_are_pointed_out_where_it_is_sure(ask: Callable[..., Answer]) -> None:
    text = "The port was built in 7. The river is wide."
    (citation,) = ask("port built", text).citations
    assert citation.span is not None
    assert text[slice(*citation.span)] == "7"
    (citation,) = ask("river wide", text).citations
    assert citation.span is None


def test_hits_are_in_the_order_of_what_reading_has_shown(ask: Callable[..., Answer]) -> None:
    answer = ask("coal port", "The port is old.", "Coal comes to the port.", "The baker sleeps.")
    assert answer.hits[0].passage.document_id == "1.md"
    assert [h.score for h in answer.hits] == sorted((h.score for h in answer.hits), reverse=True)

import json
from pathlib import Path

import pytest

from qa import Assistant
from qa.calibration import calibrate
from qa.encoder import SentenceEncoder
from qa.errors import CorpusError, StoreError
from qa.features import GATE, RIGHT, SENTENCE
from qa.model import Model, model_for
from qa.questions import read_squad

TOWNS = {
    "Elm": ("The mayor of Elm is Rowan Birch.", "The port of Elm was built in 1912.", "Elm lies on the river Ash."),
    "Oakham": ("The castle of Oakham has nine towers.", "Linden Rose founded Oakham.", "Oakham sells salt and wool."),
    "Pinefield": ("Pinefield has a museum of clocks.", "Its school opened in 1875.", "Heather Moss wrote its anthem."),
}
QUESTIONS = {
    "Elm": ("Who is the mayor of Elm?", "When was the port of Elm built?", "Which river does Elm lie on?"),
    "Oakham": ("How many towers has the castle of Oakham?", "Who founded Oakham?", "What does Oakham sell?"),
    "Pinefield": ("What is the museum of Pinefield about?", "When did its school open?", "Who wrote its anthem?"),
}


@pytest.fixture
def squad(tmp_path: Path) -> Path:
    articles = []
    for town, sentences in TOWNS.items():
        text = " ".join(sentences)
        pairs = zip(QUESTIONS[town], sentences, strict=True)
        qas = [{"question": q, "answers": [{"text": s, "answer_start": text.index(s)}]} for q, s in pairs]
        qas.append({"question": f"Who burnt {town} down?", "answers": [], "is_impossible": True})
        articles.append({"title": town, "paragraphs": [{"context": text, "qas": qas}]})
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": articles}), "utf-8")
    return path


def test_a_fitted_model_answers_what_it_was_fitted_on_and_is_kept(
    squad: Path, encoder: SentenceEncoder, tmp_path: Path
) -> None:
    read = read_squad(squad)
    assert (len(read.documents), len(read.items)) == (3, 12)
    model = calibrate(read, encoder)
    assert list(model.sentence) == SENTENCE
    assert list(model.gate) == ["intercept", *GATE]
    assert list(model.right) == ["intercept", *RIGHT]
    model.save(tmp_path / "model")
    kept = Model.load(tmp_path / "model")
    assert (kept.sentence, kept.gate, kept.right) == (model.sentence, model.gate, model.right)
    assert model_for(encoder.fingerprint, encoder.dimension, tmp_path / "model").right == model.right
    assistant = Assistant.from_documents(read.documents, encoder, threshold=0)
    answered = [
        assistant.ask(item.question).citations[0].quote == item.answers[0] for item in read.items if item.answers
    ]
    assert sum(answered) >= 8


def test_an_encoder_without_a_model_has_the_bundled_weights_and_a_basis_of_its_own_size() -> None:
    model = model_for("another:1234", 768)
    assert model.basis.shape == (768, 64)
    assert model.encoder == "another:1234"


def test_files_that_hold_too_little_or_are_something_else_are_refused(
    squad: Path, encoder: SentenceEncoder, tmp_path: Path
) -> None:
    read = read_squad(squad)
    one = [item for item in read.items if item.article == "Elm"]
    with pytest.raises(CorpusError, match="at least 3 articles; found 1"):
        calibrate(read._replace(items=one), encoder)
    path = tmp_path / "other.json"
    path.write_text('{"question": "Why?"}', "utf-8")
    with pytest.raises(CorpusError, match="not in SQuAD's format"):
        read_squad(path)


def test_a_model_that_cannot_be_kept_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match="can't be written"):
        model_for("another:1234", 8).save(tmp_path / "file" / "model")

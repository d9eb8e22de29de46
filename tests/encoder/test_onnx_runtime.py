"""The encoder in ONNX Runtime gives what sentence-transformers gives."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.encoder import onnx_export as exporting
from qa.encoder import onnx_runtime as runtime
from qa.encoder.base import Encoder
from qa.encoder.bundled import DEFAULT, bundled_folder
from qa.encoder.onnx_export import ABOUT, BUNDLED, HEADS, MODEL, NETWORK, PROBED, WEIGHTS
from qa.encoder.onnx_runtime import PADDING, TOKENS, OnnxEncoder, batches, load
from qa.encoder.pytorch import SentenceEncoder
from qa.errors import EncoderError
from qa.settings import DEFAULTS, RUNTIMES

TEXTS = ["Which river is the port on?", "", "The port was built in 1912. " * 60, "Уголь и сталь", "re-enter\n\n½ 😀"]


@pytest.fixture
def kept(exported: Path, tmp_path: Path) -> Path:
    """A copy of the exported encoder, to be damaged."""
    shutil.copytree(exported, tmp_path / "encoder")
    return tmp_path / "encoder"


def encoder_in(kept: Path) -> Path:
    """The folder of the encoder, beside which the reader has its own."""
    (folder,) = (path for path in kept.iterdir() if not (path / HEADS).exists())
    return folder


def spans(texts: list[str]) -> list[list[tuple[int, int]]]:
    return [[(0, len(text) // 2), (len(text) // 2, len(text))] for text in texts]


def test_runtimes_are_those_of_the_settings() -> None:
    assert set(RUNTIMES) == {*runtime.LEAST_COSINE, "torch"}
    assert RUNTIMES[0] == DEFAULTS.runtime


def test_it_says_the_same_of_itself(encoder: Encoder, torch_encoder: SentenceEncoder) -> None:
    assert isinstance(encoder, OnnxEncoder)
    for name in ("fingerprint", "dimension", "max_tokens", "language"):
        assert getattr(encoder, name) == getattr(torch_encoder, name)
    encoder.verify()


@given(st.lists(st.sampled_from(TEXTS) | st.text(max_size=300), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_vectors_are_those_of_sentence_transformers(
    encoder: Encoder, torch_encoder: SentenceEncoder, texts: list[str]
) -> None:
    pairs = zip(
        encoder.encode_passages(texts, spans(texts)), torch_encoder.encode_passages(texts, spans(texts)), strict=True
    )
    for own, other in pairs:
        assert own.vector @ other.vector >= 0.9999
        assert np.abs(own.span_vectors - other.span_vectors).max() < 0.01


def test_a_model_with_prompts_gets_them(torch_encoder: SentenceEncoder, tmp_path: Path) -> None:
    folder = bundled_folder()
    assert folder is not None
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    config = copy / "config_sentence_transformers.json"
    about = json.loads(config.read_text("utf-8"))
    config.write_text(json.dumps(about | {"prompts": {"query": "query: ", "document": "passage: "}}), "utf-8")
    theirs = SentenceEncoder(str(copy))
    ours = load(str(copy), tmp_path / "encoder", "onnx")
    assert isinstance(ours, OnnxEncoder)
    for encode in ("encode_questions", "encode_passages"):
        one, other = (getattr(each, encode)(TEXTS[:1], [[(0, 5)]])[0] for each in (ours, theirs))
        assert one.vector @ other.vector >= 0.9999
        assert one.span_vectors[0] @ other.span_vectors[0] >= 0.9999
        assert one.vector @ torch_encoder.encode_questions(TEXTS[:1], [[]])[0].vector < 0.99
    config.write_text(json.dumps(about), "utf-8")
    assert load(str(copy), tmp_path / "encoder", "onnx").fingerprint != ours.fingerprint


def test_the_default_encoder_is_written_and_run_without_pytorch_and_sentence_transformers(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from qa.encoder.onnx_export import write\n"
        "from qa.encoder.onnx_runtime import OnnxEncoder\n"
        f"folder = Path({str(tmp_path)!r}); write({DEFAULT!r}, folder, 'onnx')\n"
        "encoder = OnnxEncoder(folder); encoder.verify(); encoder.encode_questions(['Why?'], [[]])\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_later_starts_write_nothing(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "export", lambda *_: pytest.fail("written again"))
    assert isinstance(load(DEFAULT, exported, "onnx"), OnnxEncoder)


def test_in_memory_nothing_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: Encoder) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = runtime.load_in_memory(DEFAULT)
    assert list(tmp_path.iterdir()) == []
    assert isinstance(own, OnnxEncoder)
    own.verify()
    one, other = (each.encode_questions(TEXTS[:1], [[]])[0].vector for each in (own, encoder))
    assert one @ other > 0.99999


def test_the_network_that_comes_with_the_package_is_what_would_be_exported_now(encoder: Encoder) -> None:
    now = exporting.exported_network(SentenceEncoder())
    folder = BUNDLED / DEFAULT
    assert json.loads((folder / ABOUT).read_text("utf-8")) == now.about, "run python -m qa.encoder.onnx_export"
    operations = [[node.op_type for node in g.graph.node] for g in (onnx.load_model(folder / NETWORK), now.graph)]
    assert operations[0] == operations[1]
    assert np.abs(np.load(folder / PROBED) - now.probed).max() < 1e-4
    assert encoder.tokenizer.to_str() == now.tokenizer.to_str()


def test_without_the_package_of_its_weights_the_default_encoder_is_exported_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "bundled_weights", lambda: None)
    exporting.write(DEFAULT, tmp_path, "onnx")
    expected = np.load(tmp_path / PROBED)
    assert (exporting.probe_vectors(OnnxEncoder(tmp_path)) * expected).sum(axis=-1).min() >= 0.9999


def test_other_vectors_are_refused_once_and_pytorch_runs_the_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runtime.LEAST_COSINE, "onnx", 1.1)
    assert isinstance(load(DEFAULT, tmp_path, "onnx"), SentenceEncoder)
    (about,) = (json.loads(path.read_text("utf-8")) for path in tmp_path.glob("*/encoder.json"))
    assert "its vectors differ" in about["refused"]
    monkeypatch.setattr(runtime, "export", lambda *_: pytest.fail("tried again"))
    assert isinstance(load(DEFAULT, tmp_path, "onnx"), SentenceEncoder)


def test_eight_bits_are_near_and_have_a_fingerprint_of_their_own(tmp_path: Path, encoder: Encoder) -> None:
    coarse = load(DEFAULT, tmp_path, "int8")
    assert isinstance(coarse, OnnxEncoder)
    assert coarse.fingerprint == f"{encoder.fingerprint}:int8"
    one, other = (each.encode_questions(TEXTS[:1], [[]])[0].vector for each in (coarse, encoder))
    assert 0.9 < one @ other < 0.99999
    (folder,) = tmp_path.iterdir()
    assert (folder / MODEL).stat().st_size < 30_000_000


@pytest.mark.parametrize("damage", ["cut", "weights", "about", "gone"])
def test_a_damaged_one_is_a_clear_error_and_exported_anew(
    kept: Path, damage: str, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = encoder_in(kept)
    if damage == "cut":
        (folder / MODEL).write_bytes((folder / MODEL).read_bytes()[:1000])
    elif damage == "weights":
        (folder / WEIGHTS).unlink()
    elif damage == "about":
        (folder / "encoder.json").write_text('{"fingerprint": 1}')
    else:
        (folder / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match="is damaged"):
        OnnxEncoder(folder)

    def export(name: str, to: Path, *_: object) -> None:
        assert (name, to) == (DEFAULT, folder)
        shutil.rmtree(to)
        shutil.copytree(encoder_in(exported), to)

    monkeypatch.setattr(runtime, "export", export)
    assert isinstance(load(DEFAULT, kept, "onnx"), OnnxEncoder)


def test_a_flipped_bit_is_found_before_anything_is_embedded(kept: Path) -> None:
    folder = encoder_in(kept)
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(EncoderError, match="is damaged: delete it"):
        load(DEFAULT, kept, "onnx").verify()


def test_where_nothing_can_be_written_the_encoder_is_exported_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    own = load(DEFAULT, tmp_path / "file", "onnx")
    assert isinstance(own, OnnxEncoder)
    own.verify()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_where_the_process_that_exports_it_fails_pytorch_runs_it_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    assert isinstance(load(DEFAULT, tmp_path, "onnx"), SentenceEncoder)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.integers(2, 600), max_size=60))
def test_each_text_is_read_once_beside_others_of_about_its_length(lengths: list[int]) -> None:
    found = list(batches(lengths))
    assert sorted(number for batch in found for number in batch) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[number] for number in batch)
        assert len(batch) == 1 or len(batch) * longest <= TOKENS
        assert len(batch) * longest - sum(lengths[number] for number in batch) <= PADDING

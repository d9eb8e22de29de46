"""The encoder's network in ONNX Runtime: the same vectors in a fraction of the time, and no PyTorch to load.

It is exported once from the model that sentence-transformers has loaded, checked to give the same vectors, and kept
with all that reading a text needs. A process of its own does that, `python -m qa.runtime NAME FOLDER RUNTIME`, and
takes PyTorch and its memory with it when it ends.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa.encoder import PROBE, Encoded, Encoder, SentenceEncoder, Span, Vectors, pool, source_of, unit
from qa.errors import EncoderError
from qa.model import INT8

DEFAULT_RUNTIME = "onnx"
FORMAT = 2
LEAST_COSINE = {"onnx": 0.9999, "int8": 0.95}  # of a vector with sentence-transformers' own, or it is refused
MODEL, WEIGHTS, TOKENIZER, ABOUT = "model.onnx", "weights.bin", "tokenizer.json", "encoder.json"
PROBED = "probed.npy"  # sentence-transformers' own vectors of PROBES
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
TOKENS = 2048  # in one pass of the network at most, padding counted
PADDING = 32  # of those: more would cost more than another pass
PROBES = (
    PROBE,
    "Which river is the port on?",
    "The port was built in 1912. " * 40,
    "Steel, coal and aluminium: the works employ 40,000 people, most of whom live on the left bank of the river.",
    "a",
)


class OnnxEncoder:
    """An encoder that was exported to a folder; raises EncoderError where a part of it is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        try:
            about = json.loads((folder / ABOUT).read_text("utf-8"))
            if any((folder / name).stat().st_size != size for name, size in about["sizes"].items()):
                raise ValueError("not all of it is there")
            options = onnxruntime.SessionOptions()
            options.add_session_config_entry("session.intra_op.spin_duration_us", "50")  # others use the cores as well
            options.add_session_config_entry("session.force_spinning_stop", "1")
            self._session = onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"])
            self.tokenizer: Tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            self._truncating = Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # the libraries' own kinds, which have no common base
            raise EncoderError(f"the encoder in {folder} is damaged ({type(error).__name__}): delete it") from error
        self._folder = folder
        self._about = about
        self.fingerprint: str = about["fingerprint"]
        self.dimension: int = about["dimension"]
        self.max_tokens: int = about["max_tokens"]
        self.language: str = about["language"]
        self._truncating.enable_truncation(self.max_tokens)

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Vectors of texts that are searched and of their stretches."""
        return self._encode(self._about["document"], texts, spans)

    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Vectors of questions and of their stretches."""
        return self._encode(self._about["query"], texts, spans)

    def verify(self) -> None:
        """Raise EncoderError unless the network is the one that was exported."""
        if any(_checksum(self._folder / name) != known for name, known in self._about["sha256"].items()):
            raise EncoderError(f"the encoder in {self._folder} is damaged: delete it")

    def _encode(self, before: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        read = self._truncating.encode_batch([before + text for text in texts])
        found: dict[int, Encoded] = {}
        for batch in batches([len(one.ids) for one in read]):
            tokens = self._session.run(None, self._inputs([read[n].ids for n in batch]))[0]
            for n, embedded in zip(batch, tokens, strict=True):
                own = embedded[: len(read[n].ids)]
                whole = own[0] if self._about["pooling"] == "cls" else own.mean(axis=0)
                found[n] = Encoded(unit(whole), pool(own, read[n].offsets, spans[n], len(before)))
        return [found[n] for n in range(len(texts))]

    def _inputs(self, ids: Sequence[Sequence[int]]) -> dict[str, Any]:
        shape = len(ids), max(map(len, ids))
        arrays = {name: np.zeros(shape, dtype=np.int64) for name in self._about["inputs"]}
        for row, own in enumerate(ids):
            arrays["input_ids"][row, : len(own)] = own
            arrays["attention_mask"][row, : len(own)] = 1
        return arrays


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The numbers of the texts that go through the network together, by their tokens: of about one length."""
    batch: list[int] = []
    padding = 0
    for number in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        longest = lengths[batch[0]] if batch else lengths[number]
        padding += longest - lengths[number]
        if batch and (padding > PADDING or (len(batch) + 1) * longest > TOKENS):
            yield batch
            batch, padding = [], 0
        batch.append(number)
    if batch:
        yield batch


def load(name: str, folder: Path, runtime: str = DEFAULT_RUNTIME) -> Encoder:
    """The encoder of a name in a runtime, exported into `folder` the first time.

    A model that can't be exported, or gives other vectors then, is run by PyTorch. Raises EncoderError where it can't
    be loaded.
    """
    if runtime == "torch":
        return SentenceEncoder(name)
    settings = json.dumps([FORMAT, name, runtime, source_of(name)])
    kept = folder / hashlib.sha256(settings.encode()).hexdigest()[:16]
    if "refused" not in _about(kept):
        with contextlib.suppress(EncoderError):
            return OnnxEncoder(kept)
        with contextlib.suppress(EncoderError, OSError, subprocess.SubprocessError):
            export(name, kept, runtime)
            return OnnxEncoder(kept)
    return SentenceEncoder(name)


def export(name: str, folder: Path, runtime: str) -> None:
    """Export an encoder's network into a folder of its own, or the reason why not, so that it isn't tried again.

    Raises OSError or subprocess.SubprocessError where nothing can be kept, or the encoder can't be loaded.
    """
    making = folder.with_name(f"{folder.name}-{os.getpid()}")
    for died in folder.parent.glob(f"{folder.name}-*"):
        shutil.rmtree(died, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        subprocess.run(
            [sys.executable, "-m", __name__, name, str(making.absolute()), runtime],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))},
            check=True,
        )
        if "refused" not in _about(making):
            try:
                _compare(np.load(making / PROBED), _probed(OnnxEncoder(making)), LEAST_COSINE[runtime])
            except EncoderError as error:
                _refuse(making, error)
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def write(name: str, folder: Path, runtime: str) -> None:
    """Write an encoder's network into a folder, or why it can't be: what `export` runs in a process of its own.

    Raises EncoderError where it can't be loaded, OSError where it can't be written.
    """
    encoder = SentenceEncoder(name)
    try:
        encoder.verify()
        np.save(folder / PROBED, _probed(encoder))
        _write(encoder, folder, runtime)
    except OSError:
        raise
    except Exception as error:  # a network can fail to be exported in any way
        _refuse(folder, error)


def _refuse(folder: Path, error: Exception) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / ABOUT).write_text(json.dumps({"refused": str(error)[:500]}), "utf-8")


def _write(encoder: SentenceEncoder, folder: Path, runtime: str) -> None:
    network, pooling, inputs = encoder.network()
    if pooling not in ("mean", "cls"):
        raise EncoderError(f"its vectors are not the mean of its tokens' or the first one's, but {pooling}")
    names = [name for name in INPUTS if name in inputs]
    _export(network, names, folder / MODEL)
    if runtime == "int8":
        _quantize(folder)
    encoder.tokenizer.save(str(folder / TOKENIZER))
    files = [path for path in (folder / MODEL, folder / WEIGHTS) if path.is_file()]
    about = {
        "fingerprint": encoder.fingerprint + (INT8 if runtime == "int8" else ""),
        "dimension": encoder.dimension,
        "max_tokens": encoder.max_tokens,
        "language": encoder.language,
        "pooling": pooling,
        "inputs": names,
        "query": encoder.prompt("query"),
        "document": encoder.prompt("document"),
        "sizes": {path.name: path.stat().st_size for path in files},
        "sha256": {path.name: _checksum(path) for path in files},
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1), "utf-8")


def _export(network: Any, names: Sequence[str], path: Path) -> None:
    """Write a network, its weights in a file beside it: less memory to export it, and to run it, which maps that."""
    import onnx
    import torch

    network.set_attn_implementation("eager")  # which ONNX Runtime makes one with what is around it
    tokens = _tokens_of(network, names)
    example = torch.ones((2, 8), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tokens,
            (example,) * len(names),
            path,
            input_names=names,
            output_names=["tokens"],
            dynamic_axes={name: {0: "texts", 1: "length"} for name in (*names, "tokens")},
            dynamo=False,
            export_params=False,
            do_constant_folding=False,  # as weights then lose their names
        )
    model = onnx.load_model(path)
    inputs = {given.name: given for given in model.graph.input}
    for name, weight in tokens.state_dict().items():
        if name in inputs:
            model.graph.input.remove(inputs[name])
            model.graph.initializer.append(onnx.numpy_helper.from_array(weight.numpy(), name))
    onnx.save_model(model, path, save_as_external_data=True, location=WEIGHTS)
    shutil.copymode(path, path.with_name(WEIGHTS))


def _quantize(folder: Path) -> None:
    """Weights in 8 bits, one scale for each channel, in the network's own file."""
    import onnx
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    whole = folder / "whole.onnx"
    quant_pre_process(onnx.load_model(folder / MODEL), whole, skip_symbolic_shape=True)
    (folder / WEIGHTS).unlink()
    quantize_dynamic(whole, folder / MODEL, per_channel=True, weight_type=QuantType.QInt8)
    whole.unlink()


def _probed(encoder: Encoder) -> Vectors:
    """The vectors of PROBES as passages and as questions, each with those of its halves: shape (n, 3, dimension)."""
    spans = [[(0, len(text) // 2), (len(text) // 2, len(text))] for text in PROBES]
    found = encoder.encode_passages(PROBES, spans) + encoder.encode_questions(PROBES, spans)
    return np.stack([np.vstack([one.vector, one.stretches]) for one in found])


def _compare(expected: Vectors, found: Vectors, least: float) -> None:
    there = np.linalg.norm(expected, axis=-1) > 0  # which a stretch without a token isn't
    cosine = float((expected * found).sum(axis=-1)[there].min())
    if not cosine >= least:
        raise EncoderError(f"its vectors differ from sentence-transformers' own (cosine {cosine:.5f})")


def _about(folder: Path) -> dict[str, Any]:
    """What is said of the encoder in a folder; nothing where there is none, or it is damaged."""
    try:
        return dict(json.loads((folder / ABOUT).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _tokens_of(network: Any, names: Sequence[str]) -> Any:
    """A module that gives the embeddings of a network's tokens, for its inputs in this order."""
    import torch

    class Tokens(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *inputs: torch.Tensor) -> Any:
            return self.network(**dict(zip(names, inputs, strict=True))).last_hidden_state

    return Tokens()


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), sys.argv[3])

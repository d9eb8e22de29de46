"""The encoder's network in ONNX Runtime: the same vectors in a fraction of the time, and no PyTorch to load.

It is exported once from the model that sentence-transformers has loaded, checked to give the same vectors, and kept
with all that reading a text needs, so that later starts need neither of the two.
"""

import hashlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa.encoder import PROBE, Encoded, Encoder, SentenceEncoder, Span, Vectors, pool, source_of, unit
from qa.errors import EncoderError
from qa.model import INT8

DEFAULT_RUNTIME = "onnx"
FORMAT = 1
LEAST_COSINE = {"onnx": 0.9999, "int8": 0.95}  # of a vector with sentence-transformers' own, or it is refused
MODEL, TOKENIZER, ABOUT = "model.onnx", "tokenizer.json", "encoder.json"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
TOKENS = 2048  # in one pass of the network at most, padding counted
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
            if (folder / MODEL).stat().st_size != about["size"]:
                raise ValueError("not all of it is there")
            options = onnxruntime.SessionOptions()
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others use the cores as well
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
        if _checksum(self._folder / MODEL) != self._about["sha256"]:
            raise EncoderError(f"the encoder in {self._folder} is damaged: delete it")

    def _encode(self, before: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        read = self._truncating.encode_batch([before + text for text in texts])
        found: list[Encoded] = []
        first = 0
        while first < len(texts):
            last, longest = first, 0
            while last < len(texts) and (last - first + 1) * max(longest, len(read[last].ids)) <= TOKENS:
                longest = max(longest, len(read[last].ids))
                last += 1
            last = max(last, first + 1)
            tokens = self._session.run(None, self._inputs([one.ids for one in read[first:last]]))[0]
            for one, embedded, stretches in zip(read[first:last], tokens, spans[first:last], strict=True):
                own = embedded[: len(one.ids)]
                whole = own[0] if self._about["pooling"] == "cls" else own.mean(axis=0)
                found.append(Encoded(unit(whole), pool(own, one.offsets, stretches, len(before))))
            first = last
        return found

    def _inputs(self, ids: Sequence[Sequence[int]]) -> dict[str, Any]:
        shape = len(ids), max(map(len, ids))
        arrays = {name: np.zeros(shape, dtype=np.int64) for name in self._about["inputs"]}
        for row, own in enumerate(ids):
            arrays["input_ids"][row, : len(own)] = own
            arrays["attention_mask"][row, : len(own)] = 1
        return arrays


def load(name: str, folder: Path, runtime: str = DEFAULT_RUNTIME) -> Encoder:
    """The encoder of a name in a runtime, exported into `folder` the first time.

    A model that can't be exported, or gives other vectors then, is run by PyTorch. Raises EncoderError where it can't
    be loaded.
    """
    if runtime == "torch":
        return SentenceEncoder(name)
    settings = json.dumps([FORMAT, name, runtime, source_of(name)])
    kept = folder / hashlib.sha256(settings.encode()).hexdigest()[:16]
    about = _about(kept)
    if about and "refused" not in about:
        try:
            return OnnxEncoder(kept)
        except EncoderError:
            shutil.rmtree(kept, ignore_errors=True)
    encoder = SentenceEncoder(name)
    if about and "refused" in about:
        return encoder
    try:
        return export(encoder, kept, runtime)
    except OSError:  # it can't be kept
        return encoder


def export(encoder: SentenceEncoder, folder: Path, runtime: str) -> Encoder:
    """Export an encoder's network into a folder of its own and open it there; the encoder itself where that fails.

    Then the reason is kept, so that it isn't tried again. Raises OSError where nothing can be written.
    """
    making = folder.with_name(f"{folder.name}-{os.getpid()}")
    for died in folder.parent.glob(f"{folder.name}-*"):
        shutil.rmtree(died, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        try:
            encoder.verify()
            _write(encoder, making, runtime)
            _compare(encoder, OnnxEncoder(making), LEAST_COSINE[runtime])
        except OSError:
            raise
        except Exception as error:  # a network can fail to be exported in any way
            shutil.rmtree(making)
            making.mkdir()
            (making / ABOUT).write_text(json.dumps({"refused": str(error)[:500]}), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return encoder if "refused" in (_about(folder) or {}) else OnnxEncoder(folder)


def _write(encoder: SentenceEncoder, folder: Path, runtime: str) -> None:
    import torch

    network, pooling, inputs = encoder.network()
    if pooling not in ("mean", "cls"):
        raise EncoderError(f"its vectors are not the mean of its tokens' or the first one's, but {pooling}")
    names = [name for name in INPUTS if name in inputs]
    exported: Any = io.BytesIO()  # not a file, so that a full disk is told from a network that can't be exported
    example = torch.ones((2, 8), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _tokens_of(network, names),
            (example,) * len(names),
            exported,
            input_names=names,
            output_names=["tokens"],
            dynamic_axes={name: {0: "texts", 1: "length"} for name in (*names, "tokens")},
            dynamo=False,
        )
    (folder / MODEL).write_bytes(exported.getbuffer())
    if runtime == "int8":
        _quantize(folder / MODEL)
    encoder.tokenizer.save(str(folder / TOKENIZER))
    about = {
        "fingerprint": encoder.fingerprint + (INT8 if runtime == "int8" else ""),
        "dimension": encoder.dimension,
        "max_tokens": encoder.max_tokens,
        "language": encoder.language,
        "pooling": pooling,
        "inputs": names,
        "query": encoder.prompt("query"),
        "document": encoder.prompt("document"),
        "size": (folder / MODEL).stat().st_size,
        "sha256": _checksum(folder / MODEL),
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1), "utf-8")


def _quantize(path: Path) -> None:
    """Weights in 8 bits, one scale for each channel."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = path.with_name("whole.onnx")
    path.rename(whole)
    quantize_dynamic(whole, path, per_channel=True, weight_type=QuantType.QInt8)
    whole.unlink()


def _compare(encoder: Encoder, exported: Encoder, least: float) -> None:
    spans = [[(0, len(text) // 2), (len(text) // 2, len(text))] for text in PROBES]
    for encode in ("encode_passages", "encode_questions"):
        pairs = zip(getattr(encoder, encode)(PROBES, spans), getattr(exported, encode)(PROBES, spans), strict=True)
        for one, other in pairs:
            cosine = min(float(one.vector @ other.vector), *_cosines(one.stretches, other.stretches))
            if not cosine >= least:
                raise EncoderError(f"its vectors differ from sentence-transformers' own (cosine {cosine:.5f})")


def _cosines(one: Vectors, other: Vectors) -> list[float]:
    lengths = np.linalg.norm(one, axis=1)  # 0 for a stretch without a token
    return [float(cosine) if length else 1.0 for cosine, length in zip((one * other).sum(axis=1), lengths, strict=True)]


def _about(folder: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads((folder / ABOUT).read_text("utf-8")))
    except (OSError, ValueError):
        return None


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

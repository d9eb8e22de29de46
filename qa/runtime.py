"""The encoder's network in ONNX Runtime: the same vectors in a fraction of the time, and no PyTorch to load.

It is written once, by qa.exporting, checked to give the vectors that sentence-transformers gives, and kept with all
that reading a text needs.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from qa.encoder import Encoded, Encoder, SentenceEncoder, Span, Vectors, pool, source_of, unit
from qa.errors import EncoderError
from qa.exporting import ABOUT, MODEL, PROBED, TOKENIZER, checksum, probed, refuse
from qa.mapped import Mapped

DEFAULT_RUNTIME = "onnx"
FORMAT = 2
LEAST_COSINE = {"onnx": 0.9999, "int8": 0.95}  # of a vector with sentence-transformers' own, or it is refused
TOKENS = 2048  # in one pass of the network at most, padding counted
PADDING = 32  # of those: more would cost more than another pass


class OnnxNetwork:
    """A network that was exported to a folder; raises EncoderError where a part of it is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before it is loaded: it would look up its maker's host
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
        except Exception as error:  # the libraries' own kinds, which have no common base
            raise EncoderError(f"the encoder in {folder} is damaged ({type(error).__name__}): delete it") from error
        self.folder = folder
        self.about: dict[str, Any] = about
        self._mapped = Mapped({folder / name: size for name, size in about["sizes"].items()})

    def __call__(self, texts: Sequence[Sequence[int]], seconds: Sequence[int] | None = None) -> list[Vectors]:
        """The embeddings of each text's tokens, shape (tokens, dimension), from their ids.

        `seconds` says where in each text a second one begins, as a passage behind a question; none does otherwise.
        """
        if not self._mapped.are_whole():
            raise EncoderError(f"the encoder in {self.folder} has been cut: delete it")
        found: dict[int, Vectors] = {}
        for batch in batches([len(ids) for ids in texts]):
            given = self._inputs([texts[n] for n in batch], [seconds[n] for n in batch] if seconds else None)
            for n, tokens in zip(batch, self._session.run(None, given)[0], strict=True):
                found[n] = tokens[: len(texts[n])]
        return [found[n] for n in range(len(texts))]

    def verify(self) -> None:
        """Raise EncoderError unless the network is the one that was exported, where its files are still there."""
        if self.folder.exists() and any(
            checksum(self.folder / name) != known for name, known in self.about["sha256"].items()
        ):
            raise EncoderError(f"the encoder in {self.folder} is damaged: delete it")

    def _inputs(self, texts: Sequence[Sequence[int]], seconds: Sequence[int] | None) -> dict[str, Any]:
        shape = len(texts), max(map(len, texts))
        arrays = {name: np.zeros(shape, dtype=np.int64) for name in self.about["inputs"]}
        for row, ids in enumerate(texts):
            arrays["input_ids"][row, : len(ids)] = ids
            arrays["attention_mask"][row, : len(ids)] = 1
            if seconds:
                arrays["token_type_ids"][row, seconds[row] : len(ids)] = 1
        return arrays


class OnnxEncoder:
    """An encoder that was exported to a folder; raises EncoderError where a part of it is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self._network = OnnxNetwork(folder)
        self._about = self._network.about
        self.tokenizer = self._network.tokenizer
        self.fingerprint: str = self._about["fingerprint"]
        self.dimension: int = self._about["dimension"]
        self.max_tokens: int = self._about["max_tokens"]
        self.language: str = self._about["language"]
        self._truncating = type(self.tokenizer).from_str(self.tokenizer.to_str())
        self._truncating.enable_truncation(self.max_tokens)

    @property
    def folder(self) -> Path:
        """Where its network is."""
        return self._network.folder

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Vectors of texts that are searched and of their stretches."""
        return self._encode(self._about["document"], texts, spans)

    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Vectors of questions and of their stretches."""
        return self._encode(self._about["query"], texts, spans)

    def verify(self) -> None:
        """Raise EncoderError unless the network is the one that was exported, where its files are still there."""
        self._network.verify()

    def _encode(self, before: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        read = self._truncating.encode_batch([before + text for text in texts])
        found = []
        for one, tokens, stretches in zip(read, self._network([e.ids for e in read]), spans, strict=True):
            whole = tokens[0] if self._about["pooling"] == "cls" else tokens.mean(axis=0)
            found.append(Encoded(unit(whole), pool(tokens, one.offsets, stretches, len(before))))
        return found


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
    kept = kept_in(folder, name, runtime, source_of(name))
    if not refused(kept):
        with contextlib.suppress(EncoderError):
            return OnnxEncoder(kept)
        with contextlib.suppress(EncoderError, OSError, subprocess.SubprocessError):
            export(name, kept, runtime, partial(_compare, runtime))
            return OnnxEncoder(kept)
    return SentenceEncoder(name)


def load_in_memory(name: str, runtime: str = DEFAULT_RUNTIME) -> Encoder:
    """The encoder of a name in a runtime, of which nothing stays on the disk; raises EncoderError."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # what is mapped stays until it is let go of
        return load(name, Path(folder), runtime)


def export(name: str, folder: Path, runtime: str, compare: Callable[[Path], None]) -> None:
    """Export a network into a folder of its own, or the reason why not, so that it isn't tried again.

    `compare` raises EncoderError where it doesn't give what PyTorch gives. Raises OSError or
    subprocess.SubprocessError where nothing can be kept, or the encoder can't be loaded.
    """
    making = folder.with_name(f"{folder.name}-{os.getpid()}")
    for died in folder.parent.glob(f"{folder.name}-*"):
        shutil.rmtree(died, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        subprocess.run(
            [sys.executable, "-m", "qa.exporting", name, str(making.absolute()), runtime],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))},
            check=True,
        )
        if not refused(making):
            try:
                compare(making)
            except EncoderError as error:
                refuse(making, error)
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def refused(folder: Path) -> str:
    """Why the network that should be in a folder is not used; nothing where it is, or isn't there yet."""
    return str(_about(folder).get("refused", ""))


def kept_in(folder: Path, *settings: object) -> Path:
    """The folder in another one for a network that depends on these settings."""
    return folder / hashlib.sha256(json.dumps([FORMAT, *settings]).encode()).hexdigest()[:16]


def _compare(runtime: str, folder: Path) -> None:
    expected, found = np.load(folder / PROBED), probed(OnnxEncoder(folder))
    there = np.linalg.norm(expected, axis=-1) > 0  # which a stretch without a token isn't
    cosine = float((expected * found).sum(axis=-1)[there].min())
    if not cosine >= LEAST_COSINE[runtime]:
        raise EncoderError(f"its vectors differ from sentence-transformers' own (cosine {cosine:.5f})")


def _about(folder: Path) -> dict[str, Any]:
    """What is said of the encoder in a folder; nothing where there is none, or it is damaged."""
    try:
        return dict(json.loads((folder / ABOUT).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}

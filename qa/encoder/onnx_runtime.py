"""An encoder in ONNX Runtime: the same vectors in a fraction of the time, without loading PyTorch.

qa.encoder.onnx_export writes its network once. It is only used if it gives the vectors of sentence-transformers.
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
from typing_extensions import override

from qa.encoder.base import Encoded, Encoder, Vectors, pool, unit
from qa.encoder.bundled import DEFAULT, bundled_weights, file_stamps
from qa.encoder.hub import check_findable, check_pytorch
from qa.encoder.onnx_export import ABOUT, MODEL, PROBED, TOKENIZER, probe_vectors, refuse
from qa.encoder.pytorch import SentenceEncoder
from qa.errors import EncoderError
from qa.files import MappedFiles, sha256
from qa.types import Span

FORMAT = 2  # of an exported network
LEAST_COSINE = {"onnx": 0.9999, "int8": 0.95}  # between its vectors and those of sentence-transformers
TOKENS = 2048  # in one pass of the network, with padding
PADDING = 32  # tokens in one pass: more would cost more than another pass


class OnnxNetwork:
    """An exported network in a folder; raises EncoderError where a file is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, which looks up a host of its maker
        import onnxruntime
        from tokenizers import Tokenizer

        try:
            about = json.loads((folder / ABOUT).read_text("utf-8"))
            if any((folder / name).stat().st_size != size for name, size in about["sizes"].items()):
                raise ValueError("not all of it is there")
            self._mapped = MappedFiles(folder / name for name in about["sizes"])
            options = onnxruntime.SessionOptions()
            options.enable_mem_pattern = False  # one for each shape of texts would take 100 MB more, and save no time
            options.add_session_config_entry("session.intra_op.spin_duration_us", "50")  # others need the cores
            options.add_session_config_entry("session.force_spinning_stop", "1")
            self._session = onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"])
            self.tokenizer: Tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # the errors of these libraries have no common base
            raise EncoderError(f"the encoder in {folder} is damaged ({type(error).__name__}): delete it") from error
        self.folder = folder
        self.about: dict[str, Any] = about

    def __call__(self, texts: Sequence[Sequence[int]], seconds: Sequence[int] | None = None) -> list[Vectors]:
        """Return the embeddings of the tokens of each text, shape (tokens, dimension), from their ids.

        `seconds` says where the second segment of each text begins, such as the passage behind a question.
        """
        if not self._mapped.are_unchanged():
            raise EncoderError(f"the encoder in {self.folder} was written to while it was in use: delete it")
        embedded: dict[int, Vectors] = {}
        for batch in batches([len(ids) for ids in texts]):
            inputs = self._inputs([texts[n] for n in batch], [seconds[n] for n in batch] if seconds else None)
            for n, tokens in zip(batch, self._session.run(None, inputs)[0], strict=True):
                embedded[n] = tokens[: len(texts[n])]
        return [embedded[n] for n in range(len(texts))]

    def verify(self) -> None:
        """Raise EncoderError if the files of the network are there and have changed."""
        if self.folder.exists() and any(
            sha256(self.folder / name) != known for name, known in self.about["sha256"].items()
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


class OnnxEncoder(Encoder):
    """An exported encoder in a folder; raises EncoderError where a file is missing or damaged."""

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
        """The folder of its network."""
        return self._network.folder

    @override
    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        return self._encode(self._about["document"], texts, spans)

    @override
    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        return self._encode(self._about["query"], texts, spans)

    @override
    def verify(self) -> None:
        self._network.verify()

    def _encode(self, before: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        tokenized = self._truncating.encode_batch([before + text for text in texts])
        encoded = []
        for one, tokens, places in zip(tokenized, self._network([t.ids for t in tokenized]), spans, strict=True):
            whole = tokens[0] if self._about["pooling"] == "cls" else tokens.mean(axis=0)
            encoded.append(Encoded(unit(whole), pool(tokens, one.offsets, places, len(before))))
        return encoded


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group texts of similar length, given by their numbers of tokens; yield the indices of each group."""
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


def load(name: str, folder: Path, runtime: str) -> Encoder:
    """Load an encoder by name, exporting it into `folder` the first time.

    Where `folder` can't be written, it is exported in memory. PyTorch runs it where `runtime` is "torch", where it
    can't be exported, and where the export gives other vectors. Raises EncoderError where it can't be loaded.
    """
    check_encoder(name, folder, runtime)
    if runtime == "torch":
        return SentenceEncoder(name)
    try:
        return _exported(name, folder, runtime)
    except OSError:
        with contextlib.suppress(OSError, EncoderError):
            return load_in_memory(name, runtime)
    except EncoderError as error:
        if name == DEFAULT:
            bundled_weights()  # whose damage is what has to be said
            check_pytorch(f"{DEFAULT}, which ONNX Runtime can't run here ({error}),")
    return SentenceEncoder(name)


def check_encoder(name: str, folder: Path, runtime: str) -> None:
    """Raise EncoderError at once where an encoder, not yet exported into `folder`, or PyTorch for it is missing."""
    if runtime == "torch":
        check_pytorch("QA_RUNTIME=torch")
    elif _about(network_folder(folder, name, runtime, file_stamps(name))):
        return
    elif name != DEFAULT:
        check_pytorch(f"the encoder {name!r}")
    check_findable(name)


def load_in_memory(name: str, runtime: str = "onnx") -> Encoder:
    """Load an encoder by name, leaving nothing on the disk; raise EncoderError where that isn't possible."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # mapped files stay until they are closed
        return load(name, Path(folder), runtime)


def _exported(name: str, folder: Path, runtime: str) -> OnnxEncoder:
    """Load an encoder, exporting it first where that wasn't done; raise EncoderError where it can't be, or OSError."""
    kept = network_folder(folder, name, runtime, file_stamps(name))
    if not refusal(kept):
        with contextlib.suppress(EncoderError):  # missing or damaged
            return OnnxEncoder(kept)
        try:
            export(name, kept, runtime, partial(_compare, runtime))
        except subprocess.SubprocessError as error:
            raise EncoderError(f"it can't be exported: {error}") from error
    if reason := refusal(kept):
        raise EncoderError(reason)
    return OnnxEncoder(kept)


def export(name: str, folder: Path, runtime: str, compare: Callable[[Path], None]) -> None:
    """Export a network into a folder of its own, or write down there why it isn't used, so that it isn't tried again.

    `compare` raises EncoderError where the network doesn't give what PyTorch gives. Raises OSError or
    subprocess.SubprocessError where nothing can be written, or the encoder can't be loaded.
    """
    making = folder.with_name(f"{folder.name}-{os.getpid()}")
    for died in folder.parent.glob(f"{folder.name}-*"):
        shutil.rmtree(died, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        subprocess.run(
            [sys.executable, "-m", "qa.encoder.onnx_export", name, str(making.absolute()), runtime],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))},
            check=True,
        )
        if not refusal(making):
            try:
                compare(making)
            except EncoderError as error:
                refuse(making, error)
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def refusal(folder: Path) -> str:
    """Return why the network of a folder is not used; empty where it is used, or not there yet."""
    return str(_about(folder).get("refused", ""))


def network_folder(folder: Path, *settings: object) -> Path:
    """Return the folder, within another, of the network that these settings determine."""
    return folder / hashlib.sha256(json.dumps([FORMAT, *settings]).encode()).hexdigest()[:16]


def _compare(runtime: str, folder: Path) -> None:
    """Raise EncoderError unless the vectors of an exported encoder are those of sentence-transformers."""
    expected, vectors = np.load(folder / PROBED), probe_vectors(OnnxEncoder(folder))
    has_tokens = np.linalg.norm(expected, axis=-1) > 0
    cosine = float((expected * vectors).sum(axis=-1)[has_tokens].min())
    if not cosine >= LEAST_COSINE[runtime]:
        raise EncoderError(f"its vectors differ from sentence-transformers' own (cosine {cosine:.5f})")


def _about(folder: Path) -> dict[str, Any]:
    """Return what ABOUT says in a folder; empty where it is missing or damaged."""
    try:
        return dict(json.loads((folder / ABOUT).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}

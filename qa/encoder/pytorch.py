"""An encoder in PyTorch, by sentence-transformers. The only module that imports it."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.encoder.base import Encoded, Span, plain, pool, unit
from qa.encoder.bundled import DEFAULT, bundled_folder, bundled_weights
from qa.encoder.hub import check_findable, unloadable
from qa.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer


PROBE = (
    "Zürich, ＡＢＣ: naïve 漢字 don't re-enter 1,234.5 ½ Ελλάδα 😀"  # another way of reading text shows in its tokens
)
BATCH = 32  # texts in one pass of the network


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
        check_findable(name)
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
        raise unloadable(name, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:160] if lines else type(error).__name__

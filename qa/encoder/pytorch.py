"""An encoder in PyTorch, by sentence-transformers. The only module that imports that library."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from qa.encoder.base import Encoded, Encoder, pool, unit, untruncated
from qa.encoder.bundled import DEFAULT, bundled_folder, bundled_weights
from qa.encoder.hub import check_findable, check_pytorch, unloadable
from qa.errors import EncoderError
from qa.types import Span

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer


# a text whose tokens differ between tokenizers that normalize or split differently
PROBE = "Zürich, ＡＢＣ: naïve 漢字 don't re-enter 1,234.5 ½ Ελλάδα 😀"
BATCH = 32  # texts in one pass of the network


class SentenceEncoder(Encoder):
    """A sentence-transformers model, with its prompts for questions and passages where it defines them.

    `name` is the name of the default, a folder, or a name that sentence-transformers knows. Raises EncoderError where
    the model can't be loaded.
    """

    def __init__(self, name: str = DEFAULT) -> None:
        folder = bundled_folder() if name == DEFAULT else None
        if folder is not None or Path(name).is_dir():
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
        check_pytorch(f"the encoder {name!r}")
        check_findable(name)
        self._model = _load(str(folder or name), name)
        self._bundled = folder is not None
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.language = "en" if name == DEFAULT else ""
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.tokenizer = self._untruncated_tokenizer()
        self._truncating = self._untruncated_tokenizer()
        self._truncating.enable_truncation(self.max_tokens)
        self.fingerprint = f"{name}:{self._fingerprint()}"

    @override
    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        return self._encode(self._model.encode_document, "document", texts, spans)

    @override
    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        return self._encode(self._model.encode_query, "query", texts, spans)

    @override
    def verify(self) -> None:
        if self._bundled:
            bundled_weights()

    def prompt(self, kind: str) -> str:
        """Return the prompt before a text of a kind, "query" or "document"; empty where the model has none."""
        return (self._model.prompts or {}).get(kind) or ""

    def network(self) -> tuple[Any, str, list[str]]:
        """Return the network that embeds tokens, its pooling ("mean" or "cls"), and the names of its inputs.

        Raises EncoderError where the model consists of more than that.
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
        outputs = encode(list(texts), batch_size=BATCH, output_value=None, show_progress_bar=False)
        before = self.prompt(prompt)
        offsets = [e.offsets for e in self._truncating.encode_batch([before + text for text in texts])]
        return [
            Encoded(
                unit(one["sentence_embedding"].float().numpy()),
                pool(one["token_embeddings"].float().numpy(), tokens, places, len(before)),
            )
            for one, tokens, places in zip(outputs, offsets, spans, strict=True)
        ]

    def _untruncated_tokenizer(self) -> "Tokenizer":
        """Return a copy of the model's tokenizer that neither truncates nor pads."""
        from tokenizers import Tokenizer

        return untruncated(Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str()))

    def _fingerprint(self) -> str:
        """Return a hash of all that vectors depend on: weights, pooling, prompts and tokenizer."""
        pooling = [getattr(module, "pooling_mode", "") for module in self._model]
        tokens = self.tokenizer.encode(PROBE).ids
        digest = hashlib.sha256(repr((self._model.prompts, self.max_tokens, pooling, tokens)).encode())
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
    except Exception as error:  # each kind of model fails in its own way; the cause is chained for debugging
        raise unloadable(name, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:160] if lines else type(error).__name__

"""Text → unit vectors, of the whole and of stretches of it, by sentence-transformers. The only module that imports it.

One pass of the network gives both: a stretch's vector is the mean of its tokens' embeddings, which have read the whole
text. So a sentence's vector knows what its pronouns stand for, and costs nothing beyond its passage's.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]
Span = tuple[int, int]


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


def plain(tokenizer: "Tokenizer") -> "Tokenizer":
    """A tokenizer made to read all of a text and nothing beside it, to count and to split by."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer

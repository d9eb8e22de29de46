"""The Protocol of an encoder: text → unit vectors, of a whole text and of spans in it.

One pass of the network gives both. The vector of a span is the mean of its tokens' embeddings, and these have read the
whole text. So the vector of a sentence reflects what its pronouns stand for, at no cost beyond that of its passage.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from qa.types import Span

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]


class Encoded(NamedTuple):
    """The unit vector of a text, shape (dimension,), and those of spans in it, shape (spans, dimension)."""

    vector: Vectors
    span_vectors: Vectors


class Encoder(Protocol):
    """A model of sentence embeddings.

    Vectors of different `fingerprint`s never mix. `language` is the code of the language that the model was made for,
    empty where that is unknown or there are several. `tokenizer` neither truncates nor pads.
    """

    fingerprint: str
    dimension: int
    max_tokens: int
    language: str
    tokenizer: "Tokenizer"

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Return the vectors of texts to be searched, each with those of its spans, which are in order."""
        ...

    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        """Return the vectors of questions, each with those of its spans, which are in order."""
        ...

    def verify(self) -> None:
        """Raise EncoderError if the weights are known not to be the right ones."""
        ...


def unit(vectors: Vectors) -> Vectors:
    """Scale vectors to length 1 along the last axis; those of length 0 stay."""
    norms = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))  # twice as fast as numpy's norm
    scaled: Vectors = (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return scaled


def pool(tokens: Vectors, offsets: Sequence[Span], spans: Sequence[Span], shift: int) -> Vectors:
    """Return the unit vectors of spans, shape (spans, dimension): the mean of the tokens in each.

    `tokens` has shape (tokens, dimension), with their `offsets` in what was encoded: a prompt of `shift` characters and
    the text. `spans` are offsets in the text. A span without tokens, as truncation leaves it, gets the mean of all.
    """
    inside = [i for i, (start, end) in enumerate(offsets[: len(tokens)]) if end > start]
    if not spans or not inside:
        return np.zeros((len(spans), tokens.shape[1]), dtype=np.float32)
    starts, ends = [offsets[i][0] for i in inside], [offsets[i][1] for i in inside]
    ranges = [(bisect_right(ends, start + shift), bisect_left(starts, end + shift)) for start, end in spans]
    first, last = np.array([(i, j) if i < j else (0, len(inside)) for i, j in ranges]).T
    sums = np.zeros((len(inside) + 1, tokens.shape[1]), dtype=np.float32)
    np.cumsum(tokens[inside], axis=0, out=sums[1:])
    return unit((sums[last] - sums[first]) / (last - first)[:, None])


def untruncated(tokenizer: "Tokenizer") -> "Tokenizer":
    """Make a tokenizer read whole texts without padding, so that their tokens can be counted."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer

"""All sentences that were read for a question, compared with one another: which of them answers best.

A layer of a transformer over what the reader has made of each sentence, with what the retriever thinks of it, and over
"none of them". Its weights are trained together with the reader's, by training/train.py.
"""

from collections.abc import Mapping

import numpy as np

from qa.encoder.base import Vectors

PREFIX = "comparison."  # of its weights' names among the reader's
HEADS = 4
KNOWN = 3  # numbers about a sentence that the retriever gives


class Comparison:
    """Adds to each sentence's score what comparing it with all others shows."""

    def __init__(self, weights: Mapping[str, Vectors]) -> None:
        self._weights = {name.removeprefix(PREFIX): weights[name] for name in weights if name.startswith(PREFIX)}

    def __call__(self, hidden: Vectors, given: Vectors, passages: Vectors) -> Vectors:
        """What is added, shape (sentences,).

        `hidden` is what the reader has made of each sentence, shape (sentences, units). `given`, shape (sentences,
        KNOWN), is how far its passage is behind the first one, its cosine to the question less a half, and 1; or three
        zeros where that isn't known. `passages` has the number of each sentence's passage.
        """
        x = np.vstack([self._weights["none"], hidden + self._dense("given", given)])
        same = np.pad(passages[:, None] == passages, ((1, 0), (1, 0)))
        length, width = x.shape
        asked = self._dense("asked", _normal(x)).reshape(length, 3, HEADS, width // HEADS)
        q, k, v = asked.transpose(1, 2, 0, 3)
        logits = q @ k.transpose(0, 2, 1) / np.sqrt(width // HEADS) + same * self._weights["same"][:, None, None]
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        seen = powers / powers.sum(axis=-1, keepdims=True) @ v
        x = x + self._dense("out", seen.transpose(1, 0, 2).reshape(length, width))
        x = x + self._dense("down", _gelu(self._dense("up", _normal(x))))
        better = self._dense("better", _normal(x))[:, 0]
        added: Vectors = better[1:] - better[0]
        return added

    def _dense(self, name: str, x: Vectors) -> Vectors:
        y: Vectors = x @ self._weights[f"{name}.weight"].T + self._weights.get(f"{name}.bias", np.float32(0))
        return y


def _normal(x: Vectors) -> Vectors:
    """Each row with mean 0 and deviation 1."""
    above = x - x.mean(axis=-1, keepdims=True)
    scaled: Vectors = above / np.sqrt((above**2).mean(axis=-1, keepdims=True) + 1e-5)
    return scaled


def _gelu(x: Vectors) -> Vectors:
    """Hendrycks and Gimpel, Gaussian error linear units (2016), by its approximation with tanh."""
    y: Vectors = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return y

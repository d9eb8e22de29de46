"""Comparison: one transformer layer over all sentences read for a question, to tell which answers best.

Its inputs are the reader's hidden vector of each sentence plus the retriever's features, and a vector for "none of
them". Its weights are trained together with the reader's, by training/train.py.
"""

from collections.abc import Mapping

import numpy as np

from qa.encoder.base import Vectors

PREFIX = "comparison."  # of the names of its weights among the reader's
HEADS = 4
RETRIEVAL_FEATURES = 3  # of a sentence


class Comparison:
    """Computes a correction for each sentence's score by comparing it with all others."""

    def __init__(self, weights: Mapping[str, Vectors]) -> None:
        self._weights = {name.removeprefix(PREFIX): weights[name] for name in weights if name.startswith(PREFIX)}

    def __call__(self, hidden: Vectors, retrieval: Vectors, passages: Vectors) -> Vectors:
        """Return what to add to the sentences' scores, shape (sentences,).

        `hidden` holds the reader's vectors, shape (sentences, units). `retrieval` has the shape (sentences,
        RETRIEVAL_FEATURES): the fused score of the passage less the first passage's, the sentence's cosine to the
        question less a half, and 1; or three zeros if these are unknown. `passages` numbers each sentence's passage,
        shape (sentences,).
        """
        x = np.vstack([self._weights["none"], hidden + self._dense("given", retrieval)])
        same = np.pad(passages[:, None] == passages, ((1, 0), (1, 0)))
        length, width = x.shape
        projected = self._dense("asked", _layer_norm(x)).reshape(length, 3, HEADS, width // HEADS)
        q, k, v = projected.transpose(1, 2, 0, 3)
        logits = q @ k.transpose(0, 2, 1) / np.sqrt(width // HEADS) + same * self._weights["same"][:, None, None]
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        attended = weights / weights.sum(axis=-1, keepdims=True) @ v
        x = x + self._dense("out", attended.transpose(1, 0, 2).reshape(length, width))
        x = x + self._dense("down", _gelu(self._dense("up", _layer_norm(x))))
        scores = self._dense("better", _layer_norm(x))[:, 0]
        corrections: Vectors = scores[1:] - scores[0]
        return corrections

    def _dense(self, name: str, x: Vectors) -> Vectors:
        y: Vectors = x @ self._weights[f"{name}.weight"].T + self._weights.get(f"{name}.bias", np.float32(0))
        return y


def _layer_norm(x: Vectors) -> Vectors:
    """Scale each row to mean 0 and variance 1 (Ba and others, Layer normalization, 2016)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled: Vectors = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return scaled


def _gelu(x: Vectors) -> Vectors:
    """Apply GELU, approximated with tanh (Hendrycks and Gimpel, Gaussian error linear units, 2016)."""
    y: Vectors = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return y

"""The vectors of a passage as bytes in a cache, so that unchanged text is never embedded twice."""

import hashlib
import struct

import numpy as np

from qa.encoder.base import Encoded
from qa.types import Passage

HEADER = struct.Struct("<HH")  # dimension, sentences


def cache_key(passage: Passage) -> bytes:
    """Return a hash of what the vectors of a passage depend on: its label, its text and where its sentences stand."""
    places = [(s.start - passage.start, s.end - passage.start) for s in passage.sentences]
    return hashlib.sha256(f"{passage.label}\0{passage.text}\0{places}".encode()).digest()


def pack(encoded: Encoded) -> bytes:
    """Return the vectors of a passage and of its sentences as bytes."""
    vectors = np.vstack([encoded.vector[None], encoded.span_vectors]).astype(np.float32)
    return HEADER.pack(len(encoded.vector), len(encoded.span_vectors)) + vectors.tobytes()


def unpack(value: bytes) -> Encoded:
    """Return the vectors that were packed."""
    dimension, sentences = HEADER.unpack_from(value)
    vectors = np.frombuffer(value, np.float32, offset=HEADER.size).reshape(1 + sentences, dimension)
    return Encoded(vectors[0], vectors[1:])

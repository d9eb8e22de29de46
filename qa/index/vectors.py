"""The vectors of a passage as bytes, and the key that they are kept under: unchanged text is never embedded twice."""

import hashlib
import struct

import numpy as np

from qa.encoder.base import Vectors
from qa.types import Passage

HEADER = struct.Struct("<HH")  # dimension, sentences

Parts = tuple[Vectors, Vectors]  # of the passage and its sentences


def key(passage: Passage) -> bytes:
    """What a passage's vectors are kept under: its label, its text and where its sentences stand in it."""
    places = [(s.start - passage.start, s.end - passage.start) for s in passage.sentences]
    return hashlib.sha256(f"{passage.label}\0{passage.text}\0{places}".encode()).digest()


def packed(parts: Parts) -> bytes:
    """A passage's vectors as bytes."""
    vector, sentences = parts
    return HEADER.pack(len(vector), len(sentences)) + np.vstack([vector[None], sentences]).astype(np.float32).tobytes()


def unpacked(value: bytes) -> Parts:
    """The vectors that were packed."""
    dimension, sentences = HEADER.unpack_from(value)
    floats = np.frombuffer(value, np.float32, offset=HEADER.size).reshape(1 + sentences, dimension)
    return floats[0], floats[1:]

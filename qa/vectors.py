"""The vectors of a passage as bytes, and the key that they are kept under: unchanged text is never embedded twice."""

import hashlib
import struct

import numpy as np

from qa.encoder import Vectors
from qa.stores import Numbers
from qa.types import Passage
from qa.words import Packed

HEADER = struct.Struct("<HHHH")  # dimension, word dimension, sentences, words

Parts = tuple[Vectors, Vectors, Packed, Numbers]  # of the passage, its sentences, its words, and where those stand


def key(passage: Passage) -> bytes:
    """What a passage's vectors are kept under: its label, its text and where its sentences stand in it."""
    places = [(s.start - passage.start, s.end - passage.start) for s in passage.sentences]
    return hashlib.sha256(f"{passage.label}\0{passage.text}\0{places}".encode()).digest()


def packed(parts: Parts) -> bytes:
    """A passage's vectors as bytes."""
    vector, sentences, words, places = parts
    arrays = (vector, sentences, words, places.astype(np.uint16))
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return HEADER.pack(len(vector), words.shape[1], len(sentences), len(words)) + body


def unpacked(value: bytes) -> Parts:
    """The vectors that were packed."""
    dimension, word_dimension, sentences, words = HEADER.unpack_from(value)
    body = value[HEADER.size :]
    floats = np.frombuffer(body, np.float32, dimension * (1 + sentences)).reshape(1 + sentences, dimension)
    places = np.frombuffer(body[len(body) - 2 * words :], np.uint16).astype(np.int64)
    coarse = np.frombuffer(body[floats.nbytes : len(body) - 2 * words], np.int8).reshape(words, word_dimension)
    return floats[0], floats[1:], coarse, places

"""Word vectors made small: projected on the directions that tell most, and kept in a byte each."""

import numpy as np
import numpy.typing as npt

from qa.encoder import Vectors, unit

DIMENSIONS = 64
SCALE = 254  # of a unit vector's components, few of which are beyond ±0.5, where a byte ends

Packed = npt.NDArray[np.int8]


def basis(vectors: Vectors) -> Vectors:
    """The DIMENSIONS directions in which vectors, shape (n, dimension), spread most: their first singular vectors."""
    _, _, directions = np.linalg.svd(vectors, full_matrices=False)
    chosen: Vectors = directions[:DIMENSIONS].T.astype(np.float32)
    return chosen


def random_basis(dimension: int) -> Vectors:
    """Orthonormal directions for an encoder whose own are not known: the same at every call."""
    random = np.random.default_rng(0).standard_normal((dimension, min(DIMENSIONS, dimension)))
    directions: Vectors = np.linalg.qr(random)[0].astype(np.float32)
    return directions


def project(vectors: Vectors, onto: Vectors) -> Vectors:
    """Unit vectors of shape (n, DIMENSIONS)."""
    return unit(vectors @ onto)


def pack(projected: Vectors) -> Packed:
    """Projected vectors in a byte a component."""
    packed: Packed = np.round(np.clip(projected * SCALE, -127, 127)).astype(np.int8)
    return packed


def unpack(packed: Packed) -> Vectors:
    """The vectors that were packed, to half a step."""
    vectors: Vectors = packed.astype(np.float32) / np.float32(SCALE)
    return vectors

"""The passages nearest to a question by their vectors, and the only module that imports faiss.

All are compared up to EXACT of them. Above that an inverted file of vectors in 8 bits proposes some, which are then
compared as they are; its lists stay on the disk.
"""

import errno
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from qa.encoder.base import Vectors
from qa.index.local.columns import Whole, floats, is_mapped
from qa.index.store import Numbers

FILE = "vectors.faiss"
EXACT = 10_000  # vectors; docs/benchmarks.md has what either way takes
SPREAD = 5  # times what the components of a unit vector are on average, where a byte ends
POINTS = 50  # vectors for each list that they are drawn from
PROBED = 384  # lists are looked at, however many there are
PROPOSED = 2  # times as many as are wanted
CHUNK = 50_000  # vectors that are added at a time


class Nearest:
    """Finds the vectors nearest to one among `vectors`, of unit length and shape (n, dimension), as they are kept.

    Those of the numbers `without` are left out.
    """

    def __init__(self, vectors: Whole, inverted: Any = None, without: Sequence[int] = ()) -> None:
        self.vectors = vectors
        self._compared = floats(vectors) if inverted is None else None
        self._inverted = inverted
        self._without = without
        self._parameters = _parameters(inverted, len(vectors), without) if inverted and without else None

    @classmethod
    def build(cls, vectors: Whole, folder: Path | None = None, exact: int = EXACT) -> "Nearest":
        """What finds them, kept in a folder if one is given."""
        if len(vectors) <= exact:
            return cls(vectors)
        inverted = _inverted(vectors)
        if folder:
            import faiss

            try:
                faiss.write_index(inverted, str(folder / FILE))
            except RuntimeError as error:
                raise OSError(errno.EIO, "the vectors could not be written") from error
        return cls(vectors, inverted)

    @classmethod
    def open(cls, vectors: Whole, folder: Path, without: Sequence[int] = ()) -> "Nearest":
        """What was kept in a folder; raises RuntimeError where it is damaged."""
        path = folder / FILE
        if not path.is_file():
            return cls(vectors, without=without)
        import faiss

        inverted: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP if is_mapped(path) else 0)
        lists: Any = faiss.downcast_InvertedLists(inverted.invlists)
        lists.prefetch_nthread = 0  # starting threads for each question takes longer than reading
        if inverted.ntotal != len(vectors):
            raise RuntimeError("not all of the vectors are there")
        return cls(vectors, inverted, without)

    @property
    def kind(self) -> str:
        """What is done, for the manifest."""
        if self._inverted is None:
            return "exact"
        return f"inverted file of {self._inverted.nlist} lists in 8 bits, {self._inverted.nprobe} looked at"

    def __call__(self, vector: Vectors, k: int) -> Numbers:
        """The numbers of the k vectors whose inner product with a vector, shape (dimension,), is greatest."""
        with _one_thread():
            if self._compared is not None:
                nearest = _exact(vector, self._compared, min(k + len(self._without), len(self.vectors)))
                return nearest[~np.isin(nearest, self._without)][:k] if self._without else nearest
            proposing = min(PROPOSED * k, len(self.vectors))
            _, found = self._inverted.search(_bytes(vector[None]), proposing, params=self._parameters)
        proposed = np.sort(found[0][found[0] >= 0])
        best: Numbers = proposed[np.argsort(-(floats(self.vectors[proposed]) @ vector), kind="stable")[:k]]
        return best


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let a search take one thread: several wait actively for one another, which takes longer than the search."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _parameters(inverted: Any, size: int, without: Sequence[int]) -> Any:
    """Those of a search that leaves some numbers out."""
    import faiss

    there = np.ones(size, dtype=bool)
    there[without] = False
    parameters: Any = faiss.SearchParametersIVF
    selector: Any = faiss.IDSelectorBitmap
    return parameters(sel=selector(np.packbits(there, bitorder="little")), nprobe=inverted.nprobe)


def _exact(vector: Vectors, vectors: Vectors, k: int) -> Numbers:
    import faiss

    _, found = faiss.knn(vector[None], vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    numbers: Numbers = found[0].astype(np.int64)
    return numbers


def _inverted(vectors: Whole) -> Any:
    """Vectors in bytes, as which they are compared fastest, in the lists of the centres that they are nearest to.

    Of unit vectors those with the greatest inner product are the nearest, which adding 128 doesn't change.
    """
    import faiss

    dimension, kind = vectors.shape[1], faiss.ScalarQuantizer.QT_8bit_direct
    lists = 2 ** round(math.log2(4 * math.sqrt(len(vectors))))
    centres = faiss.IndexFlatL2(dimension)
    index = faiss.IndexIVFScalarQuantizer(centres, dimension, lists, kind, faiss.METRIC_L2, False)
    index.cp.max_points_per_centroid = POINTS
    step = max(1, len(vectors) // (lists * POINTS))
    index.train(_bytes(floats(vectors[::step])))
    for first in range(0, len(vectors), CHUNK):
        index.add(_bytes(floats(vectors[first : first + CHUNK])))
    index.nprobe = min(lists, PROBED)
    return index


def _bytes(vectors: Vectors) -> Vectors:
    """Unit vectors as whole numbers from 0 to 255."""
    scale = 127 * math.sqrt(vectors.shape[1]) / SPREAD
    whole: Vectors = np.clip(np.round(vectors * scale) + 128, 0, 255)
    return whole

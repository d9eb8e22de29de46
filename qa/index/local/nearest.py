"""Nearest-neighbour search over the vectors of passages. The only module that imports faiss.

Up to EXACT vectors, all are compared. Above that, an inverted file of vectors in 8 bits proposes candidates, which are
then compared in full. Its lists stay on the disk.
"""

import errno
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from qa.encoder.base import Vectors
from qa.index.local.columns import Int16Vectors, is_mapped, to_float32
from qa.index.store import Numbers

FILE = "vectors.faiss"
EXACT = 10_000  # vectors; docs/benchmarks.md has the times of both ways
SPREAD = 5  # 8 bits reach this many times the root mean square of the components
POINTS = 50  # vectors per list to train its centre with
PROBED = 384  # lists that are searched, however many there are
OVERSAMPLING = 2  # candidates for each vector that is wanted
CHUNK = 50_000  # vectors that are added at a time


class NearestNeighbors:
    """Finds the nearest of quantized unit `vectors`, shape (n, dimension), but for those of `excluded` numbers."""

    def __init__(self, vectors: Int16Vectors, inverted: Any = None, excluded: Sequence[int] = ()) -> None:
        self.vectors = vectors
        self._compared = to_float32(vectors) if inverted is None else None
        self._inverted = inverted
        self._excluded = excluded
        self._parameters = _search_parameters(inverted, len(vectors), excluded) if inverted and excluded else None

    @classmethod
    def build(cls, vectors: Int16Vectors, folder: Path | None = None, exact: int = EXACT) -> "NearestNeighbors":
        """Build the search over vectors, with its file in a folder if one is given."""
        if len(vectors) <= exact:
            return cls(vectors)
        inverted = _inverted_file(vectors)
        if folder:
            import faiss

            try:
                faiss.write_index(inverted, str(folder / FILE))
            except RuntimeError as error:
                raise OSError(errno.EIO, "the vectors could not be written") from error
        return cls(vectors, inverted)

    @classmethod
    def open(cls, vectors: Int16Vectors, folder: Path, excluded: Sequence[int] = ()) -> "NearestNeighbors":
        """Open the search in a folder; raise RuntimeError where its file is damaged."""
        path = folder / FILE
        if not path.is_file():
            return cls(vectors, excluded=excluded)
        import faiss

        inverted: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP if is_mapped(path) else 0)
        lists: Any = faiss.downcast_InvertedLists(inverted.invlists)
        lists.prefetch_nthread = 0  # starting threads for each question takes longer than reading
        if inverted.ntotal != len(vectors):
            raise RuntimeError("not all of the vectors are there")
        return cls(vectors, inverted, excluded)

    @property
    def kind(self) -> str:
        """How vectors are searched, for the manifest."""
        if self._inverted is None:
            return "exact"
        return f"inverted file of {self._inverted.nlist} lists in 8 bits, {self._inverted.nprobe} looked at"

    def __call__(self, vector: Vectors, k: int) -> Numbers:
        """Return the numbers of the k vectors with the greatest inner product with a vector, shape (dimension,)."""
        with _one_thread():
            if self._compared is not None:
                nearest = _exact(vector, self._compared, min(k + len(self._excluded), len(self.vectors)))
                return nearest[~np.isin(nearest, self._excluded)][:k] if self._excluded else nearest
            count = min(OVERSAMPLING * k, len(self.vectors))
            _, rows = self._inverted.search(_bytes(vector[None]), count, params=self._parameters)
        candidates = np.sort(rows[0][rows[0] >= 0])  # -1 where the lists held fewer
        best: Numbers = candidates[np.argsort(-(to_float32(self.vectors[candidates]) @ vector), kind="stable")[:k]]
        return best


@contextmanager
def _one_thread() -> Iterator[None]:
    """Search in one thread: several would spin while they wait for one another, for longer than the search takes."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _search_parameters(inverted: Any, size: int, excluded: Sequence[int]) -> Any:
    """Return the parameters of a search that excludes some numbers."""
    import faiss

    included = np.ones(size, dtype=bool)
    included[excluded] = False
    parameters: Any = faiss.SearchParametersIVF
    selector: Any = faiss.IDSelectorBitmap
    return parameters(sel=selector(np.packbits(included, bitorder="little")), nprobe=inverted.nprobe)


def _exact(vector: Vectors, vectors: Vectors, k: int) -> Numbers:
    import faiss

    _, rows = faiss.knn(vector[None], vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    numbers: Numbers = rows[0].astype(np.int64)
    return numbers


def _inverted_file(vectors: Int16Vectors) -> Any:
    """Return an inverted file of vectors in bytes, which are compared fastest.

    It ranks by distance. Among unit vectors that is the ranking by inner product, and _bytes doesn't change distances
    but for rounding.
    """
    import faiss

    dimension, kind = vectors.shape[1], faiss.ScalarQuantizer.QT_8bit_direct
    lists = 2 ** round(math.log2(4 * math.sqrt(len(vectors))))
    centres = faiss.IndexFlatL2(dimension)
    index = faiss.IndexIVFScalarQuantizer(centres, dimension, lists, kind, faiss.METRIC_L2, False)
    index.cp.max_points_per_centroid = POINTS
    step = max(1, len(vectors) // (lists * POINTS))
    index.train(_bytes(to_float32(vectors[::step])))
    for first in range(0, len(vectors), CHUNK):
        index.add(_bytes(to_float32(vectors[first : first + CHUNK])))
    index.nprobe = min(lists, PROBED)
    return index


def _bytes(vectors: Vectors) -> Vectors:
    """Return unit vectors as whole numbers from 0 to 255."""
    scale = 127 * math.sqrt(vectors.shape[1]) / SPREAD
    whole: Vectors = np.clip(np.round(vectors * scale) + 128, 0, 255)
    return whole

"""A share of the documents → their vectors, kept for whoever builds the index: many machines can do so at a time."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from qa.documents import load as corpora
from qa.documents.load import Share
from qa.encoder.onnx_runtime import load
from qa.index.build import Indexer, Progress, silent
from qa.index.snapshots import ENCODER, TEXTS, writing
from qa.index.update import settings_of, vector_cache
from qa.text.terms import Analyzer


def encode_share(
    places: Sequence[Path | str],
    index: Path,
    share: Share,
    encoder: str,
    *,
    language: str,
    runtime: str,
    max_file_mb: int,
    progress: Progress = silent,
) -> int:
    """Embed a share of the files into a file of its own in the index's cache of vectors; how many passages it has.

    Repeated, it embeds only what isn't kept yet. Building the index takes in the files of all shares that are in its
    folder, wherever they were made. Raises CorpusError, EncoderError or StoreError.
    """
    found = corpora.read(places, index / TEXTS, max_file_mb, progress, share)
    indexer = Indexer(load(encoder, index / ENCODER, runtime), Analyzer(language), progress)
    passages = [passage for document in found.documents for passage in indexer.split(document)]
    part = f"-{share.number}of{share.of}"
    with writing(index), closing(vector_cache(index, settings_of(indexer), part)) as cache:
        indexer.embed(passages, cache, forget=False)
    return len(passages)

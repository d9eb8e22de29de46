"""A shard of the documents → its vectors, so that many machines can embed a corpus before one builds the index."""

from collections.abc import Sequence
from pathlib import Path

from qa.cache import Cache
from qa.documents import load as corpora
from qa.documents.load import Shard
from qa.encoder.onnx_runtime import load
from qa.index.build import Indexer, silent
from qa.index.snapshots import ENCODER, TEXTS, VECTORS, writing
from qa.text.terms import Analyzer
from qa.types import Progress


def encode_shard(
    places: Sequence[Path | str],
    index: Path,
    shard: Shard,
    encoder: str,
    *,
    language: str,
    runtime: str,
    max_file_mb: int,
    progress: Progress = silent,
) -> int:
    """Embed a shard of the files into its own file in the cache of vectors, and return its number of passages.

    What is there already isn't embedded again. Building the index takes in the files of all shards that are in its
    folder, wherever they were made. Raises CorpusError, EncoderError or StoreError.
    """
    corpus = corpora.read(places, index / TEXTS, max_file_mb, progress, shard)
    indexer = Indexer(load(encoder, index / ENCODER, runtime), Analyzer(language), progress)
    passages = [passage for document in corpus.documents for passage in indexer.split(document)]
    name = f"{shard.number}of{shard.of}"
    with writing(index), Cache.open_shard(index / VECTORS, indexer.encoder.fingerprint, name) as cache:
        indexer.embed(passages, cache, forget=False)
    return len(passages)

"""A share of the documents → their vectors, kept for whoever builds the index: many machines can do so at a time."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from qa import corpus as corpora
from qa.assistant import ENCODER, TEXTS
from qa.corpus import MAX_FILE_MB, Share
from qa.generations import writing
from qa.indexing import Progress, embed, settings_of, vector_cache
from qa.passages import split
from qa.runtime import DEFAULT_RUNTIME, load
from qa.terms import Analyzer


def encode_share(
    places: Sequence[Path | str],
    index: Path,
    share: Share,
    encoder: str,
    *,
    language: str,
    runtime: str = DEFAULT_RUNTIME,
    max_file_mb: int = MAX_FILE_MB,
    progress: Progress = lambda *_: None,
) -> int:
    """Embed a share of the files into a file of its own in the index's cache of vectors; how many passages it has.

    Repeated, it embeds only what isn't kept yet. Building the index takes in the files of all shares that are in its
    folder, wherever they were made. Raises CorpusError, EncoderError or StoreError.
    """
    found = corpora.read(places, index / TEXTS, max_file_mb, progress, share)
    loaded = load(encoder, index / ENCODER, runtime)
    analyzer = Analyzer(language)
    passages = [p for d in found.documents for p in split(d, loaded.tokenizer, loaded.max_tokens)]
    settings = settings_of(loaded, analyzer)
    with writing(index), closing(vector_cache(index, settings, part=f"-{share.number}of{share.of}")) as cache:
        embed(passages, loaded, progress, cache, forget=False)
    return len(passages)

"""Documents → the store that many servers share: only what has changed is embedded and written."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from qa.encoder import Encoder
from qa.errors import CorpusError
from qa.generations import writing as writing_index
from qa.indexing import (
    NO_TEXT,
    Changes,
    Progress,
    changes_between,
    check_ids,
    embed,
    hashes_of,
    settings_of,
    vector_cache,
)
from qa.passages import split
from qa.stores import Shared
from qa.stores.milvus import MilvusStore
from qa.stores.writer import Filed, writing
from qa.terms import Analyzer
from qa.types import Document

AT_ONCE = 200_000  # characters of documents that are put into the store at once
MOST = 256  # documents


def share(
    shared: Shared,
    documents: Sequence[Document],
    index: Path,
    encoder: Encoder,
    analyzer: Analyzer,
    progress: Progress,
) -> tuple[MilvusStore, str, Changes]:
    """The shared store with these documents, the name of its generation, and what has changed in it.

    `index` has the cache of vectors. Raises CorpusError or StoreError.
    """
    check_ids(documents)
    hashes, settings = hashes_of(documents), settings_of(encoder, analyzer)
    depended_on = {name: str(value) for name, value in settings.items()}
    store = MilvusStore.open(shared, depended_on, encoder.dimension)
    before = store.digests()
    if before != hashes or (shared.rebuild and store.database.others()):
        encoder.verify()
        with (
            writing(store, analyzer, lambda message: progress(message, 0, 0)) as writer,
            writing_index(index),
            closing(vector_cache(index, settings)) as cache,
        ):
            there = store.digests()
            changed = [d for d in documents if there.get(d.id) != hashes[d.id]]
            done = 0
            for batch in _batches(changed):
                progress("documents", done, len(changed))
                parts = [split(d, encoder.tokenizer, encoder.max_tokens) for d in batch]
                passages = [passage for part in parts for passage in part]
                items = embed(passages, encoder, lambda *_: None, cache, forget=False)
                filed = [Filed(d, hashes[d.id], [next(items) for _ in p]) for d, p in zip(batch, parts, strict=True)]
                writer.replace([d.id for d in batch], filed)
                done += len(batch)
            progress("documents", done, len(changed))
            gone = list(there.keys() - hashes.keys())
            for first in range(0, len(gone), MOST):
                writer.replace(gone[first : first + MOST], [])
            if shared.rebuild:
                writer.drop_others()
    if not len(store):
        raise CorpusError(NO_TEXT)
    return store, store.generation, changes_between(before, hashes)


def _batches(documents: Sequence[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        if batch and (sum(len(d.text) for d in batch) + len(document.text) > AT_ONCE or len(batch) == MOST):
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch

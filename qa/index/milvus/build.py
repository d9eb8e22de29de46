"""Documents → the store that many servers share: only what has changed is embedded and written."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from qa.errors import CorpusError
from qa.index.build import NO_TEXT, Indexer, check_ids, silent
from qa.index.milvus.store import MilvusStore
from qa.index.milvus.writer import Filed, writing
from qa.index.snapshots import writing as writing_index
from qa.index.store import Shared
from qa.index.update import Changes, changes_between, hashes_of, settings_of, vector_cache
from qa.types import Document

AT_ONCE = 200_000  # characters of documents that are put into the store at once
MOST = 256  # documents


def share(
    shared: Shared,
    documents: Sequence[Document],
    index: Path,
    indexer: Indexer,
) -> tuple[MilvusStore, str, Changes]:
    """The shared store with these documents, the name of its generation, and what has changed in it.

    `index` has the cache of vectors. Raises CorpusError or StoreError.
    """
    check_ids(documents)
    hashes, settings = hashes_of(documents), settings_of(indexer)
    depended_on = {name: str(value) for name, value in settings.items()}
    store = MilvusStore.open(shared, depended_on, indexer.encoder.dimension)
    before = store.digests()
    if before != hashes or (shared.rebuild and store.database.others()):
        indexer.encoder.verify()
        with (
            writing(store, indexer.analyzer, lambda message: indexer.progress(message, 0, 0)) as writer,
            writing_index(index),
            closing(vector_cache(index, settings)) as cache,
        ):
            there = store.digests()
            changed = [d for d in documents if there.get(d.id) != hashes[d.id]]
            done = 0
            for batch in _batches(changed):
                indexer.progress("documents", done, len(changed))
                parts = [indexer.split(d) for d in batch]
                passages = [passage for part in parts for passage in part]
                items = replace(indexer, progress=silent).embed(passages, cache, forget=False)
                filed = [Filed(d, hashes[d.id], [next(items) for _ in p]) for d, p in zip(batch, parts, strict=True)]
                writer.replace([d.id for d in batch], filed)
                done += len(batch)
            if changed:
                indexer.progress("documents", done, len(changed))
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

"""The update of a store in Milvus: only documents that have changed are embedded and written."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from qa.cache import Cache
from qa.errors import CorpusError
from qa.index.build import NO_TEXT, Indexer, check_ids, silent
from qa.index.milvus.store import MilvusStore
from qa.index.milvus.writer import EmbeddedDocument, writing
from qa.index.snapshots import VECTORS
from qa.index.snapshots import writing as writing_index
from qa.index.store import MilvusOptions
from qa.index.update import Changes, changes_between, hashes_of, settings_of
from qa.types import Document

MAX_CHARACTERS = 200_000  # of the documents in a batch
MAX_DOCUMENTS = 256  # in a batch


def update_milvus(
    options: MilvusOptions, documents: Sequence[Document], index: Path, indexer: Indexer
) -> tuple[MilvusStore, str, Changes]:
    """Bring a store in Milvus up to date; return it, the name of its snapshot, and what has changed.

    The folder `index` holds the cache of vectors. Raises CorpusError or StoreError.
    """
    check_ids(documents)
    hashes, settings = hashes_of(documents), settings_of(indexer)
    store = MilvusStore.open(options, {name: str(value) for name, value in settings.items()}, indexer.encoder.dimension)
    before = store.digests()
    if before != hashes or (options.rebuild and store.database.others()):
        indexer.encoder.verify()
        with (
            writing(store, indexer.analyzer, lambda message: indexer.progress(message, 0, 0)) as writer,
            writing_index(index),
            closing(Cache.open(index / VECTORS, indexer.encoder.fingerprint)) as cache,
        ):
            stored = store.digests()
            changed = [d for d in documents if stored.get(d.id) != hashes[d.id]]
            done = 0
            for batch in _batches(changed):
                indexer.progress("documents", done, len(changed))
                passages = [indexer.split(d) for d in batch]
                quiet = replace(indexer, progress=silent)
                embedded = quiet.embed(list(chain.from_iterable(passages)), cache, forget=False)
                new = [
                    EmbeddedDocument(d, hashes[d.id], list(islice(embedded, len(of_document))))
                    for d, of_document in zip(batch, passages, strict=True)
                ]
                writer.replace([d.id for d in batch], new)
                done += len(batch)
            if changed:
                indexer.progress("documents", done, len(changed))
            removed = list(stored.keys() - hashes.keys())
            for first in range(0, len(removed), MAX_DOCUMENTS):
                writer.replace(removed[first : first + MAX_DOCUMENTS], [])
            if options.rebuild:
                writer.drop_others()
    if not len(store):
        raise CorpusError(NO_TEXT)
    return store, store.snapshot, changes_between(before, hashes)


def _batches(documents: Sequence[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        if batch and (
            sum(len(d.text) for d in batch) + len(document.text) > MAX_CHARACTERS or len(batch) == MAX_DOCUMENTS
        ):
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch

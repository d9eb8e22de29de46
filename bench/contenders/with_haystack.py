"""Haystack: the in-memory store's BM25 and embedding retrievers, joined by reciprocal rank fusion, as a pipeline."""

from pathlib import Path

from common import TOP_K, Find, Row, model, titled
from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)


def build(texts: list[Row], folder: Path) -> None:
    """Embed, and save the store as its JSON file."""
    embedder = SentenceTransformersDocumentEmbedder(model=model(), progress_bar=False)
    documents = [Document(id=number, content=titled(title, text)) for number, title, text in texts]
    store = InMemoryDocumentStore()
    store.write_documents(embedder.run(documents)["documents"])
    store.save_to_disk(str(folder / "store.json"))


def searcher(folder: Path) -> Find:
    """Build the pipeline of its tutorial on hybrid retrieval, without a reranker."""
    store = InMemoryDocumentStore.load_from_disk(str(folder / "store.json"))
    pipeline = Pipeline()
    pipeline.add_component("embedder", SentenceTransformersTextEmbedder(model=model(), progress_bar=False))
    pipeline.add_component("dense", InMemoryEmbeddingRetriever(store, top_k=TOP_K))
    pipeline.add_component("words", InMemoryBM25Retriever(store, top_k=TOP_K))
    pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=TOP_K))
    pipeline.connect("embedder", "dense")
    pipeline.connect("dense", "joiner")
    pipeline.connect("words", "joiner")

    def find(question: str) -> list[str]:
        result = pipeline.run({"embedder": {"text": question}, "words": {"query": question}})
        return [document.id for document in result["joiner"]["documents"]]

    return find

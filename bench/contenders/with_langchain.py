"""LangChain: FAISS and BM25Retriever in an EnsembleRetriever, which fuses by reciprocal rank."""

import json
import re
from pathlib import Path

from common import TOP_K, Find, Row, model, titled
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings

TEXTS = "texts.json"


def build(texts: list[Row], folder: Path) -> None:
    """Save the vectors and, as BM25Retriever can't be saved, the texts."""
    embeddings = HuggingFaceEmbeddings(model_name=model())
    numbers = [{"id": number} for number, _, _ in texts]
    contents = [titled(title, text) for _, title, text in texts]
    FAISS.from_texts(contents, embeddings, numbers).save_local(str(folder))
    (folder / TEXTS).write_text(json.dumps([contents, numbers]), "utf-8")


def searcher(folder: Path) -> Find:
    """Rebuild BM25 from lower-cased words; its default keeps punctuation and capitals."""
    embeddings = HuggingFaceEmbeddings(model_name=model())
    vectors = FAISS.load_local(str(folder), embeddings, allow_dangerous_deserialization=True)
    contents, numbers = json.loads((folder / TEXTS).read_text("utf-8"))
    words = BM25Retriever.from_texts(contents, numbers, preprocess_func=_words, k=TOP_K)
    both = EnsembleRetriever(
        retrievers=[words, vectors.as_retriever(search_kwargs={"k": TOP_K})], weights=[0.5, 0.5], id_key="id"
    )
    return lambda question: [document.metadata["id"] for document in both.invoke(question)][:TOP_K]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())

"""LangChain: FAISS and BM25Retriever in an EnsembleRetriever, which fuses by reciprocal rank."""

import json
import re
from pathlib import Path

from common import FOUND, Find, Row, model, titled
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings

TEXTS = "texts.json"


def build(texts: list[Row], folder: Path) -> None:
    """BM25Retriever can't be saved: the texts are."""
    embeddings = HuggingFaceEmbeddings(model_name=model())
    numbers = [{"id": number} for number, _, _ in texts]
    contents = [titled(title, text) for _, title, text in texts]
    FAISS.from_texts(contents, embeddings, numbers).save_local(str(folder))
    (folder / TEXTS).write_text(json.dumps([contents, numbers]), "utf-8")


def searcher(folder: Path) -> Find:
    """BM25 is rebuilt, of lower-cased words; by default it would split at spaces, punctuation and capitals kept."""
    embeddings = HuggingFaceEmbeddings(model_name=model())
    vectors = FAISS.load_local(str(folder), embeddings, allow_dangerous_deserialization=True)
    contents, numbers = json.loads((folder / TEXTS).read_text("utf-8"))
    words = BM25Retriever.from_texts(contents, numbers, preprocess_func=_words, k=FOUND)
    both = EnsembleRetriever(
        retrievers=[words, vectors.as_retriever(search_kwargs={"k": FOUND})], weights=[0.5, 0.5], id_key="id"
    )
    return lambda question: [found.metadata["id"] for found in both.invoke(question)][:FOUND]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())

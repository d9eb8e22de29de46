"""The embedded default: FAISS, BM25 and SQLite."""

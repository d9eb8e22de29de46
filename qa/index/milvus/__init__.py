"""A store in Milvus, shared by many servers."""

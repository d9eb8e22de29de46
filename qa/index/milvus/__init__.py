"""One index for many servers, in Milvus."""

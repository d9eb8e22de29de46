"""Documents → a Store to search."""

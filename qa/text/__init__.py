"""A document's text → passages, sentences and terms."""

"""Document → passages, sentences and terms."""

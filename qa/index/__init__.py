"""Documents → a Store that can be searched."""

"""A question and the passages that were found for it → Answer."""

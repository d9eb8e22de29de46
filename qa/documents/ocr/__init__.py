"""Pictures of pages → their text."""

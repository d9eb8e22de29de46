"""PDF → its text in reading order."""

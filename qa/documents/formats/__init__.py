"""One module or folder for each kind of file → its text as a reader sees it, with its blocks."""

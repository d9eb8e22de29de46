"""HTML → its text, with headings, lists, tables and listings."""

"""What converters write: words, rows and formulas, and the text that is made of them."""

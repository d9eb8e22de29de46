"""Text → words, in the form in which they are compared."""

import re
import unicodedata

WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")  # letters and digits, with accents that stand apart


def fold(text: str) -> str:
    """Lower case without accents, as words are compared."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))

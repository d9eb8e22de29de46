"""An index depends on how texts are split, by a version: whoever changes that raises it."""

import hashlib

from support import CORPUS, markdown
from tokenizers import Tokenizer

from qa.text.passages import VERSION, split
from qa.types import Document

MAX_TOKENS = 256  # the default encoder's
PLAIN = f"""The harbour
===========

Dr. Lowe went to No. 5, fig. 2. It was shut. {"Coal, steel and salt were weighed there " * 60}

Opening hours
{"The gate is open from eight to six, and closed on Sundays. " * 3}

1. Ships
   - sail
   - steam, {"x" * 3000}
2. Boats

Am 3. Oktober ist der Hafen zu. Das ist ein Feiertag, und die Stadt schläft.
"""
RECORDED = (1, "e2e548fccefb")


def documents() -> list[Document]:
    texts = [markdown(path.name, path.stem, path.read_text("utf-8")) for path in sorted(CORPUS.glob("*.md"))]
    return [*texts, Document("plain.txt", "The harbour", PLAIN)]


def test_whoever_changes_how_texts_are_split_raises_its_version(tokenizer: Tokenizer) -> None:
    passages = [
        (p.label, p.heading, p.start, p.end, [tuple(sentence) for sentence in p.sentences])
        for document in documents()
        for p in split(document, tokenizer, MAX_TOKENS)
    ]
    digest = hashlib.sha256(repr(passages).encode()).hexdigest()[:12]
    assert (VERSION, digest) == RECORDED, (
        "the passages are others: raise VERSION in qa/text/passages.py, so that indexes are built anew, and record it "
        "here with the new digest (the digest alone, where only the conversion of Markdown or corpus/ has changed)"
    )

"""What tests of several folders share: documents, and an encoder that a reader can work out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from qa import Document
from qa.documents.formats.markdown import convert_md
from qa.encoder.base import Encoded, Vectors, unit
from qa.types import Span

ROOT = Path(__file__).parents[1]

CORPUS = ROOT / "corpus"
VOCABULARY = ("river", "port", "coal", "baker")


def markdown(id_: str, title: str, text: str, path: Path | None = None) -> Document:
    """A document as a file in Markdown becomes one."""
    found = convert_md(text.encode())
    return Document(id_, title, found.text, found.blocks, path, found.links)


RIVER = markdown("river.md", "Rivers", "# Rivers\n\nThe port of Elm is on the Ash. It was built in 1912.")
TOWN = markdown("town.md", "Town", "# Town\n\nElm has a bakery, and its baker is called Rowan Birch.")


class WordCountEncoder:
    """An encoder whose vectors a reader can work out: how often each of four words occurs, scaled to length 1.

    A token is a word or a run of punctuation. `texts` are those that were encoded as passages.
    """

    fingerprint = "word-count"
    dimension = len(VOCABULARY)
    language = "en"

    def __init__(self, max_tokens: int = 64) -> None:
        self.max_tokens = max_tokens
        self.tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
        self.tokenizer.pre_tokenizer = Whitespace()  # type: ignore[assignment]
        self.texts: list[str] = []

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        self.texts += texts
        return self.encode_questions(texts, spans)

    def encode_questions(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        return [
            Encoded(_counted([text])[0], _counted([text[s:e] for s, e in own]))
            for text, own in zip(texts, spans, strict=True)
        ]

    def verify(self) -> None:
        pass


def _counted(texts: Sequence[str]) -> Vectors:
    counts = [[text.lower().count(word) for word in VOCABULARY] for text in texts]
    return unit(np.array(counts, dtype=np.float32).reshape(len(texts), len(VOCABULARY)))

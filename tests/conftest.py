"""What several test modules share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from qa import Assistant
from qa.encoder import Encoded, SentenceEncoder, Span, Vectors, bundled_folder, unit

settings.register_profile("repeatable", derandomize=True)  # what passed once passes again
settings.load_profile("repeatable")

CORPUS = Path(__file__).parent.parent / "corpus"
VOCABULARY = ("river", "port", "coal", "baker")


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


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    return SentenceEncoder()


@pytest.fixture
def counting() -> WordCountEncoder:
    return WordCountEncoder()


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    folder = bundled_folder()
    assert folder is not None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="session")
def demo(encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    return Assistant.open(CORPUS, tmp_path_factory.mktemp("index"))

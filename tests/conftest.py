"""What several test modules share."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from qa import Assistant
from qa.encoder import SentenceEncoder, bundled_folder

CORPUS = Path(__file__).parent.parent / "corpus"


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    return SentenceEncoder()


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

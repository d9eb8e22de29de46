"""What several test modules share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from filelock import FileLock
from hypothesis import settings
from support import CORPUS, WordCountEncoder
from tokenizers import Tokenizer

from qa import Assistant
from qa.answer.cross_encoder import CrossEncoder, load_reader
from qa.encoder.base import Encoder
from qa.encoder.bundled import DEFAULT, bundled_folder
from qa.encoder.onnx_runtime import load
from qa.encoder.pytorch import SentenceEncoder

pytest_plugins = ["web.browser"]

SLOW_FIXTURES = {"browser", "exported", "milvus_uri", "torch_encoder"}  # a browser, real networks, a database
SLOW_MODULES = {"multiprocessing", "serving", "subprocess"}  # imported by tests that start servers or processes

settings.register_profile("repeatable", derandomize=True)  # what passed once passes again
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests as slow that start a browser, a server or another process, or that run a real network."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        module = getattr(item, "module", None)
        imported = {value.__name__ for value in vars(module).values() if isinstance(value, ModuleType)}
        imported |= {getattr(value, "__module__", "") for value in vars(module).values()}
        if SLOW_FIXTURES & fixtures or SLOW_MODULES & imported:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def torch_encoder() -> SentenceEncoder:
    return SentenceEncoder()


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as an index has one, with the default encoder and the reader as they are run; one for all tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "encoder"
    with FileLock(f"{folder}.lock"):
        load(DEFAULT, folder, "onnx")
        load_reader(folder)
    return folder


@pytest.fixture
def empty_index(tmp_path: Path, exported: Path) -> Path:
    """An index with nothing in it but the encoder and the reader, which take longest."""
    shutil.copytree(exported, tmp_path / "index" / "encoder", copy_function=os.link)
    return tmp_path / "index"


@pytest.fixture(scope="session")
def encoder(exported: Path) -> Encoder:
    return load(DEFAULT, exported, "onnx")


@pytest.fixture(scope="session")
def reader(exported: Path) -> CrossEncoder:
    return load_reader(exported)


@pytest.fixture
def counting() -> WordCountEncoder:
    return WordCountEncoder()


@pytest.fixture
def milvus_uri(tmp_path: Path) -> Iterator[str]:
    """A file for Milvus Lite, whose server is stopped afterwards."""
    pytest.importorskip("pymilvus", reason="pymilvus isn't installed")
    manager = pytest.importorskip("milvus_lite.server_manager", reason="milvus-lite isn't installed")
    uri = str(tmp_path / "store.db")
    yield uri
    manager.server_manager_instance.release_server(uri)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    folder = bundled_folder()
    assert folder is not None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="session")
def demo(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    return Assistant.open(CORPUS, tmp_path_factory.mktemp("index"), encoder)

"""What was embedded once is not embedded again."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support import WordCountEncoder, markdown

from qa import Document
from qa.cache import Cache
from qa.encoder.base import Encoded
from qa.index import build
from qa.index import update as updating
from qa.index.build import Indexer
from qa.index.local.store import LocalStore
from qa.index.vectors import pack, unpack
from qa.text.terms import Analyzer

RIVER = "# Ash\n\nThe river has a port."
COAL = "# Elm\n\nCoal is black. The baker sells coal."


def documents(**texts: str) -> list[Document]:
    return [markdown(f"{name}.md", name.title(), text) for name, text in texts.items()]


def update(index: Path, given: list[Document]) -> tuple[Path, list[str]]:
    """The snapshot of these documents, and the texts that were embedded for it."""
    encoder = WordCountEncoder()
    folder, _ = updating.update(given, index, Indexer(encoder, Analyzer()))
    return folder, encoder.texts


def test_only_what_changed_is_embedded_again(tmp_path: Path) -> None:
    _, first = update(tmp_path, documents(ash=RIVER, elm=COAL))
    assert len(first) == 2
    _, changed = update(tmp_path, documents(ash=RIVER, elm=COAL + "\n\n# More\n\nA port."))
    assert changed == ["Elm. More. A port."]
    _, removed = update(tmp_path, documents(ash=RIVER))
    assert removed == []


def test_a_renamed_document_costs_nothing(tmp_path: Path) -> None:
    update(tmp_path, [Document("a/ash.md", "Ash", RIVER)])
    _, embedded = update(tmp_path, [Document("b/ash2.md", "Ash", RIVER)])
    assert embedded == []


def test_the_vectors_are_the_same_from_the_cache_as_from_the_encoder(tmp_path: Path) -> None:
    fresh, _ = update(tmp_path / "fresh", documents(ash=RIVER, elm=COAL))
    update(tmp_path / "other", documents(elm=COAL))
    reused, _ = update(tmp_path / "other", documents(ash=RIVER, elm=COAL))
    one, other = (LocalStore.open(folder) for folder in (fresh, reused))
    passages = one.passages([0, 1])
    assert other.passages([0, 1]) == passages
    question = np.array([0.6, 0.8, 0, 0], dtype=np.float32)
    both = zip(one.search(question, ["river"], 2), other.search(question, ["river"], 2), strict=True)
    assert all(np.array_equal(a, b) for a, b in both)


def test_a_build_that_was_interrupted_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "BATCH", 1)
    texts = {f"d{n}": f"The port is {'very ' * n}old." for n in range(5)}
    encoder = WordCountEncoder()

    def interrupt(_: str, done: int, __: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        updating.update(documents(**texts), tmp_path, Indexer(encoder, Analyzer(), interrupt))
    assert len(encoder.texts) == 3
    _, rest = update(tmp_path, documents(**texts))
    assert len(rest) == 2


def test_a_damaged_entry_is_embedded_again(tmp_path: Path) -> None:
    update(tmp_path, documents(ash=RIVER))
    (path,) = (tmp_path / "vectors").glob("*.sqlite")
    with sqlite3.connect(path) as database:
        (value,) = database.execute("SELECT value FROM kept").fetchone()
        database.execute("UPDATE kept SET value = ?", (value[:-1] + bytes([value[-1] ^ 1]),))
    database.close()
    _, embedded = update(tmp_path, documents(ash=RIVER, elm=COAL))
    assert len(embedded) == 2


def test_what_no_passage_uses_any_more_is_forgotten(tmp_path: Path) -> None:
    cache = Cache.open(tmp_path, "any")
    cache.put([(b"a", b"one"), (b"b", b"two")])
    cache.keep_only([b"b"])
    assert cache.known([b"a", b"b"]) == {b"b"}
    assert cache.get(b"b") == b"two"
    with pytest.raises(KeyError):
        cache.get(b"a")
    cache.close()


@given(st.integers(0, 5), st.data())
def test_what_is_kept_comes_back_as_it_was(sentences: int, data: st.DataObject) -> None:
    floats = st.floats(-1, 1, width=32)
    encoded = Encoded(
        data.draw(arrays.arrays(np.float32, 3, elements=floats)),
        data.draw(arrays.arrays(np.float32, (sentences, 3), elements=floats)),
    )
    found = unpack(pack(encoded))
    assert all(np.array_equal(a, b) and a.shape == b.shape for a, b in zip(found, encoded, strict=True))

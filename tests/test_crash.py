"""Builds and updates that are killed at any moment: the index opens as before or after, and the next one finishes."""

import os
import random
import signal
import time
from pathlib import Path

import faiss
import pytest
from conftest import WordCountEncoder

from qa import Document, generations, indexing
from qa.stores.local import LocalStore
from qa.terms import Analyzer
from qa.words import random_basis

KILLS = 50  # of each
BEFORE = [
    Document(f"{n}.md", f"Port {n}", f"# Port {n}\n\nThe port is on river {n}.\n\n- coal\n- bread") for n in range(80)
]
AFTER = [*BEFORE[5:], Document("new.md", "New", "The baker sells coal."), Document("0.md", "Port 0", "It was closed.")]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this machine")


def update(index: Path, documents: list[Document]) -> Path:
    return indexing.update(documents, index, WordCountEncoder(), Analyzer(), random_basis(4), lambda *_: None)


def texts(folder: Path) -> list[str]:
    """What a generation would answer from, read back through the store."""
    generations.check(folder, thoroughly=True)
    store = LocalStore.open(folder)
    found = [entry.passage.text for entry in store.entries(range(len(store)))]
    store.close()
    return found


def killed(index: Path, documents: list[Document], after: float) -> bool:
    """Update the index in a process of its own, and kill that after so many seconds; False if it had finished."""
    child = os.fork()
    if not child:
        try:
            faiss.omp_set_num_threads(1)  # its other threads are not here
            update(index, documents)
            os._exit(0)
        finally:
            os._exit(1)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("first", [None, BEFORE], ids=["a build", "an update"])
def test_a_killed_process_leaves_the_index_as_before_or_as_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: list[Document] | None
) -> None:
    monkeypatch.setattr(indexing, "BATCH", 8)
    begin = time.perf_counter()
    after = texts(update(tmp_path / "whole", AFTER))
    whole = time.perf_counter() - begin
    before = texts(update(tmp_path / "whole", BEFORE))
    rng, kills = random.Random(7), 0
    for number in range(KILLS):
        index = tmp_path / str(number)
        if first:
            update(index, first)
        kills += killed(index, AFTER, rng.uniform(0, whole))
        left = generations.current(index)
        if left is None:
            assert first is None
        else:
            assert texts(left) in ((before, after) if first else (after,))
        assert texts(update(index, AFTER)) == after
        assert not list(index.glob("building-*"))
    assert kills > KILLS // 3

"""Builds and updates that are killed at any moment: the index opens as before or after, and the next one finishes.

An update puts what has changed over the store that was there, as with a large index.
"""

import multiprocessing
import random
import shutil
import time
from contextlib import closing
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from support import WordCountEncoder, markdown

from qa import Document
from qa.index import build, snapshots
from qa.index import update as updating
from qa.index.build import Indexer
from qa.index.local.layered import NEWER, open_store
from qa.text.terms import Analyzer

KILLS = 50  # of each
MOST = 1000  # passages
BEFORE = [
    markdown(f"{n}.md", f"Port {n}", f"# Port {n}\n\nThe port is on river {n}.\n\n- coal\n- bread") for n in range(40)
]
AFTER = [*BEFORE[5:], Document("new.md", "New", "The baker sells coal."), Document("0.md", "Port 0", "It was closed.")]

DEADLINE_S = 60  # of a process that isn't killed

if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("no forkserver on this machine", allow_module_level=True)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Starts processes quickly: they begin as copies of one that has imported all of this and runs no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def update(index: Path, documents: list[Document]) -> Path:
    return updating.update(documents, index, Indexer(WordCountEncoder(), Analyzer()))[0]


def texts(folder: Path) -> list[str]:
    """What a snapshot would answer from, read back through the store."""
    snapshots.check(folder, thoroughly=True)
    with closing(open_store(folder)) as store:
        found = sorted(passage.text for passage in store.passages(range(MOST)).values())
        assert len(found) == len(store)
    return found


def update_in_small_batches(index: Path, documents: list[Document]) -> None:
    build.BATCH, updating.LEAST_KEPT = 8, 0
    update(index, documents)


def killed(processes: ForkServerContext, index: Path, documents: list[Document], after: float) -> bool:
    """Update the index in a process of its own, and kill that after so many seconds; False if it had finished."""
    process = processes.Process(target=update_in_small_batches, args=(index, documents))
    process.start()
    time.sleep(after)
    process.kill()
    process.join(DEADLINE_S)
    assert process.exitcode in (0, -9)
    return process.exitcode == -9


@pytest.mark.parametrize("first", [None, BEFORE], ids=["a build", "an update"])
def test_a_killed_process_leaves_the_index_as_before_or_as_after(
    tmp_path: Path, processes: ForkServerContext, first: list[Document] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updating, "LEAST_KEPT", 0)
    warm = processes.Process(target=update_in_small_batches, args=(tmp_path / "warm", BEFORE))
    warm.start()
    warm.join(DEADLINE_S)
    begin = time.perf_counter()
    process = processes.Process(target=update_in_small_batches, args=(tmp_path / "whole", AFTER))
    process.start()
    process.join(DEADLINE_S)
    whole = time.perf_counter() - begin
    after = texts(update(tmp_path / "whole", AFTER))
    before = texts(update(tmp_path / "before", BEFORE))
    rng, kills = random.Random(7), 0
    for number in range(KILLS):
        index = tmp_path / str(number)
        if first:
            shutil.copytree(tmp_path / "before", index)
        kills += killed(processes, index, AFTER, rng.uniform(0, whole))
        left = snapshots.current(index)
        if left is None:
            assert first is None
        else:
            assert texts(left) in ((before, after) if first else (after,))
        folder = update(index, AFTER)
        assert texts(folder) == after
        assert first is None or (folder / NEWER).is_dir()
        assert not list(index.glob("building-*"))
    assert kills > KILLS // 3

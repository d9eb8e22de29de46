from pathlib import Path

import pytest

from qa import generations
from qa.errors import StoreError


def write(name: str):  # type: ignore[no-untyped-def]
    return lambda folder: (folder / "data").write_text(name, "utf-8")


def test_the_newest_generation_is_in_use_and_others_are_gone(tmp_path: Path) -> None:
    assert generations.current(tmp_path) is None
    generations.create(tmp_path, "one", {"format": 1}, write("one"))
    folder = generations.create(tmp_path, "two", {"format": 1}, write("two"))
    assert generations.current(tmp_path) == folder
    assert generations.manifest(folder) == {"format": 1}
    assert (folder / "data").read_text("utf-8") == "two"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "two"]


def test_a_build_that_fails_leaves_the_old_generation_and_nothing_else(tmp_path: Path) -> None:
    old = generations.create(tmp_path, "one", {}, write("one"))

    def fail(folder: Path) -> None:
        (folder / "half").write_text("written", "utf-8")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        generations.create(tmp_path, "two", {}, fail)
    assert generations.current(tmp_path) == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "one"]


def test_an_index_that_cannot_be_written_or_read_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match="QA_INDEX"):
        generations.create(tmp_path / "file", "one", {}, write("one"))
    folder = generations.create(tmp_path / "index", "one", {}, write("one"))
    (folder / generations.MANIFEST).write_text("{", "utf-8")
    with pytest.raises(StoreError, match="damaged"):
        generations.manifest(folder)

import os
import random
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qa.errors import StoreError
from qa.index import snapshots


def write(name: str):  # type: ignore[no-untyped-def]
    def fill(folder: Path) -> None:
        (folder / "data").write_text(name, "utf-8")

    return fill


def test_the_newest_snapshot_is_in_use_and_others_are_gone(tmp_path: Path) -> None:
    assert snapshots.current(tmp_path) is None
    snapshots.create(tmp_path, "one", {"format": 1}, write("one"))
    folder = snapshots.create(tmp_path, "two", {"format": 1}, write("two"))
    assert snapshots.current(tmp_path) == folder
    assert snapshots.manifest(folder)["format"] == 1
    assert (folder / "data").read_text("utf-8") == "two"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "lock", "two"]


def test_a_build_that_fails_leaves_the_old_snapshot_and_nothing_else(tmp_path: Path) -> None:
    old = snapshots.create(tmp_path, "one", {}, write("one"))

    def fail(folder: Path) -> None:
        (folder / "half").write_text("written", "utf-8")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        snapshots.create(tmp_path, "two", {}, fail)
    assert snapshots.current(tmp_path) == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "lock", "one"]


def test_an_index_that_cannot_be_written_or_read_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match="QA_INDEX"):
        snapshots.create(tmp_path / "file", "one", {}, write("one"))
    folder = snapshots.create(tmp_path / "index", "one", {}, write("one"))
    (folder / snapshots.MANIFEST).write_text("{", "utf-8")
    with pytest.raises(StoreError, match="damaged"):
        snapshots.manifest(folder)


def test_current_is_replaced_at_once_and_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = snapshots.create(tmp_path, "one", {"format": 1}, write("one"))
    seen: list[tuple[Path | None, bool]] = []
    plain = Path.replace

    def watched(path: Path, target: Path) -> Path:
        seen.append((snapshots.current(tmp_path), (tmp_path / "two" / snapshots.MANIFEST).is_file()))
        return plain(path, target)

    monkeypatch.setattr(Path, "replace", watched)
    new = snapshots.create(tmp_path, "two", {"format": 1}, write("two"))
    assert seen == [(old, True)]
    assert snapshots.current(tmp_path) == new


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), RuntimeError("faiss"), sqlite3.OperationalError("disk is full")]
)
def test_whatever_ends_a_build_leaves_the_old_snapshot_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    old = snapshots.create(tmp_path, "one", {}, write("one"))

    def fail(folder: Path) -> None:
        (folder / "half").write_text("written", "utf-8")
        raise error

    with pytest.raises((type(error), StoreError)):
        snapshots.create(tmp_path, "two", {}, fail)
    assert snapshots.current(tmp_path) == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "lock", "one"]


def test_a_snapshot_is_built_again_where_its_manifest_is_gone(tmp_path: Path) -> None:
    folder = snapshots.create(tmp_path, "one", {}, write("old"))
    (folder / snapshots.MANIFEST).unlink()
    assert snapshots.current(tmp_path) is None
    snapshots.create(tmp_path, "one", {}, write("new"))
    assert (folder / "data").read_text("utf-8") == "new"


def test_only_snapshots_are_removed_from_the_index(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*\n", "utf-8")
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "weights.json").write_text("{}", "utf-8")
    snapshots.create(tmp_path, "one", {}, write("one"))
    snapshots.create(tmp_path, "two", {}, write("two"))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".gitignore", "calibration", "current", "lock", "two"]


@pytest.mark.parametrize(
    "name", [b"\xff\xfe", b"", b"\n", b"gone\n", b"x" * 5000], ids=["binary", "empty", "blank", "gone", "long"]
)
def test_a_damaged_current_is_as_none_or_a_clear_error(tmp_path: Path, name: bytes) -> None:
    snapshots.create(tmp_path, "one", {}, write("one"))
    (tmp_path / snapshots.CURRENT).write_bytes(name)
    try:
        assert snapshots.current(tmp_path) is None
    except StoreError as error:
        assert str(tmp_path) in str(error)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "\udcff"])
def test_a_manifest_that_is_no_json_object_is_damaged(tmp_path: Path, content: str) -> None:
    folder = snapshots.create(tmp_path, "one", {}, write("one"))
    (folder / snapshots.MANIFEST).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(StoreError, match="damaged: delete that folder") as caught:
        snapshots.manifest(folder)
    assert str(folder) in str(caught.value)


def test_a_current_that_is_no_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / snapshots.CURRENT).mkdir()
    with pytest.raises(StoreError, match="can't be read"):
        snapshots.current(tmp_path)


def test_a_bit_that_flips_anywhere_is_found(tmp_path: Path) -> None:
    folder = snapshots.create(tmp_path, "one", {"format": 1}, write("some data"))
    snapshots.check(folder, thoroughly=True)
    paths = [folder / "data", folder / snapshots.MANIFEST, tmp_path / snapshots.CURRENT]
    rng = random.Random(7)
    for path in paths:
        whole = path.read_bytes()
        for _ in range(70):
            damaged = bytearray(whole)
            damaged[rng.randrange(len(whole.strip()))] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(StoreError):
                in_use = snapshots.current(tmp_path)
                snapshots.check(in_use or folder, thoroughly=True)
        path.write_bytes(whole)
    snapshots.check(folder, thoroughly=True)


@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_a_file_that_is_not_whole_is_found_cheaply_and_built_again(tmp_path: Path, damage: str) -> None:
    folder = snapshots.create(tmp_path, "one", {}, write("some data"))
    if damage == "gone":
        (folder / "data").unlink()
    else:
        (folder / "data").write_text("some", "utf-8")
    assert not snapshots.is_whole(folder)
    with pytest.raises(StoreError, match="data is damaged"):
        snapshots.check(folder)
    snapshots.create(tmp_path, "one", {}, write("some data"))
    assert snapshots.is_whole(folder)


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "building-1234").mkdir(parents=True)
    (tmp_path / "building-1234" / "half").write_text("written", "utf-8")
    snapshots.create(tmp_path, "one", {}, write("one"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "lock", "one"]


def test_a_second_writer_says_who_is_first_and_waits_and_takes_what_that_one_made(tmp_path: Path) -> None:
    filling, go_on = threading.Event(), threading.Event()
    made: list[str] = []

    def slowly(folder: Path) -> None:
        filling.set()
        assert go_on.wait(30)
        (folder / "data").write_text("first", "utf-8")

    def told(message: str) -> None:
        made.append(message)
        go_on.set()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(snapshots.create, tmp_path, "one", {}, slowly)
        assert filling.wait(30)
        folder = snapshots.create(tmp_path, "one", {}, write("second"), told)
        assert first.result() == folder
    assert made == [f"{tmp_path} is being written by process {os.getpid()}: waiting"]
    assert (folder / "data").read_text("utf-8") == "first"

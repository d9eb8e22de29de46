"""An index whose files are cut or overwritten while it answers: an answer, or an error that says why, and no crash."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import CORPUS

from qa import Assistant
from qa.errors import StoreError
from qa.index import snapshots

PROGRAM = """
import sys
from pathlib import Path
from qa import Assistant
from qa.errors import QAError
from qa.index.local import columns

columns.SMALL = int(sys.argv[4])
index, name, how = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
assistant = Assistant.open(sys.argv[5], index)
text = assistant.document("novokuznetsk.md").text
(path,) = [p for p in index.rglob(name) if p.is_file()]
size = path.stat().st_size
with path.open("r+b") as stream:
    if how == "cut":
        stream.truncate(size // 3)
    else:
        stream.write(bytes(255 for _ in range(size)))
for question in ("Which river is its port on?", "Who leads the orchestra?"):
    try:
        answer = assistant.ask(question)
        assert all(text[one.start : one.end] == one.quote for one in answer.citations)
        print("answered")
    except QAError as error:
        print(error)
"""
DAMAGED = "the index is damaged: `qa status --verify` says where"
FILES = ["vectors", "sentences", "scales", "first_sentences", "terms.npy", "passages.npy", "weights.npy"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Path:
    folder = tmp_path_factory.mktemp("built") / "index"
    shutil.copytree(exported, folder / "encoder")
    Assistant.open(CORPUS, folder)
    return folder


def said(built: Path, tmp_path: Path, name: str, how: str, small: int) -> list[str]:
    """What a process answers to two questions, in which a file of the index is damaged after that is opened."""
    shutil.copytree(built, tmp_path / "index")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "index"), name, how, str(small), str(CORPUS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", [*FILES, "passages.sqlite"])
@pytest.mark.parametrize("how", ["cut", "overwritten"])
def test_a_file_that_is_damaged_under_way_is_an_error_and_no_answer(
    built: Path, tmp_path: Path, name: str, how: str
) -> None:
    assert said(built, tmp_path, name, how, small=0) == [DAMAGED] * 2


@pytest.mark.parametrize("name", FILES)
def test_a_small_file_is_not_needed_once_it_is_read(built: Path, tmp_path: Path, name: str) -> None:
    assert said(built, tmp_path, name, "cut", small=2**26) == ["answered"] * 2


def test_other_words_in_a_large_index_are_never_quoted(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "QUICKLY_CHECKED", 0)
    shutil.copytree(built, tmp_path / "index")
    (path,) = (tmp_path / "index").rglob("passages.sqlite")
    path.write_bytes(path.read_bytes().replace(b"Tom River", b"Ash River"))
    assistant = Assistant.open(CORPUS, tmp_path / "index")
    with pytest.raises(StoreError, match="is damaged"):
        assistant.ask("Which river is its port on?")
    with pytest.raises(StoreError, match="is damaged"):
        assistant.document("novokuznetsk.md")


def test_a_network_that_is_written_to_under_way_is_an_error_and_no_answer(built: Path, tmp_path: Path) -> None:
    lines = said(built, tmp_path, "weights.bin", "overwritten", small=2**26)
    assert [line.partition(": ")[2] for line in lines] == ["delete it"] * 2

"""An index whose files are cut or overwritten while it answers: an answer, or an error that says why, and no crash."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import CORPUS

from qa import Assistant

PROGRAM = """
import sys
from pathlib import Path
from qa import Assistant
from qa.errors import QAError
from qa.index.local import columns

columns.SMALL = int(sys.argv[4])
index, name, how = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
assistant = Assistant.open(sys.argv[5], index)
(path,) = [p for p in index.rglob(name) if p.is_file() and "encoder" not in p.parts]
text = (Path(sys.argv[5]) / "novokuznetsk.md").read_text("utf-8")
with path.open("r+b") as stream:
    if how == "cut":
        stream.truncate(path.stat().st_size // 3)
    else:
        stream.write(bytes(255 for _ in range(path.stat().st_size)))
for question in ("Which river is its port on?", "Who leads the orchestra?"):
    try:
        answer = assistant.ask(question)
        assert all(citation.quote in assistant.document("novokuznetsk.md").text for citation in answer.citations)
        print("answered")
    except QAError as error:
        print(error)
"""
FILES = ["vectors", "sentences", "scales", "first_sentences", "terms.npy", "passages.npy", "weights.npy"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Path:
    folder = tmp_path_factory.mktemp("built") / "index"
    shutil.copytree(exported, folder / "encoder")
    Assistant.open(CORPUS, folder)
    return folder


@pytest.mark.parametrize("name", [*FILES, "passages.sqlite"])
@pytest.mark.parametrize(("how", "small"), [("cut", 0), ("cut", 2**26), ("overwritten", 2**26)])
def test_what_is_damaged_under_way_ends_no_process(
    built: Path, tmp_path: Path, name: str, how: str, small: int
) -> None:
    shutil.copytree(built, tmp_path / "index")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "index"), name, how, str(small), str(CORPUS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-500:]
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line == "answered" or line.startswith("the index is damaged") for line in lines)

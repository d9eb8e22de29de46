"""Shards of a corpus are embedded apart, and the index is then built without embedding anything."""

import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from support import WordCountEncoder
from typer.testing import CliRunner

from qa import Assistant
from qa.cli.main import cli, main
from qa.documents.load import Shard
from qa.errors import StoreError
from qa.index.shards import encode_shard

SHARDS = 3


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> WordCountEncoder:
    encoder = WordCountEncoder()
    for module in ("index.shards", "assistant"):
        monkeypatch.setattr(f"qa.{module}.load", lambda *_: encoder)
    return encoder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.md").write_text(f"# Port {number}\n\nPort {number} is on a river.", "utf-8")
    return folder


def encode(corpus: Path, index: Path, number: int, of: int = SHARDS) -> int:
    return encode_shard([corpus], index, Shard(number, of), "any", language="en", runtime="onnx", max_file_mb=100)


def shards(corpus: Path, index: Path) -> list[int]:
    return [encode(corpus, index, number) for number in range(1, SHARDS + 1)]


def test_the_build_embeds_nothing_that_a_shard_has(counting: WordCountEncoder, corpus: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    assert sum(shards(corpus, index)) == 12
    assert sorted(counting.texts) == sorted(set(counting.texts))
    assert len(counting.texts) == 12
    shards(corpus, index)
    assert len(counting.texts) == 12, "a shard that is repeated costs nothing"
    assistant = Assistant.open(corpus, index, language="en")
    assert len(counting.texts) == 12
    assert len(assistant.store) == 12
    assert not list((index / "vectors").glob("*-*of*.sqlite")), "taken in"


def test_shards_may_come_from_other_machines(counting: WordCountEncoder, corpus: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    for number in range(1, SHARDS + 1):
        other = tmp_path / f"machine{number}"
        encode(corpus, other, number)
        (index / "vectors").mkdir(parents=True, exist_ok=True)
        for file in (other / "vectors").glob("*.sqlite"):
            shutil.copy(file, index / "vectors")
    assert len(counting.texts) == 12
    Assistant.open(corpus, index, language="en")
    assert len(counting.texts) == 12


def test_a_shard_that_is_missing_damaged_or_being_written_is_only_embedded_again(
    counting: WordCountEncoder, corpus: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    first, *_ = shards(corpus, index)
    one, two, three = sorted((index / "vectors").glob("*-*of*.sqlite"))
    one.unlink()
    two.write_bytes(b"damaged" * 100)
    with FileLock(three.with_suffix(".lock")):
        assert len(Assistant.open(corpus, index, language="en").store) == 12
    assert len(counting.texts) == 24
    assert three.is_file()
    assert first > 0


@pytest.mark.parametrize(
    ("shard", "language", "named"),
    [("4/3", "en", "'4/3'"), ("0/3", "en", "'0/3'"), ("half", "en", "'half'"), ("1/2", "auto", "QA_LANGUAGE")],
)
def test_a_shard_that_cannot_be_is_one_line(
    shard: str, language: str, named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["qa", "index", "--shard", shard])
    monkeypatch.setenv("QA_LANGUAGE", language)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert named in line


def test_the_command_says_how_much_was_embedded(
    counting: WordCountEncoder, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"QA_CORPUS": str(corpus), "QA_INDEX": str(tmp_path / "index"), "QA_LANGUAGE": "en"}
    done = CliRunner().invoke(cli, ["index", "--shard", "1/1"], env=settings)
    assert done.stdout.strip() == "12 passages of shard 1/1 are embedded"


def test_a_shard_without_any_file_and_one_that_cannot_be_kept(
    counting: WordCountEncoder, corpus: Path, tmp_path: Path
) -> None:
    found = [encode(corpus, tmp_path / "index", number, of=40) for number in range(1, 41)]
    assert sum(found) == 12
    assert 0 in found
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match="the index can't be written to"):
        encode(corpus, tmp_path / "file", 1, of=1)

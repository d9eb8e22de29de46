"""Opening an index: what is built, what is kept, and what is said where something is wrong."""

import os
import random
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support import CORPUS, RIVER, TOWN, WordCountEncoder

from qa import Assistant
from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder
from qa.encoder.base import Encoder
from qa.errors import StoreError
from qa.index import snapshots
from qa.index import update as updating
from qa.index.local.store import ARRAYS, DATABASE, LocalStore
from qa.index.update import Changes
from qa.text.terms import Analyzer


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, empty_index: Path) -> WordCountEncoder:
    """The encoder that `Assistant.open` gets, whatever its name; the index has the reader already."""
    encoder = WordCountEncoder()
    monkeypatch.setattr("qa.assistant.load", lambda *_: encoder)
    return encoder


def test_the_index_is_built_once_and_again_when_a_document_changes(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    plain = encoder.encode_passages

    def counted(texts: list[str], spans: list[list[tuple[int, int]]]) -> object:
        encoded.append(len(texts))
        return plain(texts, spans)

    monkeypatch.setattr(encoder, "encode_passages", counted)
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "river.md").write_text("# " + RIVER.text, "utf-8")
    first = Assistant.open(corpus, index, encoder).ask("When was the port built?")
    assert encoded == [1]
    second = Assistant.open(corpus, index, encoder).ask("When was the port built?")
    assert encoded == [1]
    assert second.citations == first.citations
    assert second.confidence == pytest.approx(first.confidence)
    (corpus / "town.md").write_text(TOWN.text, "utf-8")
    changed = Assistant.open(corpus, index, encoder).ask("Who is the baker of Elm?")
    assert encoded == [1, 1]
    assert changed.hits[0].passage.document_id == "town.md"


def test_an_index_that_is_up_to_date_is_not_built_again(counted: WordCountEncoder, tmp_path: Path) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "river.md").write_text(f"# {RIVER.text}", "utf-8")
    Assistant.open(corpus, index)
    assert counted.texts == ["Rivers. The port of Elm is on the Ash. It was built in 1912."]
    Assistant.open(corpus, index)
    assert len(counted.texts) == 1
    (corpus / "river.md").write_text("# " + RIVER.text.replace("1912", "1913"), "utf-8")
    changed = Assistant.open(corpus, index)
    assert counted.texts[1:] == ["Rivers. The port of Elm is on the Ash. It was built in 1913."]
    assert "1913" in changed.ask("port?").hits[0].passage.text
    (corpus / "river.md").rename(corpus / "renamed.md")
    assert Assistant.open(corpus, index).ask("port?").hits[0].passage.document_id == "renamed.md"


def test_a_document_that_is_removed_is_not_found_any_more(counted: WordCountEncoder, tmp_path: Path) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "river.md").write_text("# " + RIVER.text, "utf-8")
    (corpus / "town.md").write_text(TOWN.text, "utf-8")
    assert {h.passage.document_id for h in Assistant.open(corpus, index).ask("baker?").hits} == {
        "river.md",
        "town.md",
    }
    (corpus / "town.md").unlink()
    assert {h.passage.document_id for h in Assistant.open(corpus, index).ask("baker?").hits} == {"river.md"}


def test_what_changed_is_said_and_why_all_is_new(counted: WordCountEncoder, tmp_path: Path) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    for name in ("a", "b", "c", "d"):
        (corpus / f"{name}.txt").write_text(f"The port {name} is on a river.", "utf-8")
    first = Assistant.open(corpus, index).changes
    assert (first.added, first.anew) == (("a.txt", "b.txt", "c.txt", "d.txt"), "")
    (corpus / "a.txt").rename(corpus / "moved.txt")
    (corpus / "b.txt").write_text("A baker.", "utf-8")
    (corpus / "c.txt").unlink()
    (corpus / "e.txt").write_text("Coal.", "utf-8")
    counted.texts.clear()
    opened = Assistant.open(corpus, index)
    assert opened.changes == Changes(
        added=("e.txt",), changed=("b.txt",), moved=(("a.txt", "moved.txt"),), removed=("c.txt",),
        unchanged=("d.txt",),
    )  # fmt: skip
    assert sorted(counted.texts) == ["A baker.", "Coal."], "a renamed file costs nothing"
    assert opened.store.document("c.txt") is None
    assert str(opened.changes) == "documents: 1 added, 1 changed, 1 moved, 1 removed, 1 unchanged"
    counted.fingerprint = "another"
    anew = Assistant.open(corpus, index).changes
    assert anew.anew == "encoder word-count before, now another"
    assert len(anew.unchanged) == 4


def test_a_build_that_fails_leaves_the_index_as_it_was(
    counted: WordCountEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "river.md").write_text("# " + RIVER.text, "utf-8")
    Assistant.open(corpus, index)
    before = sorted(path.relative_to(index) for path in index.rglob("*"))
    (corpus / "town.md").write_text(TOWN.text, "utf-8")
    monkeypatch.setattr(counted, "encode_passages", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Assistant.open(corpus, index)
    assert sorted(path.relative_to(index) for path in index.rglob("*")) == before


def test_an_index_in_the_place_of_a_file_is_a_clear_error(counted: WordCountEncoder, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "river.md").write_text(RIVER.text, "utf-8")
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match=r"QA_INDEX|can't be read"):
        Assistant.open(corpus, tmp_path / "file")


def test_files_that_cannot_be_read_are_skipped_by_name(counted: WordCountEncoder, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "river.md").write_text(RIVER.text, "utf-8")
    (corpus / "noise.txt").write_bytes(bytes(99))
    assert list(Assistant.open(corpus, tmp_path / "index").skipped) == ["noise.txt"]


def test_a_file_whose_name_is_not_utf_8_does_not_stop_the_rest(counted: WordCountEncoder, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "river.md").write_text(RIVER.text, "utf-8")
    (corpus / os.fsdecode(b"caf\xe9.txt")).write_text("A baker.", "utf-8")
    assert Assistant.open(corpus, tmp_path / "index").ask("port?").hits


@pytest.mark.parametrize("name", [DATABASE, f"{ARRAYS}/vectors"])
def test_a_damaged_index_is_one_clear_line(encoder: Encoder, tmp_path: Path, name: str) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "river.md").write_text("# " + RIVER.text, "utf-8")
    Assistant.open(corpus, tmp_path / "index", encoder)
    (folder,) = (path.parent for path in (tmp_path / "index").glob("*/manifest.json"))
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(StoreError, match="delete that folder and run `qa index`"):
        LocalStore.open(folder)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_a_flipped_bit_is_found_by_its_checksum_and_never_more_than_a_store_error(
    encoder: Encoder, reader: CrossEncoder, tmp_path: Path
) -> None:
    Assistant.open(CORPUS, tmp_path, encoder)
    folder = snapshots.current(tmp_path)
    assert folder is not None
    files = [path for path in folder.rglob("*") if path.is_file()]
    chance = random.Random(3)
    for number in range(200):
        weights = [path.stat().st_size if number % 2 else 1 for path in files]
        (path,) = chance.choices(files, weights)
        good = path.read_bytes()
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        with pytest.raises(StoreError, match="is damaged"):
            snapshots.check(folder, thoroughly=True)
        with suppress(StoreError):
            store = LocalStore.open(folder)
            with closing(store), suppress(StoreError):
                Assistant(store, encoder, Analyzer(), reader, Calibration.load()).ask("Which river is the port on?")
        path.write_bytes(good)
    snapshots.check(folder, thoroughly=True)


def test_a_small_index_with_a_flipped_bit_is_built_anew_when_it_is_opened(encoder: Encoder, tmp_path: Path) -> None:
    before = Assistant.open(CORPUS, tmp_path, encoder).ask("Which river is the port on?")
    folder = snapshots.current(tmp_path)
    assert folder is not None
    database = folder / DATABASE
    data = bytearray(database.read_bytes())
    at = data.index(b"river port on the Tom River")
    data[at] ^= 1
    database.write_bytes(data)
    assert Assistant.open(CORPUS, tmp_path, encoder).ask("Which river is the port on?") == before


def test_an_index_of_a_newer_format_is_refused_with_what_to_do(counted: WordCountEncoder, tmp_path: Path) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "river.md").write_text("# " + RIVER.text, "utf-8")
    Assistant.open(corpus, index)
    snapshots.create(index, "newer", {"format": updating.FORMAT + 1, "documents": {}}, lambda folder: None)
    with pytest.raises(StoreError, match=r"this version knows \d+ at most: install a newer one, or set QA_INDEX"):
        Assistant.open(corpus, index)
    folder = snapshots.current(index)
    assert folder is not None
    assert folder.name == "newer"

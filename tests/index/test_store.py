"""The stores with vectors that a reader can work out: how often river, port, coal and baker occur.

The same tests run over both; what else there is to each is below, and in test_milvus.py.
"""

import hashlib
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import WordCountEncoder, markdown

from qa import Document
from qa.errors import StoreError
from qa.index import snapshots
from qa.index import update as updating
from qa.index.build import Indexer
from qa.index.local.columns import COLUMNS
from qa.index.local.lexical import InvertedIndex
from qa.index.local.store import DATABASE, SCHEMA, LocalStore
from qa.index.milvus.update import update_milvus
from qa.index.store import MilvusOptions, Store
from qa.text.terms import Analyzer

RIVER = Document("ash.md", "Ash", "The river has a port. The river is wide.", path=Path("texts/ash.md"))
COAL = markdown("elm.md", "Elm", "# Trade\n\nCoal is black. Coal is cheap.")
FILES = [
    "passages.sqlite",
    *(f"arrays/{name}" for name in (*COLUMNS, "widths.json")),
    *(f"lexical/{name}.npy" for name in InvertedIndex._fields),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PARTS = st.lists(st.one_of(TEXT, st.sampled_from(["# A river\n\n", "port. ", "\r\n", "coal "])), min_size=1, max_size=6)


def build(documents: list[Document], folder: Path | None = None) -> LocalStore:
    return Indexer(WordCountEncoder(), Analyzer("en")).build(documents, folder)


def test_what_is_written_otherwise_is_of_another_format(tmp_path: Path) -> None:
    build([RIVER, COAL], tmp_path).close()
    sizes = [(name, (tmp_path / name).stat().st_size) for name in FILES if name != DATABASE]
    layout = hashlib.sha256(repr((SCHEMA, sizes)).encode()).hexdigest()[:16]
    assert (updating.FORMAT, layout) == (13, "cc59c0697a3f391e"), (
        "a new FORMAT is needed, so that older indexes are built anew"
    )


@pytest.fixture(params=["in memory", "opened again", pytest.param("in Milvus", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "in memory":
        return build([RIVER, COAL])
    if request.param == "in Milvus":
        options = MilvusOptions(request.getfixturevalue("milvus_uri"))
        return update_milvus(options, [RIVER, COAL], tmp_path, Indexer(WordCountEncoder(), Analyzer("en")))[0]
    build([RIVER, COAL], tmp_path).close()
    return LocalStore.open(tmp_path)


def test_each_ranking_has_its_exact_score(store: Store) -> None:
    river = np.array([1, 0, 0, 0], dtype=np.float32)
    found = store.search(river, ["river"], 1)
    assert found.numbers.tolist() == [0]
    assert found.dense == pytest.approx([2 / math.sqrt(5)], abs=2e-5)  # river, port, river, in 16 bits
    assert found.sentence == pytest.approx([1])  # "The river is wide."
    average = (6 + 7) / 2  # ash river port river wide, elm trade coal black coal cheap, and one more each
    assert found.lexical == pytest.approx([math.log(2) * 2 / (2 + 1.2 * (0.25 + 0.75 * 6 / average))])


def test_the_candidates_are_the_best_of_either_ranking_in_the_order_of_their_numbers(store: Store) -> None:
    coal = np.array([0, 0, 1, 0], dtype=np.float32)
    found = store.search(coal, ["river"], 1)
    assert found.numbers.tolist() == [0, 1]
    assert found.dense == pytest.approx([0, 1])
    assert found.sentence == pytest.approx([0, 1])
    assert found.lexical[0] > found.lexical[1] == 0


@pytest.mark.parametrize("terms", [[], ["unheard"]])
def test_terms_that_no_passage_has_score_nothing(store: Store, terms: list[str]) -> None:
    found = store.search(np.array([0, 1, 0, 0], dtype=np.float32), terms, 100)
    assert found.numbers.tolist() == [0, 1]
    assert found.lexical.tolist() == [0, 0]


def test_a_term_is_worth_more_the_fewer_passages_have_it(store: Store) -> None:
    idf = store.idf(["coal", "unheard"])
    assert idf == {"coal": pytest.approx(math.log(2)), "unheard": pytest.approx(math.log(6))}


def test_documents_and_passages_come_back_as_they_were(store: Store) -> None:
    assert len(store) == 2
    assert [store.document(d.id) for d in (RIVER, COAL)] == [RIVER, COAL]
    assert store.document("other.md") is None
    found = store.passages([1, 0])
    assert list(found) == [1, 0]
    coal, river = found.values()
    assert (coal.heading, coal.title, coal.start) == ("Trade", "Elm", 7)
    assert [s.text for s in coal.sentences] == ["Coal is black.", "Coal is cheap."]
    assert [s.text for s in river.sentences] == ["The river has a port.", "The river is wide."]
    assert store.headings() == ["Trade"]


def test_a_passage_is_as_near_as_its_nearest_sentence(store: Store) -> None:
    wide = np.array([1, 0, 0, 0], dtype=np.float32)
    found = store.search(wide, ["wide"], 2)
    assert found.numbers.tolist() == [0, 1]
    assert found.sentence == pytest.approx([1, 0], abs=4e-3)  # kept in 8 bits
    assert found.dense[0] < 0.95


def test_numbers_that_no_passage_has_are_left_out(store: Store) -> None:
    assert list(store.passages([-1, 1, 2, 10**6, 0])) == [1, 0]
    assert store.passages([]) == {}


def test_terms_and_words_are_counted(store: Store) -> None:
    assert store.known(["coal", "unheard", "river"]) == {"coal", "river"}
    assert store.frequencies(["river", "port", "unheard", "coal"]) == {"river": 2, "port": 1, "coal": 2}


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(PARTS.map("".join), min_size=1, max_size=4))
def test_a_store_that_is_opened_is_the_one_that_was_built(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    documents = [Document(str(n), f"Title {n}", text) for n, text in enumerate(["One port.", *texts])]
    built = build(documents, folder)
    opened = LocalStore.open(folder)
    numbers = list(range(len(built)))
    passages = built.passages(numbers)
    assert list(passages) == numbers
    assert opened.passages(numbers) == passages
    question = np.array([0.6, 0.8, 0, 0], dtype=np.float32)
    for ours, theirs in zip(built.search(question, ["river"], 3), opened.search(question, ["river"], 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [opened.document(d.id) for d in documents] == documents
    built.close()
    opened.close()
    shutil.rmtree(folder)


def test_the_files_of_a_store_are_those_that_are_damaged_below(tmp_path: Path) -> None:
    build([RIVER, COAL], tmp_path).close()
    assert sorted(FILES) == sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "half", "end lost"])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, name: str, damage: str) -> None:
    build([RIVER, COAL], tmp_path).close()
    path = tmp_path / name
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        kept = {"empty": b"", "garbage": b"damaged", "half": data[: len(data) // 2], "end lost": data[:-40]}
        path.write_bytes(kept[damage])
    with pytest.raises(StoreError, match="is damaged: delete that folder and run `qa index`") as caught:
        opened = LocalStore.open(tmp_path)
        opened.search(np.array([1, 0, 0, 0], dtype=np.float32), ["river"], 2)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_the_same_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is damaged"):
        LocalStore.open(tmp_path / "missing")


def test_a_store_can_be_opened_from_a_snapshot_with_any_name(tmp_path: Path) -> None:
    index = tmp_path / "an index #1?"
    folder = snapshots.create(index, "one", {}, lambda folder: build([RIVER], folder).close())
    assert LocalStore.open(folder).document("ash.md") == RIVER

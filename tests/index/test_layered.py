"""What has changed since a store was built lies over it: all is found as in one that is built anew."""

import json
import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import WordCountEncoder, markdown

from qa import Document
from qa.encoder.base import unit
from qa.errors import CorpusError, StoreError
from qa.index import snapshots
from qa.index import update as updating
from qa.index.build import Indexer
from qa.index.local.columns import to_float32, to_int16
from qa.index.local.layered import DELETED, NEWER, LayeredStore, open_store
from qa.index.local.nearest import NearestNeighbors
from qa.index.local.store import DATABASE, LocalStore
from qa.text.terms import Analyzer
from qa.types import Passage

ALL = range(10_000)
WORDS = st.lists(st.sampled_from("river port coal baker the elm. ash, # \n\n".split(" ")), min_size=1, max_size=30)
TEXTS = st.dictionaries(st.integers(0, 9), WORDS.map(lambda words: f"Ash. {' '.join(words)}"), min_size=1, max_size=8)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep small stores as well, whatever changes."""
    monkeypatch.setattr(updating, "LEAST_KEPT", 0)
    monkeypatch.setattr(updating, "MOST_CHANGED", 0.9)


def documents(**texts: str) -> list[Document]:
    return [markdown(f"{name}.md", name.title(), text) for name, text in texts.items()]


def update(index: Path, given: list[Document]) -> tuple[Path, list[str]]:
    """The snapshot of these documents, and the texts that were embedded for it."""
    encoder = WordCountEncoder()
    folder, _ = updating.update(given, index, Indexer(encoder, Analyzer()))
    snapshots.check(folder, thoroughly=True)
    return folder, encoder.texts


def place(passage: Passage) -> tuple[str, int]:
    return passage.document_id, passage.start


ASH, ELM, OAK = "The river has a port.", "Coal is black. The baker sells coal.", "A port of the river."


def test_only_what_is_different_is_written(tmp_path: Path) -> None:
    first, _ = update(tmp_path, documents(ash=ASH, elm=ELM))
    before = (first / DATABASE).stat().st_ino
    second, embedded = update(tmp_path, documents(ash=ASH, elm=f"{ELM} And bread."))
    assert embedded == ["Elm. Coal is black. The baker sells coal. And bread."]
    assert (second / DATABASE).stat().st_ino == before
    third, embedded = update(tmp_path, documents(ash=ASH, elm=f"{ELM} And bread.", oak=OAK))
    assert embedded == ["Oak. A port of the river."]
    assert (third / DATABASE).stat().st_ino == before
    with closing(open_store(third)) as store:
        assert isinstance(store, LayeredStore)
        assert [p.document_id for p in store.passages(ALL).values()] == ["ash.md", "elm.md", "oak.md"]
        assert store.document("elm.md") == documents(elm=f"{ELM} And bread.")[0]
        assert store.frequencies(["bread", "river"]) == {"bread": 1, "river": 2}


def test_what_is_as_it_was_again_needs_nothing_over_it(tmp_path: Path) -> None:
    update(tmp_path, documents(ash=ASH, elm=ELM))
    update(tmp_path, documents(ash=ASH))
    folder, embedded = update(tmp_path, documents(elm=ELM, ash=ASH))
    assert embedded == []
    assert not (folder / NEWER).exists()
    assert json.loads((folder / DELETED).read_text("utf-8")) == []


def test_a_document_that_is_gone_is_not_found_by_anything(tmp_path: Path) -> None:
    update(tmp_path, documents(ash=f"# Rivers\n\n{ASH}", elm=f"# Trade\n\n{ELM}"))
    folder, _ = update(tmp_path, documents(ash=f"# Rivers\n\n{ASH}"))
    with closing(open_store(folder)) as store:
        assert len(store) == 1
        coal = np.array([0, 0, 1, 0], dtype=np.float32)
        assert store.search(coal, ["coal"], 100).numbers.tolist() == [0]
        assert list(store.passages(ALL)) == [0]
        assert store.document("elm.md") is None
        assert store.headings() == ["Rivers"]


@pytest.mark.parametrize(
    ("least", "most", "after"),
    [
        (2000, 0.9, {"ash": ASH, "elm": ELM, "oak": OAK}),  # a small one
        (0, 0.3, {"ash": ASH, "elm": ELM[:-1], "oak": OAK}),  # much is new
        (0, 0.3, {"ash": ASH}),  # much is gone
        (0, 0.9, {"ash": ASH, "elm": "#"}),  # what is new has no passage
    ],
)
def test_what_is_not_worth_keeping_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int, most: float, after: dict[str, str]
) -> None:
    monkeypatch.setattr(updating, "LEAST_KEPT", least)
    monkeypatch.setattr(updating, "MOST_CHANGED", most)
    update(tmp_path, documents(ash=ASH, elm=ELM))
    folder, _ = update(tmp_path, documents(**after))
    assert not (folder / DELETED).exists()
    with closing(open_store(folder)) as store:
        assert isinstance(store, LocalStore)


def test_what_has_other_settings_is_not_kept(tmp_path: Path) -> None:
    update(tmp_path, documents(ash=ASH))
    given = documents(ash=ASH, elm=ELM)
    folder, _ = updating.update(given, tmp_path, Indexer(WordCountEncoder(), Analyzer("de")))
    assert not (folder / DELETED).exists()


def test_two_documents_of_one_id_are_refused(tmp_path: Path) -> None:
    update(tmp_path, documents(ash=ASH))
    with pytest.raises(CorpusError, match="two documents have the id"):
        update(tmp_path, documents(ash=ASH) * 2)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(before=TEXTS, after=TEXTS, question=st.sampled_from(["river", "port coal", "baker elm ash", "unheard"]))
def test_everything_is_found_as_in_a_store_that_is_built_anew(
    tmp_path_factory: pytest.TempPathFactory, before: dict[int, str], after: dict[int, str], question: str
) -> None:
    index = tmp_path_factory.mktemp("index")
    old, new = (documents(**{f"d{n}": text for n, text in texts.items()}) for texts in (before, after))
    update(index, old)
    folder, _ = update(index, new)
    encoder, analyzer = WordCountEncoder(), Analyzer()
    anew = Indexer(encoder, analyzer).build(new)
    (asked,) = encoder.encode_questions([question], [[]])
    terms = analyzer.terms(question)
    with closing(open_store(folder)) as store:
        there, expected = store.passages(ALL), anew.passages(ALL)
        assert len(store) == len(anew) == len(there)
        assert sorted(there.values(), key=place) == sorted(expected.values(), key=place)
        rankings = []
        for each, passages in ((store, there), (anew, expected)):
            found = each.search(asked.vector, terms, 100)
            assert found.numbers.tolist() == sorted(found.numbers.tolist())
            rows = zip(found.numbers.tolist(), found.dense, found.sentence, found.lexical > 0, strict=True)
            rankings.append(sorted((place(passages[n]), *map(float, scores)) for n, *scores in rows))
        assert rankings[0] == rankings[1]
        for k in (1, 2, 3):
            best = sorted(store.search(asked.vector, [], k).dense.tolist())
            assert best == pytest.approx(sorted(anew.search(asked.vector, [], k).dense.tolist()))
        assert set(store.headings()) == set(anew.headings())


def test_words_weigh_as_much_in_what_is_added_as_in_what_was_there(tmp_path: Path) -> None:
    update(tmp_path, documents(ash=ASH, elm=ELM))
    folder, _ = update(tmp_path, documents(ash=ASH, elm=ELM, oak=ASH))
    with closing(open_store(folder)) as store:
        river = np.array([1, 0, 0, 0], dtype=np.float32)
        found = store.search(river, ["river"], 100)
        assert found.lexical[0] == found.lexical[2] > found.lexical[1] == 0
        assert store.idf(["river", "coal"]) == Indexer(WordCountEncoder(), Analyzer()).build(
            documents(ash=ASH, elm=ELM, oak=ASH)
        ).idf(["river", "coal"])


def test_files_are_copied_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refused)
    update(tmp_path, documents(ash=ASH))
    folder, _ = update(tmp_path, documents(ash=ASH, elm=ELM))
    with closing(open_store(folder)) as store:
        assert len(store) == 2


@pytest.mark.parametrize("damage", [b"[", b"5", b"[[1]]"])
def test_damage_is_a_clear_error_and_the_next_update_builds_anew(tmp_path: Path, damage: bytes) -> None:
    update(tmp_path, documents(ash=ASH))
    folder, _ = update(tmp_path, documents(ash=ASH, elm=ELM))
    (folder / DELETED).write_bytes(damage)
    with pytest.raises(StoreError, match="is damaged: delete that folder"):
        open_store(folder)
    folder, _ = update(tmp_path, documents(ash=ASH, elm=ELM))
    assert not (folder / DELETED).exists()


def test_a_byte_that_differs_in_what_was_kept_is_still_found(tmp_path: Path) -> None:
    update(tmp_path, documents(ash=ASH))
    folder, _ = update(tmp_path, documents(ash=ASH, elm=ELM))
    path = folder / "arrays" / "vectors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match="vectors is damaged"):
        snapshots.check(folder, thoroughly=True)


@pytest.mark.parametrize("exact", [0, 1000])
def test_vectors_that_are_left_out_are_not_found(exact: int) -> None:
    vectors = to_int16(unit(np.random.default_rng(7).standard_normal((400, 8))))
    everything = NearestNeighbors.build(vectors, exact=exact)
    question = to_float32(vectors[0])
    expected = everything(question, 20).tolist()
    without = sorted(expected[:10])
    found = NearestNeighbors(vectors, everything._inverted, without)(question, 10)
    assert set(found.tolist()) == set(expected[10:])

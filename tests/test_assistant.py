import os
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support import CORPUS, WordCountEncoder, markdown

import qa
from qa import Assistant, Document
from qa.answer import schema
from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder
from qa.encoder.base import Encoder
from qa.errors import CorpusError, StoreError
from qa.index import snapshots
from qa.index import update as updating
from qa.index.build import Indexer
from qa.index.local.store import ARRAYS, DATABASE, LocalStore
from qa.index.update import Changes
from qa.text.terms import Analyzer
from qa.web.pages.render import answer_html

RIVER = markdown("river.md", "Rivers", "# Rivers\n\nThe port of Elm is on the Ash. It was built in 1912.")
TOWN = markdown("town.md", "Town", "# Town\n\nElm has a bakery, and its baker is called Rowan Birch.")


@pytest.mark.parametrize(
    ("question", "headings", "words"),
    [
        ("What is Novokuznetsk known for?", {"", "A city shaped by industry"}, "industrial"),
        ("Which river is its port on?", {"Transportation and logistics"}, "Tom River"),
        ("Why is it called the City of Black Gold?", {"Coal mining"}, "association with coal"),
        ("How do the universities support the workforce?", {"Education and research"}, "train and support"),
    ],
)
def test_the_demo_answers_from_the_right_section(
    demo: Assistant, question: str, headings: set[str], words: str
) -> None:
    answer = demo.ask(question)
    assert not answer.abstained
    assert answer.citations[0].heading in headings
    assert words in " ".join(answer.citations[0].quote.split())
    document = demo.store.document("novokuznetsk.md")
    assert document is not None
    assert all(c.quote == document.text[c.start : c.end] for c in answer.citations)


def test_what_the_documents_do_not_hold_is_declined_with_the_nearest_passages(demo: Assistant) -> None:
    answer = demo.ask("Who won the 1998 World Cup?")
    assert answer.abstained
    assert answer.citations == ()
    assert len(answer.hits) > 2
    assert answer.text == "The documents don't say."


@pytest.mark.parametrize("question", ["", "?", "the of and", "coal", "COAL MINING?", "word " * 400, "😀 漢字", "\x00"])
def test_no_question_is_an_error(demo: Assistant, question: str) -> None:
    assert 0 <= demo.ask(question).confidence <= 1


def test_documents_in_memory_are_asked_and_an_answer_is_the_same_each_time(encoder: Encoder) -> None:
    assistant = Assistant.from_documents([RIVER, TOWN], encoder)
    answer = assistant.ask("Who is the baker of Elm?")
    assert answer.hits[0].passage.document_id == "town.md"
    assert answer == assistant.ask("Who is the baker of Elm?")
    assert [h.score for h in answer.hits] == sorted((h.score for h in answer.hits), reverse=True)


def test_documents_without_text_or_with_one_id_are_refused(encoder: Encoder) -> None:
    with pytest.raises(CorpusError, match=r"two documents have the id 'town\.md'"):
        Assistant.from_documents([TOWN, TOWN], encoder)
    with pytest.raises(CorpusError, match="no text"):
        Assistant.from_documents([Document(id="a", title="A", text=" \n")], encoder)


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


def test_a_store_gives_the_rankings_of_all_its_candidates(demo: Assistant, encoder: Encoder) -> None:
    (question,) = encoder.encode_questions(["Which river is the port on?"], [[]])
    found = demo.store.search(question.vector, ["river", "port"], 100)
    assert found.numbers.tolist() == list(range(len(demo.store)))
    passages = demo.store.passages(found.numbers.tolist())
    best = passages[int(found.numbers[found.lexical.argmax()])]
    assert best.heading == "Transportation and logistics"
    assert found.sentence.max() > found.dense.max()
    assert demo.store.idf(["river"])["river"] > demo.store.idf(["novokuznetsk"])["novokuznetsk"]
    assert demo.store.document("other.md") is None


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> WordCountEncoder:
    """The encoder that `Assistant.open` gets, whatever its name."""
    encoder = WordCountEncoder()
    monkeypatch.setattr("qa.assistant.load", lambda *_: encoder)
    return encoder


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
    (tmp_path / "river.md").write_text(RIVER.text, "utf-8")
    (tmp_path / "index").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match=r"QA_INDEX|can't be read"):
        Assistant.open(tmp_path, tmp_path / "index")


def test_files_that_cannot_be_read_are_skipped_by_name(counted: WordCountEncoder, tmp_path: Path) -> None:
    (tmp_path / "river.md").write_text(RIVER.text, "utf-8")
    (tmp_path / "noise.txt").write_bytes(bytes(99))
    assert list(Assistant.open(tmp_path, tmp_path / "index").skipped) == ["noise.txt"]


def test_a_file_whose_name_is_not_utf_8_does_not_stop_the_rest(counted: WordCountEncoder, tmp_path: Path) -> None:
    (tmp_path / "river.md").write_text(RIVER.text, "utf-8")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("A baker.", "utf-8")
    assert Assistant.open(tmp_path, tmp_path / "index").ask("port?").hits


def test_all_citations_of_any_question_are_exact_sentences_of_their_document(encoder: Encoder) -> None:
    text = "# Elm\r\n\r\nÉlm’s port 😀 is on the Ash.  It was\r\nbuilt in 1912!\r\n\r\n- naïve 漢字\r\n-\r\n- e\u0301nd"
    documents = {d.id: d for d in [RIVER, TOWN, markdown("elm.md", "Elm", text)]}
    assistant = Assistant.from_documents(list(documents.values()), encoder, threshold=0)
    cited = []
    for question in ["When was the port built?", "Who is the baker?", "What is naïve 漢字?", "e\u0301nd"]:
        answer = assistant.ask(question)
        cited += answer.citations
        assert 1 <= len(answer.citations) <= 3
        assert len(set(answer.citations)) == len(answer.citations)
        sentences = {(h.passage.document_id, s.start, s.end) for h in answer.hits for s in h.passage.sentences}
        assert {(c.document_id, c.start, c.end) for c in answer.citations} <= sentences
    assert [c.quote for c in cited] == [documents[c.document_id].text[c.start : c.end] for c in cited]
    assert [c.title for c in cited] == [documents[c.document_id].title for c in cited]


def test_the_threshold_alone_decides_when_to_abstain(counting: WordCountEncoder) -> None:
    question = "Where is the port?"
    confidence = Assistant.from_documents([RIVER, TOWN], counting).ask(question).confidence
    assert 0 < confidence < 1
    answered = Assistant.from_documents([RIVER, TOWN], counting, threshold=confidence).ask(question)
    declined = Assistant.from_documents([RIVER, TOWN], counting, threshold=confidence + 1e-9).ask(question)
    assert (answered.abstained, declined.abstained) == (False, True)
    assert answered.hits == declined.hits
    assert (declined.citations, declined.confidence) == ((), answered.confidence)


def test_questions_from_many_threads_have_the_answers_of_one(demo: Assistant) -> None:
    questions = ["Which river is its port on?", "Why is it called the City of Black Gold?", "steel"] * 8
    expected = [demo.ask(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(demo.ask, questions)) == expected


def test_documents_without_any_are_refused(counting: WordCountEncoder) -> None:
    with pytest.raises(CorpusError, match="no text"):
        Assistant.from_documents([], counting)


def test_the_package_gives_its_public_names() -> None:
    assert sorted(qa.__all__) == ["Answer", "Assistant", "Block", "Citation", "Document", "Hit", "Passage", "Settings"]
    assert all(hasattr(qa, name) for name in qa.__all__)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = qa.Nothing


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


def test_a_citation_names_the_page_and_keeps_it_in_the_index(
    encoder: Encoder, reader: CrossEncoder, tmp_path: Path
) -> None:
    document = Document("a.pdf", "Ports", "The port of Elm is on the Ash.\n\nIt was built in 1912.", pages=(0, 32))
    built = Indexer(encoder, Analyzer()).build([document], tmp_path)
    with closing(built):
        assistant = Assistant(built, encoder, Analyzer(), reader, Calibration.load(), threshold=0)
        answer = assistant.ask("When was the port of Elm built?")
    assert (answer.citations[0].quote, answer.citations[0].page) == ("It was built in 1912.", 2)
    cited = schema.Answer.of(answer, 1.0).as_json()["citations"][0]
    assert cited["page"] == 2
    assert "Ports, page 2</summary>" in answer_html(answer)
    assert (
        "page"
        not in schema.Answer.of(Assistant.from_documents([RIVER], encoder).ask("What river?"), 1.0).as_json()["hits"][0]
    )

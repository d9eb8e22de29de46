from pathlib import Path

import pytest

from qa import Assistant, Document
from qa.encoder import SentenceEncoder
from qa.errors import CorpusError, StoreError
from qa.stores.local import DATABASE, PASSAGE_VECTORS, LocalStore

RIVER = Document(id="river.md", title="Rivers", text="# Rivers\n\nThe port of Elm is on the Ash. It was built in 1912.")
TOWN = Document(id="town.md", title="Town", text="# Town\n\nElm has a bakery, and its baker is called Rowan Birch.")


@pytest.mark.parametrize(
    ("question", "headings", "words"),
    [
        ("What is Novokuznetsk known for?", {"", "A city shaped by industry"}, "industrial"),
        ("Which river is its port on?", {"Transportation and logistics"}, "Tom River"),
        ("Why is it called the City of Black Gold?", {"Coal mining"}, "association with coal"),
        ("What do the universities do for the region?", {"Education and research"}, "train and support"),
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


def test_documents_in_memory_are_asked_and_an_answer_is_the_same_each_time(encoder: SentenceEncoder) -> None:
    assistant = Assistant.from_documents([RIVER, TOWN], encoder)
    answer = assistant.ask("Who is the baker of Elm?")
    assert answer.hits[0].passage.document_id == "town.md"
    assert answer == assistant.ask("Who is the baker of Elm?")
    assert [h.score for h in answer.hits] == sorted((h.score for h in answer.hits), reverse=True)


def test_documents_without_text_or_with_one_id_are_refused(encoder: SentenceEncoder) -> None:
    with pytest.raises(CorpusError, match=r"two documents have the id 'town\.md'"):
        Assistant.from_documents([TOWN, TOWN], encoder)
    with pytest.raises(CorpusError, match="no text"):
        Assistant.from_documents([Document(id="a", title="A", text=" \n")], encoder)


def test_the_index_is_built_once_and_again_when_a_document_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    plain = SentenceEncoder.encode_passages

    def counted(self: SentenceEncoder, texts: list[str], spans: list[list[tuple[int, int]]]) -> object:
        encoded.append(len(texts))
        return plain(self, texts, spans)

    monkeypatch.setattr(SentenceEncoder, "encode_passages", counted)
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "river.md").write_text(RIVER.text, "utf-8")
    first = Assistant.open(corpus, index).ask("When was the port built?")
    assert encoded == [1]
    second = Assistant.open(corpus, index).ask("When was the port built?")
    assert encoded == [1]
    assert second.citations == first.citations
    assert second.confidence == pytest.approx(first.confidence)
    (corpus / "town.md").write_text(TOWN.text, "utf-8")
    changed = Assistant.open(corpus, index).ask("Who is the baker of Elm?")
    assert encoded == [1, 2]
    assert changed.hits[0].passage.document_id == "town.md"


@pytest.mark.parametrize("name", [DATABASE, PASSAGE_VECTORS])
def test_a_damaged_index_is_one_clear_line(tmp_path: Path, name: str) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "river.md").write_text(RIVER.text, "utf-8")
    Assistant.open(corpus, tmp_path / "index")
    (folder,) = (path.parent for path in (tmp_path / "index").glob("*/manifest.json"))
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(StoreError, match="delete that folder and run `qa index`"):
        LocalStore.open(folder)


def test_a_store_gives_the_rankings_of_all_its_candidates(demo: Assistant, encoder: SentenceEncoder) -> None:
    (question,) = encoder.encode_questions(["Which river is the port on?"], [[]])
    found = demo.store.search(question.vector, ["river", "port"], 100)
    assert found.numbers.tolist() == list(range(len(demo.store)))
    entries = demo.store.entries(found.numbers.tolist())
    best = entries[int(found.lexical.argmax())]
    assert best.passage.heading == "Transportation and logistics"
    assert found.sentence.tolist() == pytest.approx([float((e.sentences @ question.vector).max()) for e in entries])
    assert demo.store.idf(["river"])["river"] > demo.store.idf(["novokuznetsk"])["novokuznetsk"]
    assert demo.store.document("other.md") is None

"""What an assistant answers."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from support import RIVER, TOWN, WordCountEncoder, markdown

import qa
from qa import Assistant, Document
from qa.answer import schema
from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder
from qa.encoder.base import Encoder
from qa.errors import CorpusError
from qa.index.build import Indexer
from qa.text.terms import Analyzer
from qa.web.pages.render import answer_html


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


@pytest.mark.parametrize("context", ["b.md", "folder", "/folder/", "fold", "nowhere"])
def test_a_context_is_asked_first_and_all_documents_where_it_does_not_say(encoder: Encoder, context: str) -> None:
    texts = {"b.md": "The mayor is called Ada Quill.", "folder/c.md": "The mayor is called Bo Finch."}
    documents = [markdown(path, "Town", text) for path, text in texts.items()] + [RIVER]
    assistant = Assistant.from_documents(documents, encoder)
    first = assistant.ask("What is the mayor called?", context=context).citations[0].document_id
    expected = {"b.md": "b.md", "folder": "folder/c.md", "/folder/": "folder/c.md"}
    assert first == expected.get(context, assistant.ask("What is the mayor called?").citations[0].document_id)
    question = "Which river is the port of Elm on?"
    elsewhere = assistant.ask(question, context=context)
    assert elsewhere == assistant.ask(question) and elsewhere.citations[0].document_id == "river.md"


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


@pytest.mark.slow
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

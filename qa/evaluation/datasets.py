"""Data sets of questions with known answers: SQuAD files, or JSON lines."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from qa.errors import CorpusError
from qa.types import Document, Span

SQUAD = re.compile(r'"data"\s*:\s*\[')  # what such a file has and no line does


class Item(NamedTuple):
    """A question with its accepted answers."""

    question: str
    document: str  # id of the document that answers; empty if any may
    answers: tuple[str, ...]  # none if the documents don't answer
    spans: tuple[Span, ...] = ()  # of the answers in the document, if known
    article: str = ""  # group of documents, in SQuAD
    context: str = ""  # paragraph that the question was asked about, if known


class Squad(NamedTuple):
    """A SQuAD file: each paragraph as a document, and the questions."""

    documents: list[Document]
    items: list[Item]


def read_squad(path: Path) -> Squad:
    """Read a SQuAD file, version 1 or 2; raise CorpusError if it isn't one."""
    documents: list[Document] = []
    items: list[Item] = []
    try:
        for article in json.loads(_text(path))["data"]:
            title = article["title"].replace("_", " ")
            for paragraph in article["paragraphs"]:
                document = Document(id=f"p{len(documents)}", title=title, text=paragraph["context"])
                documents.append(document)
                items += [_item(entry, document) for entry in paragraph["qas"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path} is not in SQuAD's format ({type(error).__name__}: {error})") from None
    return Squad(documents, items)


def read_questions(path: Path) -> list[Item]:
    """Read the questions of a SQuAD file or of JSON lines with the keys question, document and answers.

    A line may leave out the document. A line without answers is a question that the documents don't answer. Raises
    CorpusError, naming the line and what it lacks, for anything else.
    """
    text = _text(path)
    if SQUAD.search(text):
        return read_squad(path).items
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise CorpusError(f"{path} holds no questions")
    return [_line(path, number, line) for number, line in lines]


def _line(path: Path, number: int, line: str) -> Item:
    try:
        entry = json.loads(line)
    except ValueError as error:
        entry, wrong = {}, f"isn't JSON ({error})"
    else:
        wrong = _lacking(entry)
    if wrong:
        example = '{"question": "…", "document": "…", "answers": ["…"]}'
        raise CorpusError(f"{path} line {number} {wrong}: give {example}, or a file in SQuAD's format")
    return Item(entry["question"].strip(), entry.get("document", ""), tuple(entry.get("answers", [])))


def _lacking(entry: Any) -> str:
    """What is wrong with a line's value, empty where it is a question."""
    if not isinstance(entry, dict):
        return "isn't an object"
    if "question" not in entry:
        return 'has no "question"'
    if not isinstance(entry["question"], str) or not entry["question"].strip():
        return 'has a "question" that is no text'
    if not isinstance(entry.get("document", ""), str):
        return 'has a "document" that is no text'
    answers = entry.get("answers", [])
    if not isinstance(answers, list) or not all(isinstance(answer, str) and answer.strip() for answer in answers):
        return 'has "answers" that are no list of texts'
    return ""


def _item(entry: dict[str, Any], document: Document) -> Item:
    given = [] if entry.get("is_impossible") else entry["answers"]
    spans = tuple((a["answer_start"], a["answer_start"] + len(a["text"])) for a in given)
    answers = tuple(a["text"] for a in given)
    return Item(entry["question"].strip(), document.id, answers, spans, document.title, document.text)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise CorpusError(f"{path} is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise CorpusError(f"{path} can't be read ({error.strerror})") from None

"""Files of questions whose answers are known, in SQuAD's format."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from qa.encoder import Span
from qa.errors import CorpusError
from qa.types import Document


class Item(NamedTuple):
    """A question with its accepted answers, none where the documents don't hold one; `spans` where places are known.

    `document` is the id of the document that holds the answer, empty where any may; `article` is a group of documents.
    """

    question: str
    document: str
    answers: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    article: str = ""


class Squad(NamedTuple):
    """A SQuAD file: every paragraph as a document, and the questions about them."""

    documents: list[Document]
    items: list[Item]


def read_squad(path: Path) -> Squad:
    """Read a file in SQuAD's format, version 1 or 2; raises CorpusError where it isn't one."""
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


def _item(entry: dict[str, Any], document: Document) -> Item:
    given = [] if entry.get("is_impossible") else entry["answers"]
    spans = tuple((a["answer_start"], a["answer_start"] + len(a["text"])) for a in given)
    return Item(entry["question"].strip(), document.id, tuple(a["text"] for a in given), spans, document.title)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise CorpusError(f"{path} is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise CorpusError(f"{path} can't be read ({error.strerror})") from None

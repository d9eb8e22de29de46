"""Files → Documents."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qa.blocks import title
from qa.errors import CorpusError
from qa.types import Document

SUFFIXES = (".md", ".txt")


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents that could be read, and the files that couldn't with the reason for each."""

    documents: tuple[Document, ...]
    skipped: dict[str, str] = field(default_factory=dict)


def read(folder: Path) -> Corpus:
    """Read every .txt and .md file below a folder, in the order of their names; a document's id is its path there.

    A file that can't be read is skipped and named in `skipped`. Raises CorpusError where nothing is left.
    """
    if not folder.is_dir():
        raise CorpusError(f"no folder {folder}: make it and put .txt or .md files there, or set QA_CORPUS")
    documents, skipped = [], {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        try:
            documents.append(read_file(path, name))
        except CorpusError as error:
            skipped[name] = str(error)
    if not documents:
        reasons = "".join(f"; {name}: {reason}" for name, reason in skipped.items())
        raise CorpusError(f"nothing to index in {folder}: put .txt or .md files there{reasons}")
    return Corpus(tuple(documents), skipped)


def read_file(path: Path, name: str) -> Document:
    """Read one file as a Document with the id `name`; raises CorpusError with the reason where it can't be."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise CorpusError("its name is not UTF-8: rename it") from None
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"not UTF-8 (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise CorpusError(f"can't be read ({error.strerror})") from None
    if not text.strip():
        raise CorpusError("empty")
    return Document(id=name, title=_title(path, text), text=text, path=path)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if (
            path.suffix.lower() in SUFFIXES
            and (path.is_file() or path.is_symlink())
            and not path.is_dir()
            and not hidden
        ):
            yield path


def _title(path: Path, text: str) -> str:
    """A Markdown file's first top heading, else the file's name as words."""
    heading = title(text) if path.suffix.lower() == ".md" else None
    return heading or re.sub(r"[\s_-]+", " ", path.stem).strip()

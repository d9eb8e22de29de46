from pathlib import Path

import pytest

from qa.corpus import read
from qa.errors import CorpusError


def test_documents_are_read_in_order_with_their_titles(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "field_notes.txt").write_text("Plain.", "utf-8")
    (tmp_path / "a.md").write_text("\ufeff# The title\n\nText.", "utf-8")
    (tmp_path / ".hidden.md").write_text("no", "utf-8")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    corpus = read(tmp_path)
    assert [(d.id, d.title) for d in corpus.documents] == [("a.md", "The title"), ("b/field_notes.txt", "field notes")]
    assert corpus.documents[0].text == "# The title\n\nText."
    assert corpus.skipped == {}


def test_files_that_cannot_be_read_are_named_with_the_reason_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Text.", "utf-8")
    (tmp_path / "latin.txt").write_bytes("Zürich".encode("latin-1"))
    (tmp_path / "empty.md").write_text(" \n", "utf-8")
    corpus = read(tmp_path)
    assert [d.id for d in corpus.documents] == ["good.txt"]
    assert corpus.skipped == {"latin.txt": "not UTF-8 (byte 1): save it as UTF-8", "empty.md": "empty"}


def test_a_corpus_with_nothing_in_it_says_where_to_put_files(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"put \.txt or \.md files there") as caught:
        read(tmp_path)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(CorpusError, match="QA_CORPUS"):
        read(tmp_path / "missing")

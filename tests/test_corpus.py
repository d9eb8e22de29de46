import os
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


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "# One\r\n\r\nText.\r\n", "One"),
        ("a.md", "# One ##\n\nText.", "One"),
        ("a.md", "# Learn C#\n\nText.", "Learn C#"),
        ("a.md", "#  Two   words\n\nText.", "Two words"),
        ("a.md", "Title\n=====\n\nText.", "Title"),
        ("a.md", "```bash\n# install it\n```\n\n# Real\n\nText.", "Real"),
        ("no_heading-here.md", "```\n# comment\n```\n\nText.", "no heading here"),
        ("no_heading-here.md", "#\n\nText.", "no heading here"),
        ("no_heading-here.md", "## Second\n\nText.", "no heading here"),
        ("no_heading-here.txt", "# One\n\nText.", "no heading here"),
        ("UPPER.MD", "# One\n\nText.", "One"),
    ],
)
def test_the_title_is_the_first_top_heading_as_markdown_reads_it_or_the_file_name(
    tmp_path: Path, name: str, text: str, title: str
) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert [d.title for d in read(tmp_path).documents] == [title]


def test_an_id_is_the_path_in_the_corpus_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    for name in ["b.txt", "a/z.md", ".git/x.md", "a/.trash/y.md", "a/b c.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("Text.", "utf-8")
    (tmp_path / "folder.md").mkdir()
    corpus = read(tmp_path)
    assert [d.id for d in corpus.documents] == ["a/b c.txt", "a/z.md", "b.txt"]
    assert [d.path for d in corpus.documents] == [tmp_path / d.id for d in corpus.documents]
    assert corpus.skipped == {}


def test_a_file_that_may_not_be_read_is_skipped_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.txt").write_text("Text.", "utf-8")
    (tmp_path / "locked.txt").write_text("Text.", "utf-8")
    plain = Path.read_bytes

    def guarded(path: Path) -> bytes:
        if path.name == "locked.txt":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)  # root may read every file
    corpus = read(tmp_path)
    assert [d.id for d in corpus.documents] == ["good.txt"]
    assert corpus.skipped == {"locked.txt": "can't be read (Permission denied)"}


def test_a_link_to_nowhere_is_skipped_by_name(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Text.", "utf-8")
    (tmp_path / "gone.md").symlink_to("nowhere")
    assert list(read(tmp_path).skipped) == ["gone.md"]


def test_a_file_whose_name_is_not_utf_8_is_skipped_or_has_a_title_that_is_text(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Text.", "utf-8")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("Text.", "utf-8")
    for document in read(tmp_path).documents:
        assert f"{document.id} {document.title}".isprintable()


def test_a_corpus_of_unusable_files_alone_names_each_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_bytes(b"\xef\xbb\xbf \r\n")
    (tmp_path / "latin.txt").write_bytes(b"\xff")
    with pytest.raises(CorpusError, match=r"; empty\.md: empty; latin\.txt: not UTF-8 \(byte 0\)"):
        read(tmp_path)

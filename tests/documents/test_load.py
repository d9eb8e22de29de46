import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from qa.documents import load as corpora
from qa.documents.load import Corpus
from qa.documents.sandbox import Converter
from qa.errors import CorpusError


def read(*places: Path | str, texts: Path | None = None, max_file_mb: int = 1) -> Corpus:
    return corpora.read(places, texts, max_file_mb)


def write(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"The text of {name}.", "utf-8")


def ids(corpus: Corpus) -> list[str]:
    return [document.id for document in corpus.documents]


def test_documents_are_read_in_order_with_their_titles(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "field_notes.txt").write_text("Plain.", "utf-8")
    (tmp_path / "a.md").write_text("\ufeff# The title\n\nText.", "utf-8")
    (tmp_path / "c.html").write_text("<title>A page</title><p>Its text.", "utf-8")
    (tmp_path / ".hidden.md").write_text("no", "utf-8")
    corpus = read(tmp_path)
    found = [(d.id, d.title, d.titled) for d in corpus.documents]
    assert found == [
        ("a.md", "The title", True), ("b/field_notes.txt", "field notes", False), ("c.html", "A page", True)
    ]  # fmt: skip
    assert corpus.documents[0].text == "The title\n\nText."
    assert corpus.skipped == {}


def test_files_that_cannot_be_read_are_named_with_the_reason_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Text.", "utf-8")
    (tmp_path / "empty.md").write_text(" \n", "utf-8")
    (tmp_path / "image.gif").write_bytes(b"GIF89a")
    (tmp_path / "large.txt").write_bytes(b"a" * (2**20 + 1))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    corpus = read(tmp_path)
    assert ids(corpus) == ["good.txt"]
    assert corpus.skipped["empty.md"] == "empty"
    assert corpus.skipped["image.gif"] == "unknown kind: .gif"
    assert corpus.skipped["large.txt"] == "too large: 1 MB, at most 1 are read (QA_MAX_FILE_MB)"
    assert corpus.skipped["broken.pdf"].startswith("damaged: ")


def test_a_text_in_another_encoding_is_read(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Zürich is a city, and Genève another. Où est-il? ".encode("latin-1") * 3)
    assert "Zürich" in read(tmp_path).documents[0].text


def test_a_corpus_with_nothing_in_it_says_where_to_put_files(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"put files of text there \(\.txt, \.md, ") as caught:
        read(tmp_path)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(CorpusError, match="name another"):
        read(tmp_path / "missing")


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "# One\r\n\r\nText.\r\n", "One"),
        ("a.md", "# One ##\n\nText.", "One"),
        ("a.md", "# Learn C#\n\nText.", "Learn C#"),
        ("a.md", "#  Two   words\n\nText.", "Two words"),
        ("a.md", "Title\n=====\n\nText.", "Title"),
        ("a.md", "---\ntitle: Front matter\n---\n\n# One\n\nText.", "Front matter"),
        ("a.md", "```bash\n# install it\n```\n\n# Real\n\nText.", "Real"),
        ("no_heading-here.md", "```\n# comment\n```\n\nText.", "no heading here"),
        ("no_heading-here.md", "#\n\nText.", "no heading here"),
        ("no_heading-here.md", "## Second\n\nText.", "no heading here"),
        ("no_heading-here.txt", "Text alone.\n\n# One\n\nText.", "no heading here"),
        ("a.txt", "One\n===\n\nText.", "One"),
        ("a.txt", "The coal trade\n\n" + "Coal was shipped from the port to all the towns. " * 5, "The coal trade"),
        ("UPPER.MD", "# One\n\nText.", "One"),
    ],
)
def test_the_title_is_the_first_top_heading_as_markdown_reads_it_or_the_file_name(
    tmp_path: Path, name: str, text: str, title: str
) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert [d.title for d in read(tmp_path).documents] == [title]


def test_an_id_is_the_path_in_the_corpus_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, ["b.txt", "a/z.md", ".git/x.md", "a/.trash/y.md", "a/b c.txt"])
    (tmp_path / "folder.md").mkdir()
    corpus = read(tmp_path)
    assert ids(corpus) == ["a/b c.txt", "a/z.md", "b.txt"]
    assert [d.path for d in corpus.documents] == [tmp_path / d.id for d in corpus.documents]
    assert corpus.skipped == {}


def test_files_folders_and_patterns_are_read_together_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, ["a/one.md", "a/two.txt", "b/three.md", "b/c/four.md", "five.md"])
    monkeypatch.chdir(tmp_path)
    assert ids(read("a", "b/**/*.md")) == ["a/one.md", "a/two.txt", "b/c/four.md", "b/three.md"]
    assert ids(read("a/one.md")) == ["one.md"]
    assert ids(read("a", "a/one.md", "*/one.md")) == ["one.md", "two.txt"]
    assert ids(read(tmp_path / "b", "five.md")) == ["b/c/four.md", "b/three.md", "five.md"]
    with pytest.raises(CorpusError, match="no file or folder nothing/\\*"):
        read("a", "nothing/*")


def test_qaignore_leaves_out_as_gitignore_does(tmp_path: Path) -> None:
    write(tmp_path, ["keep.md", "drafts/a.md", "drafts/final.md", "notes/drafts/b.md", "old.txt", "notes/old.txt"])
    (tmp_path / ".qaignore").write_text("# not ready\ndrafts/*\n!drafts/final.md\n/old.txt\n", "utf-8")
    assert ids(read(tmp_path)) == ["drafts/final.md", "keep.md", "notes/drafts/b.md", "notes/old.txt"]


def test_what_was_converted_is_kept_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    convert = Converter.convert

    def counted(converter: Converter, data: bytes, suffix: str):  # type: ignore[no-untyped-def]
        asked.append(suffix)
        return convert(converter, data, suffix)

    monkeypatch.setattr(Converter, "convert", counted)
    corpus, texts = tmp_path / "corpus", tmp_path / "texts"
    corpus.mkdir()
    (corpus / "a.html").write_text("<title>A</title><p>Its text.", "utf-8")
    first = read(corpus, texts=texts)
    (corpus / "a.html").rename(corpus / "b.html")
    second = read(corpus, texts=texts)
    assert asked == [".html"]
    assert [d.text for d in second.documents] == [d.text for d in first.documents]
    assert [d.title for d in second.documents] == ["A"]
    (corpus / "b.html").write_text("<title>A</title><p>Another text.", "utf-8")
    assert read(corpus, texts=texts).documents[0].text == "Another text."


def test_without_a_place_to_keep_texts_all_is_converted_each_time(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.html").write_text("<p>Its text.", "utf-8")
    (tmp_path / "file").write_text("no folder", "utf-8")
    for _ in range(2):
        assert read(corpus, texts=tmp_path / "file" / "texts").documents[0].text == "Its text."


def test_a_file_that_may_not_be_read_is_skipped_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, ["good.txt", "locked.txt"])
    plain = Path.read_bytes

    def guarded(path: Path) -> bytes:
        if path.name == "locked.txt":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)  # root may read every file
    corpus = read(tmp_path)
    assert ids(corpus) == ["good.txt"]
    assert corpus.skipped == {"locked.txt": "can't be read (Permission denied)"}


def test_a_link_to_nowhere_is_skipped_by_name(tmp_path: Path) -> None:
    write(tmp_path, ["good.txt"])
    (tmp_path / "gone.md").symlink_to("nowhere")
    assert list(read(tmp_path).skipped) == ["gone.md"]


def test_a_file_whose_name_is_not_utf_8_is_skipped_or_has_a_title_that_is_text(tmp_path: Path) -> None:
    write(tmp_path, ["good.txt"])
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("Text.", "utf-8")
    corpus = read(tmp_path)
    assert [f"{document.id} {document.title}".isprintable() for document in corpus.documents] == [True]
    assert all(name.isprintable() for name in corpus.skipped)


def test_a_corpus_of_unusable_files_alone_names_each_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_bytes(b"\xef\xbb\xbf \r\n")
    (tmp_path / "noise.txt").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(CorpusError, match=r"; empty\.md: empty; noise\.txt: not text: "):
        read(tmp_path)

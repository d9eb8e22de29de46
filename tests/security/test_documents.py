"""What lies among the documents and is none: links out, pipes, sockets and closed folders are named, and not read."""

import os
import socket
from pathlib import Path

import pytest

from qa.documents import load as corpus
from qa.documents import sandbox as isolation
from qa.documents.sandbox import Converter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "corpus"
    made.mkdir()
    (made / "port.md").write_text("The port of Elm is on the Ash.", "utf-8")
    (tmp_path / "secret.md").write_text("The password is swordfish.", "utf-8")
    return made


def skipped(folder: Path) -> dict[str, str]:
    found = corpus.read([folder])
    assert [document.id for document in found.documents] == ["port.md"]
    return found.skipped


def test_a_link_out_is_not_followed_and_one_within_is(folder: Path) -> None:
    (folder / "out.md").symlink_to(folder.parent / "secret.md")
    (folder / "etc.txt").symlink_to("/etc/hostname")
    (folder / "folder.md").symlink_to(folder.parent)
    assert skipped(folder) == {
        "etc.txt": "a link that leads out of the documents: copy there what it leads to",
        "folder.md": "a link that leads out of the documents: copy there what it leads to",
        "out.md": "a link that leads out of the documents: copy there what it leads to",
    }
    (folder / "again.md").symlink_to("port.md")
    assert [document.id for document in corpus.read([folder]).documents] == ["again.md", "port.md"]


def test_a_link_that_is_named_itself_is_followed(folder: Path) -> None:
    (folder / "out.md").symlink_to(folder.parent / "secret.md")
    assert [document.id for document in corpus.read([folder / "out.md"]).documents] == ["out.md"]
    os.mkfifo(folder / "pipe.md")
    assert corpus.read([folder / "port.md", folder / "pipe.md"]).skipped.keys() == {"pipe.md"}
    (folder / "pipe.md").unlink()
    found = corpus.read([str(folder / "*.md")])
    assert [document.id for document in found.documents] == ["port.md"]


def test_pipes_devices_and_sockets_are_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.md")
    (folder / "linked.md").symlink_to("pipe.md")
    (folder / "null.txt").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket.md"))
        found = skipped(folder)
    special = "a pipe, a device or a socket: only files are read"
    assert {found[name] for name in ("linked.md", "pipe.md", "socket.md")} == {special}
    assert "null.txt" in found


def test_a_folder_that_can_not_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refused(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert skipped(folder) == {"closed": "a folder that can't be read"}


def test_a_name_with_a_newline_opens(folder: Path) -> None:
    (folder / "two\nlines.md").write_text("The baker of Elm is Ann.", "utf-8")
    assert [document.id for document in corpus.read([folder]).documents] == ["port.md", "two\nlines.md"]


def test_a_file_whose_conversion_failed_is_not_tried_again_until_it_changes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bytes] = []

    ask = Converter._ask

    def hanging(self: Converter, data: bytes, suffix: str, page: int) -> object:
        if b"slow" not in data:
            return ask(self, data, suffix, page)
        tried.append(data)
        raise isolation._FailedError("took longer than 60 s", again=False)

    (folder / "slow.pdf").write_bytes(b"%PDF slow")
    monkeypatch.setattr(Converter, "_ask", hanging)
    for _ in range(3):
        assert corpus.read([folder], tmp_path / "texts").skipped == {"slow.pdf": "took longer than 60 s"}
    assert len(tried) == 1
    (folder / "slow.pdf").write_bytes(b"%PDF slow, but another one")
    assert corpus.read([folder], tmp_path / "texts").skipped == {"slow.pdf": "took longer than 60 s"}
    assert len(tried) == 2

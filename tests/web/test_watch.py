"""A server that takes up changes of its documents while it is asked."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from serving import serving

from qa import Assistant, Settings
from qa.encoder.base import Encoder
from qa.errors import CorpusError
from qa.web.service import Service
from qa.web.watch import watch

CLIENTS, SWAPS = 20, 10
QUESTION = "Which river is the port on?"
SECTIONS = ("The port", "The river", "The coal", "The baker", "The bridge")


def text(version: int) -> str:
    return "\n\n".join(f"# {name}\n\n{name} of version{version} is on the river Tom{version}." for name in SECTIONS)


def write(path: Path, content: str) -> None:
    """Replace a file at once, as editors do."""
    temporary = path.with_name(".new")
    temporary.write_text(content, "utf-8")
    temporary.replace(path)


def watching(*arguments: object) -> None:
    threading.Thread(target=watch, args=arguments, daemon=True).start()


def until(condition, seconds: float = 20):  # type: ignore[no-untyped-def]
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds
        time.sleep(0.02)


def generation(address: str) -> str:
    return str(httpx.get(f"{address}/api/health").json()["generation"])


def versions(answer: dict) -> set[str]:  # type: ignore[type-arg]
    """The generations of the text that an answer shows."""
    texts = [answer["answer"], *(c["quote"] for c in answer["citations"]), *(h["text"] for h in answer["hits"])]
    return {part.rstrip(".") for each in texts for part in each.split("version")[1:] for part in [part.split()[0]]}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(folder / "a.md", text(0))
    return folder


def test_twenty_clients_ask_through_ten_swaps_and_none_fails_or_sees_two_versions(
    corpus: Path, tmp_path: Path, encoder: Encoder
) -> None:
    stop = threading.Event()

    def reopen() -> Assistant:
        return Assistant.open(corpus, tmp_path / "index", encoder, threshold=0)

    def ask(client: int, address: str) -> list[set[str]]:
        seen = []
        transport = httpx.HTTPTransport(local_address=f"127.0.0.{client + 2}")
        with httpx.Client(transport=transport, timeout=30) as session:
            while not stop.is_set():
                answer = session.post(f"{address}/api/ask", json={"question": QUESTION})
                assert answer.status_code == 200
                seen.append(versions(answer.json()))
        return seen

    def beside(service: Service) -> None:
        watching(service, [corpus], tmp_path / "index", lambda _: reopen(), lambda _: None)

    with (
        serving(Settings(rate=1_000_000), reopen, beside=beside) as address,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        clients = [pool.submit(ask, number, address) for number in range(CLIENTS)]
        try:
            for version in range(1, SWAPS + 1):
                before = generation(address)
                write(corpus / "a.md", text(version))
                until(lambda before=before: generation(address) != before)
        finally:
            stop.set()
        seen = [each for client in clients for each in client.result()]
    assert all(len(each) == 1 for each in seen)
    assert {f"{version}" for version in range(SWAPS + 1)} >= {version for each in seen for version in each}
    assert len({version for each in seen for version in each}) > SWAPS // 2


def test_what_is_added_and_removed_is_taken_up_and_a_corpus_that_cannot_be_read_changes_nothing(
    corpus: Path, tmp_path: Path, encoder: Encoder
) -> None:
    index, said = tmp_path / "index", []
    service = Service(lambda: Assistant.open(corpus, index, encoder))
    service.start()
    watching(service, [corpus], index, lambda before: Assistant.open(corpus, index, before.encoder), said.append)
    found = lambda name: service.assistant().store.document(name) is not None  # noqa: E731
    until(lambda: found("a.md"))
    write(corpus / "new.txt", "A wharf was built in 1912.")
    until(lambda: found("new.txt"))
    assert "documents: 1 added, 0 changed, 0 moved, 0 removed, 1 unchanged" in said
    (corpus / "a.md").unlink()
    until(lambda: not found("a.md"))
    before = service.assistant()
    (corpus / "new.txt").unlink()
    until(lambda: any("nothing to index" in line for line in said))
    assert service.assistant() is before
    write(corpus / "back.md", text(3))
    until(lambda: found("back.md"))


def test_a_file_that_is_skipped_is_named_once_and_again_when_it_is_mended(
    corpus: Path, tmp_path: Path, encoder: Encoder
) -> None:
    index, said = tmp_path / "index", list[str]()
    service = Service(lambda: Assistant.open(corpus, index, encoder))
    service.start()
    watching(service, [corpus], index, lambda before: Assistant.open(corpus, index, before.encoder), said.append)
    service.assistant()
    (corpus / "broken.pdf").write_bytes(b"no PDF")
    until(lambda: any(line.startswith("skipped broken.pdf: ") for line in said))
    write(corpus / "new.md", text(1))
    until(lambda: "took up new.md" in said)
    assert len([line for line in said if "broken.pdf" in line]) == 1
    (corpus / "broken.pdf").rename(corpus / "mended.txt")
    until(lambda: "took up mended.txt" in said)


def test_a_change_from_before_the_watching_began_is_taken_up(corpus: Path, tmp_path: Path, encoder: Encoder) -> None:
    service = Service(lambda: Assistant.open(corpus, tmp_path / "index", encoder))
    service.start()
    service.assistant()
    write(corpus / "late.md", text(1))
    reopened = lambda before: Assistant.open(corpus, tmp_path / "index", before.encoder)  # noqa: E731
    watching(service, [corpus], tmp_path / "index", reopened, lambda _: None)
    until(lambda: service.assistant().store.document("late.md") is not None)


def test_files_are_watched_by_their_folders(tmp_path: Path, encoder: Encoder) -> None:
    path, index = tmp_path / "one.md", tmp_path / "index"
    write(path, text(0))
    service = Service(lambda: Assistant.open(path, index, encoder))
    service.start()
    watching(service, [path], index, lambda before: Assistant.open(path, index, before.encoder), lambda _: None)
    first = service.assistant().snapshot
    write(path, text(1))
    until(lambda: service.assistant().snapshot != first)
    with pytest.raises(CorpusError):
        Assistant.open(tmp_path / "two.md", index, encoder)


def test_whatever_goes_wrong_is_said_and_the_next_change_is_another_try(
    corpus: Path, tmp_path: Path, encoder: Encoder
) -> None:
    index, said, wrong = tmp_path / "index", [], [OSError("gone")]
    service = Service(lambda: Assistant.open(corpus, index, encoder))
    service.start()

    def reopen(before: Assistant) -> Assistant:
        if wrong:
            raise wrong.pop()
        return Assistant.open(corpus, index, before.encoder)

    watching(service, [corpus], index, reopen, said.append)
    until(lambda: "the documents can't be read again (OSError: gone)" in said)
    write(corpus / "next.md", text(1))
    until(lambda: service.assistant().store.document("next.md") is not None)

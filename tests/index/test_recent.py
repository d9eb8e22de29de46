import pytest

from qa import Document
from qa.index import recent
from qa.index.recent import RecentDocuments


def test_what_was_needed_last_is_kept_within_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MOST", 10)
    got: list[str] = []

    def get(id_: str) -> Document | None:
        got.append(id_)
        return None if id_ == "none" else Document(id_, id_, "x" * (4 if id_ != "large" else 11))

    document = RecentDocuments(get)
    for id_ in ("a", "b", "a", "c", "a", "b", "large", "none", "none", "large", "b"):
        found = document(id_)
        assert found is None if id_ == "none" else found is not None
    # one that is too large is kept until another is needed
    assert got == ["a", "b", "c", "b", "large", "none", "none", "b"], (
        "one that is too large is kept until another is needed"
    )

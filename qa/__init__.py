"""A question box for your own documents: every answer is their own words, quoted and cited, or an honest refusal."""

from typing import TYPE_CHECKING

from qa.settings import Settings
from qa.types import Answer, Block, Citation, Document, Hit, Passage

if TYPE_CHECKING:
    from qa.assistant import Assistant

__all__ = ["Answer", "Assistant", "Block", "Citation", "Document", "Hit", "Passage", "Settings"]


def __getattr__(name: str) -> object:
    """Import Assistant only when it is asked for: it brings numpy and the libraries behind it."""
    if name == "Assistant":
        from qa.assistant import Assistant

        return Assistant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

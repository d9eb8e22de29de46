"""BM25 beside its formula, over small vocabularies in which equal scores and long lists are common."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.encoder.base import Vectors
from qa.index.local.lexical import K1, B, InvertedIndex, InvertedIndexBuilder, idf

TERM = st.sampled_from("a b c d e ab é 漢 zz".split())
TEXTS = st.lists(st.lists(TERM, max_size=8), min_size=1, max_size=40)
ASKED = st.lists(st.one_of(TERM, st.just("unheard")), max_size=6)


def lexical_of(texts: list[list[str]]) -> InvertedIndex:
    builder = InvertedIndexBuilder()
    for text in texts:
        builder.append(text)
    return builder.finish()


def scores(lexical: InvertedIndex, asked: list[str], size: int) -> Vectors:
    return lexical.scores({term: idf(lexical.document_frequency(term), size) for term in asked}, size)


def naive(texts: list[list[str]], asked: list[str]) -> list[float]:
    """Every text's BM25 in Lucene's form, each counted as one term longer than it is."""
    having = Counter(term for text in texts for term in set(text))
    average = sum(len(text) + 1 for text in texts) / len(texts)
    weights = {term: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for term, n in having.items()}
    scores = []
    for text in texts:
        counts, norm = Counter(text), K1 * (1 - B + B * (len(text) + 1) / average)
        scores.append(sum(weights[t] * counts[t] / (counts[t] + norm) for t in set(asked) if t in counts))
    return scores


@settings(deadline=None)  # the first loads scipy
@given(texts=TEXTS, asked=ASKED)
def test_scores_are_those_of_the_formula(texts: list[list[str]], asked: list[str]) -> None:
    found = scores(lexical_of(texts), asked, len(texts))
    assert found == pytest.approx(naive(texts, asked), abs=1e-5)


@settings(deadline=None)
@given(texts=TEXTS, asked=ASKED, k=st.integers(1, 12))
def test_the_best_are_those_of_all(texts: list[list[str]], asked: list[str], k: int) -> None:
    lexical = lexical_of(texts)
    of_all = scores(lexical, asked, len(texts))
    expected = [n for n in np.argsort(-of_all, kind="stable").tolist() if of_all[n]][:k]
    assert lexical.best(asked, of_all, k).tolist() == expected


@settings(deadline=None)
@given(texts=TEXTS)
def test_terms_are_counted(texts: list[list[str]]) -> None:
    lexical = lexical_of(texts)
    for term in ["a", "é", "漢", "unheard", ""]:
        assert lexical.document_frequency(term) == sum(term in text for text in texts)


def test_what_is_saved_is_what_is_opened_even_without_any_term(tmp_path: Path) -> None:
    for name, texts in {"some": [["b", "a"], ["b"]], "none": [[], []]}.items():
        lexical = lexical_of(texts)
        lexical.save(tmp_path / name)
        for ours, theirs in zip(lexical, InvertedIndex.open(tmp_path / name), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", InvertedIndex._fields)
def test_columns_that_do_not_fit_are_an_error(tmp_path: Path, name: str) -> None:
    lexical_of([["b", "a"], ["b"]]).save(tmp_path / "lexical")
    path = tmp_path / "lexical" / f"{name}.npy"
    np.save(path, np.load(path)[:-1])
    with pytest.raises(ValueError, match="terms"):
        InvertedIndex.open(tmp_path / "lexical")

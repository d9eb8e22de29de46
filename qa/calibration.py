"""Fits the reader's model for an encoder on a file of questions and answers in SQuAD's format.

Each question is asked of all the file's documents, and some again, as ones that can't be answered, of those without
its article. The sentence weights are a softmax over each question's sentences; the gate tells questions about these
documents from others; the last weights tell right first quotes from wrong ones, given that the gate is open.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qa import indexing
from qa.encoder import Encoder, Vectors
from qa.errors import CorpusError
from qa.features import GATE, RIGHT, SENTENCE, Array, Sentences, confidence_features, sentence_features
from qa.model import Model
from qa.questions import Item, Squad
from qa.reader import softmax
from qa.retriever import Retrieved, Retriever
from qa.stores.local import LocalStore
from qa.terms import Analyzer
from qa.types import Passage
from qa.words import basis as principal_basis

MIN_ARTICLES = 3  # far fewer than are needed for a good fit
GROUPS = 4  # of articles, each of which is taken away once
FOREIGN_STEP = 2  # every how many-th question is asked without its article
PASSAGE_PART = 0.5  # what finding the right passage counts beside finding the right sentence
L2 = 1e-3  # on weights of standardised features
SAMPLE = 400  # passages that the basis of the word vectors is found from

Flags = npt.NDArray[np.bool_]
Progress = indexing.Progress


class Row(NamedTuple):
    """A question that was asked, and which of the sentences hold its answer, or are of its document."""

    retrieved: Retrieved
    sentences: Sentences
    right: Flags
    own: Flags


def calibrate(squad: Squad, encoder: Encoder, progress: Progress = lambda *_: None) -> Model:
    """The model that answers the file's questions best with this encoder; the texts are taken as English.

    Raises CorpusError where the file has too little to learn from.
    """
    articles = sorted({item.article for item in squad.items if item.spans})
    if len(articles) < MIN_ARTICLES:
        raise CorpusError(f"give questions with answers about at least {MIN_ARTICLES} articles; found {len(articles)}")
    analyzer = Analyzer("en")
    passages = indexing.split_all(squad.documents, encoder)
    basis = word_basis(passages, encoder, analyzer)
    vectored = list(indexing.embed(passages, encoder, analyzer, basis, progress))

    def ask(items: Sequence[Item], without: frozenset[str], what: str) -> list[Row]:
        kept = [v for v in vectored if v.passage.title not in without]
        documents = [d for d in squad.documents if d.title not in without]
        retrieve = Retriever(LocalStore.build(documents, kept, analyzer), encoder, analyzer, basis)
        rows = []
        for number, item in enumerate(items):
            progress(what, number, len(items))
            rows.append(_row(retrieve(item.question), item))
        return rows

    own = ask(squad.items, frozenset(), "questions")
    foreign = []
    for group in np.array_split(articles, min(GROUPS, len(articles))):
        without = frozenset(group.tolist())
        items = [item for item in squad.items if item.article in without][::FOREIGN_STEP]
        foreign += ask(items, without, f"without {group[0]} …")
    return fit(own, foreign, basis, encoder.fingerprint)


def word_basis(passages: Sequence[Passage], encoder: Encoder, analyzer: Analyzer) -> Vectors:
    """The directions in which the vectors of the passages' words spread most, from a sample of them."""
    sample = passages[:: max(1, len(passages) // SAMPLE)]
    texts, spans = [], []
    for passage in sample:
        texts.append(passage.label + passage.text)
        before = len(passage.label)
        spans.append([(w.start + before, w.end + before) for w in analyzer.words(passage.text)])
    return principal_basis(np.concatenate([e.stretches for e in encoder.encode_passages(texts, spans)]))


def fit(own: Sequence[Row], foreign: Sequence[Row], basis: Vectors, encoder: str) -> Model:
    """The weights for questions that were asked of their own documents, and of others."""
    sentence = dict(zip(SENTENCE, _fit_softmax([row for row in own if row.right.any()]).tolist(), strict=True))
    shares = [softmax(row.sentences.features @ np.array(list(sentence.values()))) for row in (*own, *foreign)]
    found = [
        confidence_features(row.retrieved.question, row.retrieved.candidates, row.sentences, share, row.retrieved.idf)
        for row, share in zip((*own, *foreign), shares, strict=True)
    ]
    right = np.array([row.right[np.argmax(share)] for row, share in zip(own, shares, strict=False)])
    is_own = np.arange(len(found)) < len(own)
    return Model(
        sentence=_rounded(sentence),
        gate=_rounded(_fit_logistic(found, is_own, GATE)),
        right=_rounded(_fit_logistic(found[: len(own)], right, RIGHT)),
        basis=basis,
        encoder=encoder,
    )


def _row(retrieved: Retrieved, item: Item) -> Row:
    candidates = retrieved.candidates
    sentences = sentence_features(retrieved.question, candidates, retrieved.evidence, retrieved.idf)
    passages = [candidates[c].passage for c in sentences.candidate]
    own = np.array([passage.document_id == item.document for passage in passages])
    spans = [p.sentences[n] for p, n in zip(passages, sentences.number, strict=True)]
    holds = np.array([any(s.start <= a + 1 and b - 1 <= s.end for a, b in item.spans) for s in spans])
    return Row(retrieved, sentences, own & holds, own)


def _fit_softmax(rows: Sequence[Row]) -> Array:
    """Weights that give the right sentences of each question, and less so all of its document's, the largest share."""
    x, _, scale = _standardised(np.concatenate([row.sentences.features for row in rows]))
    starts = np.cumsum([0, *(len(row.right) for row in rows)])[:-1]
    question = np.repeat(np.arange(len(rows)), [len(row.right) for row in rows])
    right, own = np.concatenate([row.right for row in rows]), np.concatenate([row.own for row in rows])

    def log_sum(z: Array) -> tuple[Array, Array]:
        """The log of each question's sum of powers, and each sentence's share of it."""
        top = np.maximum.reduceat(z, starts)
        powers = np.exp(z - top[question])
        sums = np.add.reduceat(powers, starts)
        return top + np.log(sums), powers / sums[question]

    def loss(w: Array) -> tuple[float, Array]:
        z = x @ w
        total, share = log_sum(z)
        of_right, share_right = log_sum(np.where(right, z, -1e9))
        of_own, share_own = log_sum(np.where(own, z, -1e9))
        value = (total - of_right).sum() + PASSAGE_PART * (total - of_own).sum()
        slope = x.T @ ((1 + PASSAGE_PART) * share - share_right - PASSAGE_PART * share_own)
        return value / len(rows) + L2 * w @ w, slope / len(rows) + 2 * L2 * w

    return _minimum(loss, x.shape[1]) / scale


def _fit_logistic(found: Sequence[dict[str, float]], labels: Flags, names: Sequence[str]) -> dict[str, float]:
    """Weights of a logistic regression of the labels on the features of these names, with an intercept."""
    x, mean, scale = _standardised(np.array([[features[name] for name in names] for features in found]))
    sign = np.where(labels, 1.0, -1.0)

    def loss(v: Array) -> tuple[float, Array]:
        margin = sign * (x @ v[1:] + v[0])
        slope = -sign / (1 + np.exp(np.clip(margin, -30, 30)))
        value = np.logaddexp(0, -margin).mean() + L2 * v[1:] @ v[1:]
        return value, np.r_[slope.mean(), x.T @ slope / len(x) + 2 * L2 * v[1:]]

    v = _minimum(loss, x.shape[1] + 1)
    weights = v[1:] / scale
    return {"intercept": float(v[0] - weights @ mean), **dict(zip(names, weights.tolist(), strict=True))}


def _standardised(x: Array) -> tuple[Array, Array, Array]:
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    return (x - mean) / scale, mean, scale


def _minimum(loss: Callable[[Array], tuple[float, Array]], size: int) -> Array:
    from scipy.optimize import minimize

    found: Array = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return found


def _rounded(weights: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in weights.items()}

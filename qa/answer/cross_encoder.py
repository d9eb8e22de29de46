"""The cross-encoder: reads a question together with a passage and scores each of the passage's sentences.

Its network has the architecture of the default encoder, weights trained by training/train.py, and small heads over the
tokens. A sentence's score is the log odds that it answers rather than nothing in the passage.
"""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from qa.answer.comparison import RETRIEVAL_FEATURES, Comparison
from qa.encoder.base import Vectors
from qa.encoder.bundled import BUNDLED, DEFAULT, file_stamps
from qa.encoder.onnx_export import CHANGES, HEADS, PROBED, PROBES, READER
from qa.encoder.onnx_runtime import OnnxNetwork, export, network_folder, refusal
from qa.errors import EncoderError
from qa.files import sha256
from qa.text.passages import label
from qa.types import Passage, Sentence, Span

MAX_TOKENS = 384  # of a question and a passage together
MAX_QUESTION = 96  # of those
MAX_SPAN = 24  # tokens of the words that answer
CLS, SEP = 101, 102  # BERT's tokens before and after a text
UNREAD = -20.0  # the score of a sentence beyond MAX_TOKENS
MAX_DIFFERENCE = {"onnx": 0.01, "int8": 1.0}  # from PyTorch's scores; a network that exceeds it is refused


class Reading(NamedTuple):
    """A passage as it was read for a question."""

    passage: Passage
    scores: Vectors  # of the sentences, shape (sentences,)
    hidden: Vectors  # what those scores are computed from, shape (sentences, units)
    passage_score: float
    start_logits: Vectors  # of each token as the first of the answer's words, shape (tokens,)
    end_logits: Vectors  # and as the last
    token_spans: list[Span]  # in the document
    token_sentences: list[int]  # the sentence of each token, -1 for none

    def span(self, sentence: int) -> tuple[Span, float] | None:
        """Return the words of a sentence that most likely answer, with the probability that they do if it does.

        The span is in the document. Returns None if no token of the sentence was read.
        """
        inside = [n for n, number in enumerate(self.token_sentences) if number == sentence]
        if not inside:
            return None
        starts, ends = _log_softmax(self.start_logits[inside]), _log_softmax(self.end_logits[inside])
        allowed = np.triu(np.ones((len(inside),) * 2)) - np.triu(np.ones((len(inside),) * 2), MAX_SPAN)
        log_probability = np.where(allowed > 0, starts[:, None] + ends, -np.inf)
        first, last = np.unravel_index(int(log_probability.argmax()), log_probability.shape)
        span = self.token_spans[inside[first]][0], self.token_spans[inside[last]][1]
        return span, float(np.exp(log_probability[first, last]))


class CrossEncoder:
    """The network in a folder; raises EncoderError if it is damaged."""

    def __init__(self, folder: Path) -> None:
        self._network = OnnxNetwork(folder)
        with np.load(folder / HEADS, allow_pickle=False) as heads:
            self._heads = {name: heads[name] for name in heads.files}
        self._comparison = Comparison(self._heads)

    @property
    def folder(self) -> Path:
        """Where its network is."""
        return self._network.folder

    def verify(self) -> None:
        """Raise EncoderError if the network's files, where they still exist, aren't those that were exported."""
        self._network.verify()

    def __call__(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read each passage, under its title and heading, for a question."""
        tokenizer = self._network.tokenizer
        prefix = [CLS, *tokenizer.encode(question, add_special_tokens=False).ids[:MAX_QUESTION], SEP]
        labels = [label(passage.title, passage.heading, tokenizer) for passage in passages]
        texts = [before + passage.text for before, passage in zip(labels, passages, strict=True)]
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        room = MAX_TOKENS - len(prefix) - 1
        pairs = [[*prefix, *encoding.ids[:room], SEP] for encoding in encodings]
        tokens = self._network(pairs, [len(prefix)] * len(pairs))
        return [
            self._reading(passage, len(before), vectors[0], vectors[len(prefix) : -1], encoding.offsets[:room])
            for passage, before, vectors, encoding in zip(passages, labels, tokens, encodings, strict=True)
        ]

    def compare(self, readings: Sequence[Reading], retrieval: Sequence[Vectors]) -> list[Vectors]:
        """Return what comparing all sentences adds to the scores of each reading.

        `retrieval` holds each reading's features for Comparison, shape (sentences, RETRIEVAL_FEATURES).
        """
        sizes = [len(reading.hidden) for reading in readings]
        hidden, features = np.vstack([reading.hidden for reading in readings]), np.vstack(retrieval)
        corrections = self._comparison(hidden, features, np.repeat(np.arange(len(sizes)), sizes))
        return np.split(corrections, np.cumsum(sizes)[:-1])

    def _reading(
        self, passage: Passage, shift: int, first: Vectors, tokens: Vectors, offsets: Sequence[Span]
    ) -> Reading:
        """Apply the heads: to each sentence's mean vector with the first token's, to the first token, to every token.

        `offsets` are the tokens' in the text that was read, where the passage begins at `shift`.
        """
        starts = np.array([s.start - passage.start + shift for s in passage.sentences])
        sentence = np.searchsorted(starts, [start for start, _ in offsets], side="right") - 1
        sums = np.zeros((len(starts), tokens.shape[1]), dtype=np.float32)
        np.add.at(sums, sentence[sentence >= 0], tokens[sentence >= 0])
        sizes = np.bincount(sentence[sentence >= 0], minlength=len(starts))
        means = sums / np.maximum(sizes, 1)[:, None]
        inputs = np.hstack([means, np.broadcast_to(first, means.shape)])
        hidden = np.maximum(inputs @ self._heads["hidden.weight"].T + self._heads["hidden.bias"], 0)
        scores = hidden @ self._heads["sentence.weight"][0] + self._heads["sentence.bias"][0]
        logits = tokens @ self._heads["span.weight"].T + self._heads["span.bias"]
        to_document = passage.start - shift
        return Reading(
            passage=passage,
            scores=np.where(sizes > 0, scores, np.float32(UNREAD)),
            hidden=hidden,
            passage_score=float(first @ self._heads["passage.weight"][0] + self._heads["passage.bias"][0]),
            start_logits=logits[:, 0],
            end_logits=logits[:, 1],
            token_spans=[(start + to_document, end + to_document) for start, end in offsets],
            token_sentences=sentence.tolist(),
        )


def load_reader(folder: Path, runtime: str = "int8") -> CrossEncoder:
    """Load the reader, exported into `folder` the first time; in memory if that folder can't be written.

    Falls back from 8 bits to 32 on a machine where 8 bits change its scores. Raises EncoderError if it can't be
    exported, or if its scores in 32 bits differ from PyTorch's as well.
    """
    try:
        return _load(folder, runtime)
    except OSError:
        return load_reader_in_memory(runtime)
    except EncoderError:
        if runtime == "onnx":
            raise
        return load_reader(folder, "onnx")


@cache
def load_reader_in_memory(runtime: str = "int8") -> CrossEncoder:
    """Load the reader once a process, leaving nothing on the disk; raise EncoderError as `load_reader` does."""
    try:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # mapped files live on until they are closed
            return _load(Path(folder), runtime)
    except OSError as error:
        raise EncoderError(f"the reader can't be written to a temporary folder ({error.strerror})") from error
    except EncoderError:
        if runtime == "onnx":
            raise
        return load_reader_in_memory("onnx")


def _load(folder: Path, runtime: str) -> CrossEncoder:
    kept = network_folder(folder, READER, runtime, file_stamps(DEFAULT), sha256(BUNDLED / READER / CHANGES))
    if not refusal(kept):
        with suppress(EncoderError, OSError):  # missing or damaged: export it
            return CrossEncoder(kept)
        try:
            export(READER, kept, runtime, partial(_compare, runtime))
        except subprocess.SubprocessError as error:
            raise EncoderError(f"the reader can't be exported ({error}): install question-box anew") from error
    if reason := refusal(kept):
        raise EncoderError(f"the reader can't be used ({reason}): install question-box anew")
    return CrossEncoder(kept)


def probes() -> tuple[str, list[Passage]]:
    """Return a question and passages of two sentences each, to check a network with."""
    halves = [(len(text) // 2, text) for text in PROBES if len(text) > 1]
    return PROBES[1], [
        Passage("", "A title", "", 0, len(t), t, (Sentence(0, h, t[:h]), Sentence(h, len(t), t[h:]))) for h, t in halves
    ]


def probed(read: CrossEncoder) -> Vectors:
    """Return a network's scores of the probes, shape (probes, 5).

    A row holds the scores of both sentences, the passage's score, and the first token's start and last token's end
    logit.
    """
    readings = read(*probes())
    unknown = [np.zeros((len(reading.scores), RETRIEVAL_FEATURES), dtype=np.float32) for reading in readings]
    rows = [
        (*(reading.scores + correction), reading.passage_score, reading.start_logits[0], reading.end_logits[-1])
        for reading, correction in zip(readings, read.compare(readings, unknown), strict=True)
    ]
    return np.array(rows, dtype=np.float32)


def _compare(runtime: str, folder: Path) -> None:
    """Raise EncoderError if the network in a folder gives other scores than PyTorch."""
    difference = float(np.abs(probed(CrossEncoder(folder)) - np.load(folder / PROBED)).max())
    if not difference <= MAX_DIFFERENCE[runtime]:
        raise EncoderError(f"its scores differ from PyTorch's own by {difference:.3f}")


def _log_softmax(scores: Vectors) -> Vectors:
    shifted = scores - scores.max()
    logs: Vectors = shifted - np.log(np.exp(shifted).sum())
    return logs

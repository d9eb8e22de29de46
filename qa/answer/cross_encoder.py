"""The network that reads a question together with a passage, and scores every sentence of it.

It is the default encoder's network with other weights, trained by training/train.py, and small heads over its tokens.
A sentence's score is the log of how much likelier it answers than that nothing does, in view of the whole passage.
"""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from qa.answer.comparison import KNOWN, Comparison
from qa.encoder import DEFAULT, Span, Vectors, source_of
from qa.errors import EncoderError
from qa.exporting import BUNDLED, CHANGES, HEADS, PROBED, PROBES, READER, checksum
from qa.passages import label
from qa.runtime import OnnxNetwork, export, kept_in, refused
from qa.types import Passage, Sentence

MAX_TOKENS = 384  # of a question and a passage together
MAX_QUESTION = 96  # of those
LONGEST_SPAN = 24  # tokens
CLS, SEP = 101, 102  # what BERT has before a text and behind it
UNREAD = -20.0  # the score of a sentence behind MAX_TOKENS
MOST_DIFFERENT = {"onnx": 0.01, "int8": 1.0}  # of a score from PyTorch's own, or the network is refused


class Reading(NamedTuple):
    """What reading a passage gave: a score for each sentence, shape (sentences,), and one for all of it.

    `hidden` is what the scores are made from, shape (sentences, units). `begins` and `ends` score each token as the
    first and the last one of an answer, `places` says where in the document the tokens stand, and `owners` in which
    sentence, -1 for none.
    """

    passage: Passage
    sentences: Vectors
    hidden: Vectors
    whole: float
    begins: Vectors
    ends: Vectors
    places: list[Span]
    owners: list[int]

    def span(self, sentence: int) -> tuple[Span, float] | None:
        """The words of a sentence that most likely answer, and how likely they do if the sentence does."""
        inside = [n for n, owner in enumerate(self.owners) if owner == sentence]
        if not inside:
            return None
        begins, ends = _log_softmax(self.begins[inside]), _log_softmax(self.ends[inside])
        table = np.triu(np.ones((len(inside),) * 2)) - np.triu(np.ones((len(inside),) * 2), LONGEST_SPAN)
        scores = np.where(table > 0, begins[:, None] + ends, -np.inf)
        first, last = np.unravel_index(int(scores.argmax()), scores.shape)
        place = self.places[inside[first]][0], self.places[inside[last]][1]
        return place, float(np.exp(scores[first, last]))


class CrossEncoder:
    """Reads passages for a question, by the network in a folder; raises EncoderError where it is damaged."""

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
        """Raise EncoderError unless the network is the one that was exported, where its files are still there."""
        self._network.verify()

    def __call__(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read each passage under its title and heading."""
        tokenizer = self._network.tokenizer
        asked = [CLS, *tokenizer.encode(question, add_special_tokens=False).ids[:MAX_QUESTION], SEP]
        labels = [label(passage.title, passage.heading, tokenizer) for passage in passages]
        texts = [before + passage.text for before, passage in zip(labels, passages, strict=True)]
        read = tokenizer.encode_batch(texts, add_special_tokens=False)
        room = MAX_TOKENS - len(asked) - 1
        embedded = self._network([[*asked, *one.ids[:room], SEP] for one in read], [len(asked)] * len(read))
        return [
            self._reading(passage, len(before), tokens[0], tokens[len(asked) : -1], one.offsets[:room])
            for passage, before, tokens, one in zip(passages, labels, embedded, read, strict=True)
        ]

    def compare(self, readings: Sequence[Reading], given: Sequence[Vectors]) -> list[Vectors]:
        """What comparing all sentences adds to their scores; `given` is what Comparison is to know of each."""
        sizes = [len(reading.hidden) for reading in readings]
        hidden, known = np.vstack([reading.hidden for reading in readings]), np.vstack(given)
        added = self._comparison(hidden, known, np.repeat(np.arange(len(sizes)), sizes))
        return np.split(added, np.cumsum(sizes)[:-1])

    def _reading(
        self, passage: Passage, shift: int, first: Vectors, tokens: Vectors, offsets: Sequence[Span]
    ) -> Reading:
        starts = np.array([s.start - passage.start + shift for s in passage.sentences])
        owners = np.searchsorted(starts, [start for start, _ in offsets], side="right") - 1
        sums = np.zeros((len(starts), tokens.shape[1]), dtype=np.float32)
        np.add.at(sums, owners[owners >= 0], tokens[owners >= 0])
        sizes = np.bincount(owners[owners >= 0], minlength=len(starts))
        means = sums / np.maximum(sizes, 1)[:, None]
        both = np.hstack([means, np.broadcast_to(first, means.shape)])
        hidden = np.maximum(both @ self._heads["hidden.weight"].T + self._heads["hidden.bias"], 0)
        scores = hidden @ self._heads["sentence.weight"][0] + self._heads["sentence.bias"][0]
        marks = tokens @ self._heads["span.weight"].T + self._heads["span.bias"]
        at = passage.start - shift
        return Reading(
            passage=passage,
            sentences=np.where(sizes > 0, scores, np.float32(UNREAD)),
            hidden=hidden,
            whole=float(first @ self._heads["passage.weight"][0] + self._heads["passage.bias"][0]),
            begins=marks[:, 0],
            ends=marks[:, 1],
            places=[(start + at, end + at) for start, end in offsets],
            owners=owners.tolist(),
        )


def load_reader(folder: Path, runtime: str = "int8") -> CrossEncoder:
    """The reader, exported into `folder` the first time, or in memory where that can't be written.

    It runs in 8 bits unless that gives other scores on this machine. Raises EncoderError where it can't be exported, or
    gives other scores than PyTorch gave in 32 bits, too.
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
    """The reader, one for the process, of which nothing stays on the disk; raises EncoderError."""
    try:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # what is mapped stays until it is let go of
            return _load(Path(folder), runtime)
    except OSError as error:
        raise EncoderError(f"the reader can't be written to a temporary folder ({error.strerror})") from error
    except EncoderError:
        if runtime == "onnx":
            raise
        return load_reader_in_memory("onnx")


def _load(folder: Path, runtime: str) -> CrossEncoder:
    kept = kept_in(folder, READER, runtime, source_of(DEFAULT), checksum(BUNDLED / READER / CHANGES))
    if not refused(kept):
        with suppress(EncoderError, OSError):  # it isn't there yet, or is damaged
            return CrossEncoder(kept)
        try:
            export(READER, kept, runtime, partial(_compare, runtime))
        except subprocess.SubprocessError as error:
            raise EncoderError(f"the reader can't be exported ({error}): install question-box anew") from error
    if reason := refused(kept):
        raise EncoderError(f"the reader can't be used ({reason}): install question-box anew")
    return CrossEncoder(kept)


def probes() -> tuple[str, list[Passage]]:
    """A question and passages of two sentences each, that a network is tried with."""
    halves = [(len(text) // 2, text) for text in PROBES if len(text) > 1]
    return PROBES[1], [
        Passage("", "A title", "", 0, len(t), t, (Sentence(0, h, t[:h]), Sentence(h, len(t), t[h:]))) for h, t in halves
    ]


def probed(read: CrossEncoder) -> Vectors:
    """For each probe the scores of its two sentences and of all of it, of its first token to begin and last to end."""
    readings = read(*probes())
    added = read.compare(readings, [np.zeros((len(one.sentences), KNOWN), dtype=np.float32) for one in readings])
    rows = [
        (*(one.sentences + more), one.whole, one.begins[0], one.ends[-1])
        for one, more in zip(readings, added, strict=True)
    ]
    return np.array(rows, dtype=np.float32)


def _compare(runtime: str, folder: Path) -> None:
    """Raise EncoderError unless the network in a folder gives the scores that PyTorch gave."""
    difference = float(np.abs(probed(CrossEncoder(folder)) - np.load(folder / PROBED)).max())
    if not difference <= MOST_DIFFERENT[runtime]:
        raise EncoderError(f"its scores differ from PyTorch's own by {difference:.3f}")


def _log_softmax(scores: Vectors) -> Vectors:
    shifted = scores - scores.max()
    logs: Vectors = shifted - np.log(np.exp(shifted).sum())
    return logs

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support import WordCountEncoder

from qa.encoder.base import Encoded
from qa.encoder.batching import MAX_BATCH, QuestionBatcher, Turns
from qa.types import Span

QUESTIONS = [f"Which {'river ' * n}is port {n} on?" for n in range(3 * MAX_BATCH)]


class Slow:
    """Encodes, but the first time only when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.begun = threading.Event()
        self.sizes: list[int] = []

    def __call__(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Encoded]:
        self.sizes.append(len(texts))
        self.begun.set()
        assert self.let.wait(20)
        if "fail" in texts:
            raise ValueError("as asked")
        return WordCountEncoder().encode_questions(texts, spans)


def test_what_waits_is_encoded_together_and_everyone_gets_their_own() -> None:
    slow = Slow()
    together = QuestionBatcher(slow)
    with ThreadPoolExecutor(len(QUESTIONS)) as pool:
        first = pool.submit(together, QUESTIONS[0], [(0, 5)])
        assert slow.begun.wait(20)
        others = [pool.submit(together, question, [(0, 5)]) for question in QUESTIONS[1:]]
        while len(together._waiting) < len(others):
            pass
        slow.let.set()
        found = [each.result(20) for each in (first, *others)]
    assert slow.sizes == [1, MAX_BATCH, MAX_BATCH, MAX_BATCH - 1]
    for question, own in zip(QUESTIONS, found, strict=True):
        (alone,) = WordCountEncoder().encode_questions([question], [[(0, 5)]])
        assert np.array_equal(own.vector, alone.vector)
        assert np.array_equal(own.span_vectors, alone.span_vectors)


def test_an_error_reaches_all_that_were_encoded_together_and_nobody_after_them() -> None:
    slow = Slow()
    together = QuestionBatcher(slow)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(together, "first", [])
        assert slow.begun.wait(20)
        others = [pool.submit(together, text, []) for text in ("fail", "with it")]
        while len(together._waiting) < len(others):
            pass
        slow.let.set()
        first.result(20)
        for each in others:
            with pytest.raises(ValueError, match="as asked"):
                each.result(20)
    assert together("after", []).vector.shape == (4,)


class Interrupted(threading.Event):
    """Raises where a thread of this name would wait, once it has been set."""

    def wait(self, timeout: float | None = None) -> bool:
        found = super().wait(timeout)
        if threading.current_thread().name.startswith("interrupted"):
            raise KeyboardInterrupt
        return found


def test_whoever_is_interrupted_when_it_is_to_encode_leaves_that_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr("qa.encoder.batching.threading.Event", Interrupted)
    together = QuestionBatcher(slow)
    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(1, "interrupted") as unlucky:
        first = pool.submit(together, "first", [])
        assert slow.begun.wait(20)
        interrupted = unlucky.submit(together, "interrupted", [])
        while len(together._waiting) < 1:
            pass
        last = pool.submit(together, "last", [])
        while len(together._waiting) < 2:
            pass
        slow.let.set()
        with pytest.raises(KeyboardInterrupt):
            interrupted.result(20)
        assert first.result(20).vector.shape == last.result(20).vector.shape == (4,)
    assert together("after", []).vector.shape == (4,)
    assert slow.sizes == [1, 1, 1]


def test_threads_take_turns_in_the_order_in_which_they_come() -> None:
    turns, order = Turns(), list[int]()

    def compute(number: int) -> None:
        with turns:
            order.append(number)

    with ThreadPoolExecutor(8) as pool, turns:
        for number in range(8):
            pool.submit(compute, number)
            while len(turns._waiting) <= number:
                pass
        assert order == []
    assert order == list(range(8))


def test_a_turn_that_is_left_is_another_ones_and_is_waited_for_again() -> None:
    turns = Turns()
    with ThreadPoolExecutor(1) as pool:
        with turns:
            with turns.left():
                assert pool.submit(turns.__enter__).result(20) is None  # it has it now
                threading.Timer(0.1, turns.__exit__).start()
            with pytest.raises(TimeoutError):
                pool.submit(turns.__enter__).result(0.1)
        turns.__exit__()  # of the one that waited


def test_a_turn_ends_with_whatever_is_raised() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="as asked"), turns, turns.left():
        raise ValueError("as asked")
    with turns:
        pass

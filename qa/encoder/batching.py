"""Batching across threads: questions that arrive together are encoded in one pass of the network."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from qa.encoder.base import Encoded
from qa.types import Span

Encode = Callable[[Sequence[str], Sequence[Sequence[Span]]], list[Encoded]]

MAX_BATCH = 32  # questions in one pass


class Turns:
    """A fair lock: one thread at a time computes, in the order of arrival.

    Threads that compute at the same time wait for Python's own lock, and use a third more of the cores for as many
    answers.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False

    @contextmanager
    def left(self) -> Iterator[None]:
        """Release the lock to other threads, and wait for it again afterwards."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


class QuestionBatcher:
    """Encodes one question for each thread that calls it, many of them in one pass.

    While a thread encodes, others queue up. The first of them then encodes the questions of all that wait.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._lock = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._encoding = False  # whether a thread is encoding, or was woken to encode

    def __call__(self, text: str, spans: Sequence[Span]) -> Encoded:
        """Return the vectors of a question and of its spans; raise what encoding raises."""
        request = _Request(text, spans)
        with self._lock:
            self._waiting.append(request)
            waits, self._encoding = self._encoding, True
        try:
            if waits:
                request.woken.wait()
        except BaseException:  # such as an interrupt: the other questions still have to be encoded
            self._leave(request)
            raise
        if request.result is None:
            self._encode_waiting()
        assert request.result is not None
        if isinstance(request.result, BaseException):
            raise request.result
        return request.result

    def _encode_waiting(self) -> None:
        """Encode the questions that have waited longest; wake their threads, and the thread that encodes next."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        try:
            results = self._encode([request.text for request in batch], [request.spans for request in batch])
            for request, encoded in zip(batch, results, strict=True):
                request.result = encoded
        except BaseException as error:
            for request in batch:
                request.result = error
        with self._lock:
            self._wake_next()
        for request in batch:
            request.woken.set()

    def _wake_next(self) -> None:
        self._encoding = bool(self._waiting)
        if self._waiting:
            self._waiting[0].woken.set()

    def _leave(self, request: "_Request") -> None:
        """Give up a request; if its thread was woken to encode, wake the next one instead."""
        with self._lock:
            if request in self._waiting:
                self._waiting.remove(request)
                if request.woken.is_set():
                    self._wake_next()


class _Request:
    def __init__(self, text: str, spans: Sequence[Span]) -> None:
        self.text = text
        self.spans = spans
        self.result: Encoded | BaseException | None = None
        self.woken = threading.Event()  # set when there is a result, or the thread is to encode

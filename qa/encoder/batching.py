"""Questions that arrive together are encoded together, in one pass of the network, and otherwise take turns."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from qa.encoder.base import Encoded, Span

Encode = Callable[[str, Sequence[Span]], Encoded]  # of one question
EncodeMany = Callable[[Sequence[str], Sequence[Sequence[Span]]], list[Encoded]]

MOST = 32  # questions in one pass


class Turns:
    """Lets one thread at a time compute, in the order in which they come.

    More at a time wait for Python's lock, and take a third more of the cores between them for as many answers.
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
        """Let others have their turns, and wait for another one afterwards."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


class Together:
    """Encodes one question for each thread that calls it, as `encode` does for many.

    While one thread encodes, those that come queue up; then the first of them encodes all that wait, while those that
    were encoded go on.
    """

    def __init__(self, encode: EncodeMany) -> None:
        self._encode = encode
        self._lock = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._encoding = False  # whether a thread is, or has been woken to

    def __call__(self, text: str, spans: Sequence[Span]) -> Encoded:
        """The vectors of a question and of its stretches; raises what encoding raises."""
        request = _Request(text, spans)
        with self._lock:
            self._waiting.append(request)
            waits, self._encoding = self._encoding, True
        try:
            if waits:
                request.woken.wait()
        except BaseException:  # as when the program is interrupted: the others still have to be encoded
            self._leave(request)
            raise
        if request.found is None:
            self._encode_waiting()
        assert request.found is not None
        if isinstance(request.found, BaseException):
            raise request.found
        return request.found

    def _encode_waiting(self) -> None:
        """Encode those that have waited longest, and wake them and the one that is to encode next."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        try:
            found = self._encode([request.text for request in batch], [request.spans for request in batch])
            for request, encoded in zip(batch, found, strict=True):
                request.found = encoded
        except BaseException as error:
            for request in batch:
                request.found = error
        with self._lock:
            self._wake_next()
        for request in batch:
            request.woken.set()

    def _wake_next(self) -> None:
        self._encoding = bool(self._waiting)
        if self._waiting:
            self._waiting[0].woken.set()

    def _leave(self, request: "_Request") -> None:
        """Wait no longer for a request; if it was to encode, the next one is."""
        with self._lock:
            if request in self._waiting:
                self._waiting.remove(request)
                if request.woken.is_set():
                    self._wake_next()


class _Request:
    def __init__(self, text: str, spans: Sequence[Span]) -> None:
        self.text = text
        self.spans = spans
        self.found: Encoded | BaseException | None = None
        self.woken = threading.Event()  # with what was found, or to encode

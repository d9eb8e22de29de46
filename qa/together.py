"""Questions that arrive together are encoded together, in one pass of the network."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from qa.encoder import Encoded, Span

Encode = Callable[[str, Sequence[Span]], Encoded]  # of one question
EncodeMany = Callable[[Sequence[str], Sequence[Sequence[Span]]], list[Encoded]]

MOST = 32  # questions in one pass


class Together:
    """Encodes one question for each thread that calls it, as `encode` does for many.

    While one thread encodes, those that come queue up; the next of them encodes all that wait.
    """

    def __init__(self, encode: EncodeMany) -> None:
        self._encode = encode
        self._encoding = threading.Lock()
        self._waiting: deque[_Request] = deque()

    def __call__(self, text: str, spans: Sequence[Span]) -> Encoded:
        """The vectors of a question and of its stretches; raises what encoding raises."""
        request = _Request(text, spans)
        self._waiting.append(request)
        with self._encoding:
            while request.found is None:  # more may wait than are encoded at a time
                self._encode_waiting()
        if isinstance(request.found, BaseException):
            raise request.found
        return request.found

    def _encode_waiting(self) -> None:
        """Encode those that have waited longest."""
        batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        try:
            found = self._encode([request.text for request in batch], [request.spans for request in batch])
        except BaseException as error:
            for request in batch:
                request.found = error
            raise
        for request, encoded in zip(batch, found, strict=True):
            request.found = encoded


class _Request:
    def __init__(self, text: str, spans: Sequence[Span]) -> None:
        self.text = text
        self.spans = spans
        self.found: Encoded | BaseException | None = None

"""The assistant behind the server, opened in the background while the page is already there, and later replaced."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from qa.assistant import Assistant, History
from qa.errors import QAError
from qa.types import Answer


class Service:
    """Opens an assistant in a thread of its own; `on_failure` is called there where that fails.

    `on_answer` is told every answer, whichever way it was asked for, and how many milliseconds it took.
    """

    on_answer: Callable[[Answer, float], None]

    def __init__(self, open_assistant: Callable[[], Assistant], on_failure: Callable[[], None] = lambda: None) -> None:
        self._opened: Future[None] = Future()
        self._assistant: Assistant
        self._closed: QAError | None = None
        self._open_assistant = open_assistant
        self._on_failure = on_failure
        self.on_answer = lambda *_: None
        self._finding = threading.Lock()

    def start(self) -> None:
        """Begin to open the assistant."""
        threading.Thread(target=self._open, name="open-assistant", daemon=True).start()

    @property
    def failure(self) -> BaseException | None:
        """Why the assistant couldn't be opened, or None where it could or is still being opened."""
        return self._opened.exception() if self._opened.done() else None

    @property
    def is_ready(self) -> bool:
        """Whether questions can be answered."""
        return self._opened.done() and self._opened.exception() is None

    @property
    def is_closed(self) -> bool:
        """Whether questions are refused for a reason."""
        return self._closed is not None

    def assistant(self) -> Assistant:
        """The assistant, waited for; raises what opening it raised, or why it was closed.

        A question is asked of one and the same.
        """
        if not self._closed:
            self._opened.result()
        if self._closed:
            raise self._closed
        return self._assistant

    def ask(self, question: str, history: History = (), context: str = "") -> Answer:
        """Answer a question, as Assistant.ask; raises what `assistant` raises. Every question comes through here."""
        assistant = self.assistant()
        begin = time.perf_counter()
        answer = assistant.ask(question, history, context)
        self.on_answer(answer, 1000 * (time.perf_counter() - begin))
        return answer

    def examples(self) -> list[str]:
        """Return questions to begin with; whoever asks before they are found waits some seconds."""
        if self._closed:
            return []
        with self._finding:
            return list(self.assistant().find_examples())

    def close(self, reason: QAError) -> None:
        """Have the questions that come from now on refused with a reason, until there is another assistant."""
        self._closed = reason

    def replace(self, assistant: Assistant) -> None:
        """Have the questions that come from now on answered by another one; those under way keep theirs."""
        self._assistant, self._closed = assistant, None

    def _open(self) -> None:
        try:
            self._assistant = self._open_assistant()
            self._opened.set_result(None)
        except Exception as error:  # whatever it is, whoever waits for the assistant has to hear of it
            self._opened.set_exception(error)
            self._on_failure()

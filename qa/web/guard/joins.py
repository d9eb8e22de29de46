"""What waits in the queue of the chat page: whose it is, and whether anybody still listens for it."""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

UNHEARD_S = 30  # after which what nobody listens for is dropped,
MOST_UNHEARD = 100  # or earlier, of so many sessions
MAX_NAME = 100  # characters, of a session
MAX_JOIN = 16 * 1024  # bytes of what is asked through the queue: a question, not its history, which is kept here
QUEUED, CALLED = "/gradio_api/queue/", "/gradio_api/call/"


class _Session:
    def __init__(self, client: str, named: bool) -> None:
        self.client = client
        self.named = named  # by whom it is of, as a chat page names its own, and not here for one question
        self.listeners = 0
        self.heard = time.monotonic()  # when somebody last listened, or it began


class Joins:
    """Counts what each client has in the queue of a page, and drops what nobody has listened for in UNHEARD_S."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._queue = page._queue
        self._functions = frozenset(page.fns)
        self._sessions: dict[str, _Session] = {}

    def problem(self, path: str, size: int, given: Mapping[str, Any]) -> str:
        """Why the queue can't take a request of a size in bytes, or an empty text where it can."""
        if size > MAX_JOIN:
            return f"the request is larger than {MAX_JOIN} bytes: shorten the question"
        function, session = given.get("fn_index"), given.get("session_hash")
        if not isinstance(given.get("data", []), list | dict):
            return "data: give a list of what the function takes"
        if path.startswith(QUEUED) and (isinstance(function, bool) or function not in self._functions):
            return "fn_index: there is no such function"
        if session is not None and (not isinstance(session, str) or not 0 < len(session) <= MAX_NAME):
            return f"session_hash: give a name of at most {MAX_NAME} characters"
        return ""

    def joined(self, session: str | None, client: str) -> str:
        """Take note that a client has asked something within a session, of a new name where it has none."""
        name = session or secrets.token_hex(8)
        known = self._sessions.setdefault(name, _Session(client, named=session is not None))
        known.heard = time.monotonic()
        return name

    def waiting(self, client: str | None = None) -> int:
        """How much of a client's, or of everybody's, waits to be answered or is being answered."""
        events = [event.session_hash for event in self._queue.event_ids_to_events.values()]
        sessions = [self._sessions[name] for name in events if name in self._sessions]
        return sum(client in (None, session.client) for session in sessions)

    @contextmanager
    def listening(self, path: str, query: Mapping[str, Sequence[str]]) -> Iterator[None]:
        """Take note that somebody listens for a session, where a request does that."""
        session = self._sessions.get(self._session_of(path, query))
        if session is None:
            yield
            return
        session.listeners += 1
        try:
            yield
        finally:
            session.listeners -= 1
            session.heard = time.monotonic()

    async def drop_unheard(self) -> None:
        """Drop the sessions that nobody has listened for in a while, and the oldest of many, with what they left."""
        unheard = sorted((s.heard, name) for name, s in self._sessions.items() if not s.listeners)
        late = time.monotonic() - UNHEARD_S
        states = self._page.state_holder
        for n, (heard, name) in enumerate(unheard):
            if heard < late or n < len(unheard) - MOST_UNHEARD:
                if not self._sessions.pop(name).named:  # a chat page's conversation goes on
                    states.session_data.pop(name, None)
                    states.time_last_used.pop(name, None)
                await self._queue.clean_events(session_hash=name)
                self._queue.pending_event_ids_session.pop(name, None)
                if name in self._queue.pending_messages_per_session:
                    del self._queue.pending_messages_per_session[name]

    def _session_of(self, path: str, query: Mapping[str, Sequence[str]]) -> str:
        if path.startswith(QUEUED):
            return next(iter(query.get("session_hash", [])), "")
        if path.startswith(CALLED):
            event = path.rstrip("/").rpartition("/")[2]
            pending = self._queue.pending_event_ids_session
            return next((name for name, events in pending.items() if event in events), "")
        return ""

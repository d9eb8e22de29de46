"""Conversion in a process of its own: a file that makes a converter hang, crash or run out of memory costs only itself.

The process is used for one file after the other, and started anew after a failure or after many files. It gets
the bytes of a file and answers with a line of JSON; nothing that it sends is run or unpickled. It may open no
connection and start no program. Run as `python -m qa.documents.sandbox MEMORY_MB SECONDS`.
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from qa.documents.convert import PLAIN, convert
from qa.documents.converted import Converted
from qa.errors import ConversionFailed, CorpusError

TIMEOUT_S = 60.0
MEMORY_MB = 1024
SCANS_MB = 512  # more for reading pictures: its models take nearly all of the others
MOST_FILES = 200  # of one process, as memory is not always given back
NO_MEMORY = "memory"
STILL_WORKING = b"\n"  # another page of a scan is to be read: the time begins anew
SMALL = {  # threads that nobody needs take room, on a machine with many cores more than there is
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_ARENA_MAX": "1",
}
FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system", "os.exec")


class Converter(contextlib.AbstractContextManager["Converter"]):
    """Converts files as `convert` does, none longer than `timeout_s` or with more than `memory_mb` (on Linux)."""

    _program: tuple[str, ...] = ("-m", __name__)

    def __init__(self, timeout_s: float = TIMEOUT_S, memory_mb: int = MEMORY_MB) -> None:
        self._timeout = timeout_s
        self._memory = memory_mb
        self._process: subprocess.Popen[bytes] | None = None
        self._files = 0
        self._lock = threading.Lock()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the process; the next file starts another."""
        with self._lock:
            self._stop()

    def convert(self, data: bytes, suffix: str) -> Converted:
        """A file's text; raises CorpusError with the reason where there is none, or where its converter failed."""
        return convert(data, suffix) if suffix in PLAIN else Converted.loaded(self._answer(data, suffix))

    def picture(self, data: bytes, suffix: str, page: int) -> bytes:
        """A page of a file, numbered from 1, as a JPEG; raises CorpusError where it can't be shown."""
        return base64.b64decode(json.loads(self._answer(data, suffix, page))["picture"])

    def _answer(self, data: bytes, suffix: str, page: int = 0) -> bytes:
        with self._lock:
            if self._files >= MOST_FILES:
                self._stop()
            while True:
                fresh = self._files == 0
                try:
                    return self._ask(data, suffix, page)
                except _FailedError as failure:
                    self._stop()
                    if fresh or not failure.again:  # else what earlier files have left behind may have been the reason
                        raise ConversionFailed(str(failure)) from None

    def _ask(self, data: bytes, suffix: str, page: int) -> bytes:
        process = self._process or self._start()
        self._files += 1
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = _started(self._timeout, end)
        try:
            process.stdin.write(json.dumps([suffix, len(data), page]).encode() + b"\n" + data)
            process.stdin.flush()
            while (answer := process.stdout.readline()) == STILL_WORKING:
                timer.cancel()
                timer = _started(self._timeout, end)
        except OSError:
            answer = b""
        except BaseException:  # interrupted: the answer to come would be taken for the next file's
            self._stop()
            raise
        finally:
            timer.cancel()
        if late.is_set():
            raise _FailedError(f"took longer than {self._timeout:g} s", again=False)
        return self._read(answer)

    def _read(self, answer: bytes) -> bytes:
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise _FailedError("its converter crashed")
        if (reason := found.get("error")) == NO_MEMORY:
            raise _FailedError(f"needs more than {found.get('limit', self._memory)} MB")
        if reason is not None:
            raise CorpusError(str(reason))
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path))),
            "PYTHONIOENCODING": "utf-8",
            **SMALL,
        }
        self._process = subprocess.Popen(
            [sys.executable, *self._program, str(self._memory), str(self._timeout)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        self._files = 0
        return self._process

    def _stop(self) -> None:
        if process := self._process:
            self._process, self._files = None, 0
            process.kill()
            with contextlib.suppress(OSError), process:  # it closes the pipes, and waits for its end
                pass


def _started(seconds: float, end: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


class _FailedError(Exception):
    def __init__(self, reason: str, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


def serve(memory_mb: int, timeout_s: float) -> None:
    """Convert one file after the other as requested on stdin, and answer on stdout: the main loop of the process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    most_mb = memory_mb + SCANS_MB
    _limit(memory_mb, most_mb)
    sys.addaudithook(_refuse)

    def begin() -> None:
        if hasattr(signal, "alarm"):  # it ends by itself should nobody be left to end it
            signal.alarm(int(timeout_s) + 10)

    def on_scan() -> None:
        begin()
        _limit(most_mb, most_mb)
        answers.write(STILL_WORKING)
        answers.flush()

    for line in sys.stdin.buffer:
        begin()
        _limit(memory_mb, most_mb)
        suffix, size, page = json.loads(line)
        answer, stop = _answer(sys.stdin.buffer.read(size), suffix, page, on_scan)
        answers.write(answer + b"\n")
        answers.flush()
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        if stop:
            return


def _answer(data: bytes, suffix: str, page: int, on_scan: Callable[[], None]) -> tuple[bytes, bool]:
    """Return the converted file, or the picture of a page, as a line of JSON, and whether this process has to end."""
    try:
        if page:
            from qa.documents.ocr.picture import picture

            return json.dumps({"picture": base64.b64encode(picture(data, suffix, page)).decode()}).encode(), False
        return convert(data, suffix, on_scan).dumped().encode(), False
    except CorpusError as error:
        return json.dumps({"error": str(error)}).encode(), False
    except MemoryError:
        return json.dumps({"error": NO_MEMORY, **_limited()}).encode(), True
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return json.dumps({"error": f"damaged: {type(error).__name__} {reason}".rstrip()}).encode(), False


def _limit(memory_mb: int, most_mb: int) -> None:
    """Limit the memory of this process now, and how far that limit can be raised."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, most_mb * 2**20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limited() -> dict[str, int]:
    """Return the limit of this process's memory, in MB."""
    if sys.platform == "linux":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        return {"limit": limit // 2**20} if limit != resource.RLIM_INFINITY else {}
    return {}


def _refuse(event: str, _: object) -> None:
    if event.startswith(FORBIDDEN):
        raise PermissionError(f"{event} is not for converters")


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]))

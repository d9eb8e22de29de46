"""A server under attack, for docs/security.md: many requests, and clients that are slow, idle or rude.

    python bench/soak.py [--requests 10000]

Indexes the demo's documents and a text of 5 MB, starts `qa serve` on them, attacks it from this machine, and prints a
table. Memory is resident memory. Linux only.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import httpx
import typer

CORPUS = Path(__file__).parent.parent / "corpus"
LARGE_MB = 5
CLIENTS = 8
QUESTIONS = ("Which river is its port on?", "Who leads the orchestra?", "hello", "How do I bake bread?", "x" * 1900)
POST = "POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CROWD = {  # what each kind of client sends, and how many there are
    "idle connections": ("", 1100),
    "half bodies": (f'{POST}Content-Length: 60\r\n\r\n{{"question": "Wh', 32),
    "event streams": ("GET /gradio_api/heartbeat/s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 300),
    "half headers": ("POST /api/ask HTTP/1.1\r\nHost: 127", 1000),
}


class Served:
    """A server in a process of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.address, self.log = f"http://127.0.0.1:{self.port}", folder / "log"
        settings = {
            "QA_CORPUS": folder / "corpus",
            "QA_INDEX": folder / "index",
            "QA_PORT": self.port,
            "QA_RATE": 10**6,
        }
        environment = os.environ | {name: str(value) for name, value in settings.items()}
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "qa", "serve"]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.client = httpx.Client(base_url=self.address, timeout=60, limits=httpx.Limits(max_connections=None))
        while not self._is_ready():
            time.sleep(0.5)

    def _is_ready(self) -> bool:
        try:
            return bool(self.client.get("/api/health").json()["status"] == "ready")
        except httpx.HTTPError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    @property
    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def log_lines(self) -> int:
        return len(self.log.read_text("utf-8", errors="replace").splitlines())

    def asked(self) -> float:
        """Ask a question on a connection of its own; return the seconds that it takes, infinity if it fails."""
        begun = time.monotonic()
        try:
            httpx.post(f"{self.address}/api/ask", json={"question": QUESTIONS[0]}, timeout=60).raise_for_status()
        except httpx.HTTPError as error:
            print(f"a question failed: {error}", file=sys.stderr)
            return float("inf")
        return time.monotonic() - begun


def main(requests: Annotated[int, typer.Option(help="mixed requests")] = 10_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_corpus(Path(folder, "corpus"))
        make_index(Path(folder))
        served = Served(Path(folder))
        try:
            print("| what was tried | what came of it |\n|---|---|")
            for what, came in tried(served, requests):
                print(f"| {what} | {came} |", flush=True)
        finally:
            served.process.kill()


def make_corpus(folder: Path) -> None:
    folder.mkdir()
    text = (CORPUS / "novokuznetsk.md").read_text("utf-8")
    (folder / "novokuznetsk.md").write_text(text, "utf-8")
    (folder / "large.txt").write_text(text * (LARGE_MB * 10**6 // len(text) + 1), "utf-8")


def make_index(folder: Path) -> None:
    settings = {"QA_CORPUS": str(folder / "corpus"), "QA_INDEX": str(folder / "index")}
    subprocess.run([sys.executable, "-m", "qa", "index"], env=os.environ | settings, check=True, capture_output=True)


def tried(served: Served, requests: int) -> Iterator[tuple[str, str]]:
    for _ in range(50):
        served.asked()
    usual = statistics.median(served.asked() for _ in range(20))
    start = served.resident_mb

    def grown() -> str:
        return f"{served.resident_mb - start:+.0f} MB"

    yield "nothing: a question alone", f"{1000 * usual:.0f} ms, {start:.0f} MB resident"

    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = Counter(pool.map(lambda n: mixed(served.client, n), range(requests)))
    told = ", ".join(f"{times} times {status}" for status, times in statuses.most_common())
    yield f"{requests:,} mixed requests, {CLIENTS} at a time", f"{told}; {grown()}"

    dependencies = served.client.get("/config").json()["dependencies"]
    body = {"fn_index": next(one["id"] for one in dependencies if one["api_name"] == "ask"), "data": ["a" * 240_000]}
    joined = [served.client.post("/gradio_api/queue/join", json=body | {"session_hash": f"s{n}"}) for n in range(300)]
    joins = dict(Counter(one.status_code for one in joined))
    yield "300 joins with 240 KB each", f"{joins}; {grown()}"

    body["data"] = [QUESTIONS[0]]
    joined = [served.client.post("/gradio_api/queue/join", json=body | {"session_hash": f"s{n}"}) for n in range(300)]
    joins = dict(Counter(one.status_code for one in joined))
    yield "300 joins with a question each, that nobody listens to", f"{joins}; {grown()}"

    lines = served.log_lines
    with ExitStack() as crowd:
        for text, count in CROWD.values():
            for _ in range(count):
                connection = crowd.enter_context(socket.create_connection(("127.0.0.1", served.port)))
                try:
                    connection.sendall(text.encode())
                except OSError:  # it was closed already
                    continue
        worst = max(served.asked() for _ in range(20))
    what = ", ".join(f"{count:,} {name}" for name, (_, count) in CROWD.items())
    yield what, f"a question within {worst:.2f} s; {grown()}; {served.log_lines - lines} lines of log"

    with ThreadPoolExecutor(40) as pool:
        pages = [pool.submit(served.client.get, f"/source/large.txt?start={n * 10**5}") for n in range(40)]
        worst = max(served.asked() for _ in range(10))
        assert all(page.result().status_code == 200 for page in pages)
    yield f"40 requests for the source page of a text of {LARGE_MB} MB", f"a question within {worst:.2f} s; {grown()}"

    with ExitStack() as crowd:
        for text, _ in CROWD.values():
            connection = crowd.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            connection.sendall(text.encode())
        begun = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(30)
    yield "SIGTERM with one of each of these open", f"it has ended after {time.monotonic() - begun:.1f} s"


def mixed(client: httpx.Client, number: int) -> int:
    """Send one of several kinds of request, by its number, and return the status."""
    question = next(islice(cycle(QUESTIONS), number % len(QUESTIONS), None))
    kinds = (
        lambda: client.post("/api/ask", json={"question": question}),
        lambda: client.get(f"/source/novokuznetsk.md?start={number}&end={number + 50}"),
        lambda: client.get("/"),
        lambda: client.get("/gradio_api/info"),
        lambda: client.post("/api/ask", content=b"[" * 5000),
        lambda: client.get("/widget.js"),
        lambda: client.post("/gradio_api/call/ask", json={"data": [question]}),
        lambda: client.get(f"/nowhere/{number}"),
    )
    return kinds[number % len(kinds)]().status_code


if __name__ == "__main__":
    typer.run(main)

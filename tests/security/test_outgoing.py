"""What the commands do to the world outside: under strace, no lookup, no connection but to this machine, no file but
in the index and in the system's folder for temporary ones."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from serving import wait_until_ready
from support import CORPUS

from qa.web.server import listen

SERVED_S = 20  # of which the first seconds are when telemetry would be sent; `make soak` does it for longer
SENDING = "connect,sendto,sendmsg,sendmmsg"
WRITING = "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
HARMLESS = ("/dev/", "/proc/self/")
QUESTIONS = ("Which river does the city stand on?", "Who leads the orchestra?", "hello")

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace isn't installed")


class Traced:
    """A folder that a command is run in, with what strace has seen it do."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "strace.log"
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "QA_CORPUS": str(CORPUS),
            "QA_INDEX": str(folder / "index"),
        }

    def command(self, *arguments: str) -> list[str]:
        traced = f"trace={SENDING},{WRITING}"
        strace = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-s", "300", "-e", traced, "-o", str(self.log)]
        return [*strace, sys.executable, "-c", "from qa.cli.main import main; main()", *arguments]

    def run(self, *arguments: str, status: int = 0) -> str:
        command = self.command(*arguments)
        options = {"env": self.environ, "cwd": self.folder, "capture_output": True, "text": True, "timeout": 120}
        done = subprocess.run(command, check=False, **options)  # type: ignore[call-overload]
        assert done.returncode == status, done.stderr
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address of a server that is traced."""
        with listen("127.0.0.1", 0) as listener:
            port = listener.getsockname()[1]
        environ = self.environ | {"QA_PORT": str(port), "QA_RATE": "100000"}
        process = subprocess.Popen(self.command("serve"), env=environ, cwd=self.folder)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_ready(address)
            yield address
        finally:
            process.terminate()
            process.wait(30)

    def outside(self) -> list[str]:
        """The calls that reach what is not this machine, or write where nothing should be written."""
        calls = self.log.read_text("utf-8", errors="replace").splitlines()
        assert any(call_writes(line) for line in calls), "strace saw nothing"
        return [line for line in calls if reaches_out(line) or self._writes_elsewhere(line)]

    def _writes_elsewhere(self, line: str) -> bool:
        if not call_writes(line) or re.search(r"= -1 E", line):
            return False
        path = re.findall(r'"((?:[^"\\]|\\.)*)"', line)[-1]
        allowed = (str(self.folder / "index"), str(self.folder / "tmp"), *HARMLESS)
        return not os.path.normpath(self.folder / path).startswith(allowed)


def call_writes(line: str) -> bool:
    """Whether a call makes a file or opens one to be written."""
    name = re.match(r"\d+\s+(\w+)\(", line)
    if name is None or name[1] in SENDING.split(","):
        return False
    return name[1] not in ("open", "openat") or bool(re.search(r"O_(?:WRONLY|RDWR|CREAT)", line))


def reaches_out(line: str) -> bool:
    """Whether a call sends to another machine, or asks a resolver."""
    if "sa_family=AF_INET" not in line:
        return False
    loopback = re.search(r'inet_addr\("127\.|inet_pton\(AF_INET6, "(?:::1|::ffff:127\.[\d.]+)"', line)
    return not loopback or "htons(53)" in line


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    return Traced(tmp_path)


def test_a_lookup_a_connection_and_a_stray_file_would_be_seen() -> None:
    assert reaches_out(
        '12 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0'
    )
    assert reaches_out(
        '12 sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}'
    )
    assert not reaches_out(
        '12 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0'
    )
    assert not reaches_out('12 connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 16) = -1 ENOENT')


def test_indexing_and_asking_reach_nothing_outside(traced: Traced) -> None:
    traced.run("index")
    assert traced.outside() == []
    assert "Tom" in traced.run("ask", QUESTIONS[0])
    assert traced.outside() == []
    assert list((traced.folder / "home").iterdir()) == []


def test_a_store_in_milvus_lite_reaches_nothing_outside(traced: Traced) -> None:
    pytest.importorskip("pymilvus", reason="pymilvus isn't installed")
    pytest.importorskip("milvus_lite", reason="milvus-lite isn't installed")
    traced.environ["QA_STORE"] = f"milvus:{traced.folder / 'tmp' / 'store.db'}"
    traced.run("index")
    assert traced.outside() == []
    assert "Tom" in traced.run("ask", QUESTIONS[0])
    assert traced.outside() == []


def test_serving_reaches_nothing_outside(traced: Traced) -> None:
    with traced.serving() as address:
        until = time.monotonic() + SERVED_S
        while time.monotonic() < until:
            for question in QUESTIONS:
                assert httpx.post(f"{address}/api/ask", json={"question": question}, timeout=30).is_success
            httpx.get(address)
            time.sleep(1)
    assert traced.outside() == []
    assert list((traced.folder / "home").iterdir()) == []

"""The configurations of reverse proxies in docs/security.md, each tried with the real program."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from serving import serving

from qa import Assistant, Document, Settings
from qa.encoder.base import Encoder
from qa.web.server import listen

DOCS = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
QUESTION = {"question": "Which river is the port of Elm on?"}
HOST = {"Host": "ask.example.org"}


@pytest.fixture(scope="module")
def assistant(encoder: Encoder) -> Assistant:
    return Assistant.from_documents([Document("ports.md", "Ports", "The port of Elm is on the Ash river.")], encoder)


def command(program: str, folder: Path, inner: str, outer: str) -> list[str]:
    """How a program is run with its configuration of the documentation, its ports replaced."""
    (block,) = re.findall(rf"```{program}\n(.*?)```", DOCS, re.S)
    block = block.replace("7860", inner).replace("8080", outer)
    if program == "caddy":
        (folder / "Caddyfile").write_text(f"{{\n    admin off\n}}\n{block}", "utf-8")
        return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{block}}}\n"
    (folder / "nginx.conf").write_text(whole, "utf-8")
    return ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


@pytest.mark.parametrize("program", ["nginx", "caddy"])
def test_the_documented_configuration_works(assistant: Assistant, tmp_path: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} isn't installed")
    with listen("127.0.0.1", 0) as listener:
        port = str(listener.getsockname()[1])
    settings = Settings(url="https://ask.example.org", proxy="127.0.0.1", rate=3)
    with serving(settings, lambda: assistant) as address:
        environment = {"HOME": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/bin"}
        run = command(program, tmp_path, address.rpartition(":")[2], port)
        process = subprocess.Popen(run, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        proxied = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HOST, timeout=30)
        try:
            wait_until_answering(proxied)
            assert proxied.post("/api/ask", json=QUESTION).json()["citations"]
            event = proxied.post("/gradio_api/call/ask", json={"data": [QUESTION["question"]]}).json()["event_id"]
            with proxied.stream("GET", f"/gradio_api/call/ask/{event}") as stream:
                assert any("complete" in line for line in stream.iter_lines())
            forged = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "evil.example"}
            assert "evil.example" not in proxied.get("/", headers=forged).text
            statuses = [proxied.post("/api/ask", json=QUESTION, headers=forged).status_code for _ in range(3)]
            assert 429 in statuses  # another name in X-Forwarded-For makes no other client
            assert settings.title not in proxied.get("/", headers={"Host": "evil.example"}).text
        finally:
            proxied.close()
            process.terminate()
            process.wait(10)


def wait_until_answering(client: httpx.Client, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if client.get("/api/health").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise TimeoutError("the proxy doesn't answer")

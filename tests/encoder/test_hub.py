"""A name that no model has is refused at once, before PyTorch is loaded, whether there is a network or none."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADING = """
import sys
from pathlib import Path
from qa.encoder.onnx_runtime import load
from qa.errors import EncoderError
try:
    load(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
except EncoderError as error:
    print(error)
print("torch" in sys.modules)
"""


class Hub(BaseHTTPRequestHandler):
    """A hub that has no model."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["none of that name", "nobody there", "nobody answers"])
def hub(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The address of a hub, and what is said of a model that it doesn't have."""
    if request.param == "none of that name":
        server = HTTPServer(("127.0.0.1", 0), Hub)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", "the hub has none of that name"
        server.shutdown()
        thread.join()
        server.server_close()
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        if request.param == "nobody there":
            listening.close()
        yield address, "the hub that it would be downloaded from can't be reached"


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_model_that_is_nowhere_is_refused_before_pytorch_is_loaded(
    hub: tuple[str, str], runtime: str, tmp_path: Path
) -> None:
    address, reason = hub
    environment = os.environ | {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hub")}
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):  # which other tests may have set
        environment.pop(name, None)
    command = [sys.executable, "-c", LOADING, "no/such", str(tmp_path / "encoder"), runtime]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    said, has_torch = done.stdout.splitlines()
    assert said.startswith(f"the encoder 'no/such' can't be loaded (it isn't on this machine, and {reason}): set QA_")
    assert has_torch == "False"
    assert not (tmp_path / "encoder").exists()

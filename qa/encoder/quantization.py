"""Weights in 8 bits: how a network's are made, and how those that training has changed are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qa.encoder.base import Vectors


def whole(changes: Mapping[str, Any], name: str) -> Vectors:
    """A matrix from how training/train.py writes it: in 8 bits with a scale for each row, or in 16 bits."""
    scale = changes.get(f"{name}.scale", np.float32(1))
    restored: Vectors = changes[name].astype(np.float32) * scale
    return restored


def quantize(model: Path, weights: Path) -> None:
    """Weights in 8 bits, one scale for each channel, in the network's own file."""
    import onnx
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    whole = model.with_name("whole.onnx")
    quant_pre_process(onnx.load_model(model), whole, skip_symbolic_shape=True)
    weights.unlink()
    quantize_dynamic(whole, model, per_channel=True, weight_type=QuantType.QInt8)
    whole.unlink()

"""Quantization: the weights of a network in 8 bits, and the reading of quantized changes to them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qa.encoder.base import Vectors


def dequantized(changes: Mapping[str, Any], name: str) -> Vectors:
    """Return a matrix that training/train.py has written in 8 bits with a scale for each row, or in 16 bits."""
    scale = changes.get(f"{name}.scale", np.float32(1))
    restored: Vectors = changes[name].astype(np.float32) * scale
    return restored


def quantize(model: Path, weights: Path) -> None:
    """Quantize the weights of a network to 8 bits, with one scale for each channel, into the file of the network."""
    import onnx
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    prepared = model.with_name("whole.onnx")
    quant_pre_process(onnx.load_model(model), prepared, skip_symbolic_shape=True)
    weights.unlink()
    quantize_dynamic(prepared, model, per_channel=True, weight_type=QuantType.QInt8)
    prepared.unlink()

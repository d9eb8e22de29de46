"""The export of an encoder's network to ONNX, into a folder with its tokenizer and settings.

It runs as a process of its own, `python -m qa.encoder.onnx_export NAME FOLDER RUNTIME`, whose end frees its memory.
This package contains the graph of the default encoder and the vectors that sentence-transformers gave with it, so that
exporting it loads no PyTorch. Any other encoder is exported from sentence-transformers, and its vectors are compared.
"""

import json
import shutil
import sys
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from qa.encoder.base import Encoder, Vectors, untruncated
from qa.encoder.bundled import BUNDLED, DEFAULT, INSTALL_WEIGHTS, bundled_weights
from qa.encoder.pytorch import PROBE, SentenceEncoder
from qa.encoder.quantization import dequantized, quantize
from qa.errors import EncoderError
from qa.files import sha256

INT8 = ":int8"  # end of the fingerprint of an encoder in 8 bits
MODEL, WEIGHTS, TOKENIZER, ABOUT = "model.onnx", "weights.bin", "tokenizer.json", "encoder.json"
PROBED = "probed.npy"  # the vectors of PROBES by sentence-transformers
NETWORK = "network.onnx"  # a graph without its weights
READER, CHANGES, HEADS = "reader", "reader.safetensors", "heads.npz"  # the reader, its changed weights, its heads
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PROBES = (
    PROBE,
    "Which river is the port on?",
    "The port was built in 1912. " * 40,
    "Steel, coal and aluminium: the works employ 40,000 people, most of whom live on the left bank of the river.",
    "a",
)


class Network(NamedTuple):
    """A network to be written: its graph, and its weights by their names in the graph."""

    graph: Any  # onnx.ModelProto
    weights: Mapping[str, Vectors]
    tokenizer: Any  # tokenizers.Tokenizer
    about: dict[str, Any]  # what ABOUT says
    probed: Vectors  # what PROBED holds
    heads: Mapping[str, Vectors] = {}  # of the READER


def write(name: str, folder: Path, runtime: str) -> None:
    """Write the network of an encoder or of the READER into a folder, or the reason why that isn't possible.

    Raises EncoderError where the encoder can't be loaded, OSError where the network can't be written.
    """
    weights = bundled_weights() if name in (DEFAULT, READER) else None
    if name == READER:
        network = partial(_reader, weights)
    else:
        network = partial(_prepared, weights) if weights else partial(exported_network, SentenceEncoder(name))
    try:
        _write(network(), folder, runtime)
    except OSError:
        raise
    except Exception as error:  # a network can fail to be exported in any way
        refuse(folder, error)


def refuse(folder: Path, error: Exception) -> None:
    """Empty a folder, and write down why the network that belongs there is not used."""
    for path in folder.iterdir():
        path.unlink()
    (folder / ABOUT).write_text(json.dumps({"refused": str(error)[:500]}), "utf-8")


def probe_vectors(encoder: Encoder) -> Vectors:
    """Return the vectors of PROBES as passages, then as questions, each with its halves': shape (n, 3, dimension)."""
    spans = [[(0, len(text) // 2), (len(text) // 2, len(text))] for text in PROBES]
    encoded = encoder.encode_passages(PROBES, spans) + encoder.encode_questions(PROBES, spans)
    return np.stack([np.vstack([one.vector, one.span_vectors]) for one in encoded])


def exported_network(encoder: SentenceEncoder) -> Network:
    """Export the network of a sentence-transformers model; raise what exporting it raises."""
    import onnx
    import torch

    class Tokens(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *inputs: torch.Tensor) -> Any:
            return self.network(**dict(zip(names, inputs, strict=True))).last_hidden_state

    encoder.verify()
    expected = probe_vectors(encoder)
    network, pooling, inputs = encoder.network()
    if pooling not in ("mean", "cls"):
        raise EncoderError(f"its pooling is {pooling}, neither mean nor cls")
    names = [name for name in INPUTS if name in inputs]
    network.set_attn_implementation("eager")  # which ONNX Runtime fuses
    tokens = Tokens()
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tokens,
            (torch.ones((2, 8), dtype=torch.long),) * len(names),
            Path(folder, NETWORK),
            input_names=names,
            output_names=["tokens"],
            dynamic_axes={name: {0: "texts", 1: "length"} for name in (*names, "tokens")},
            dynamo=False,
            export_params=False,
            do_constant_folding=False,  # it would take the weights' names away
        )
        graph = onnx.load_model(Path(folder, NETWORK))
    about = {
        "fingerprint": encoder.fingerprint,
        "dimension": encoder.dimension,
        "max_tokens": encoder.max_tokens,
        "language": encoder.language,
        "pooling": pooling,
        "inputs": names,
        "query": encoder.prompt("query"),
        "document": encoder.prompt("document"),
    }
    weights = {name: weight.numpy() for name, weight in tokens.state_dict().items()}
    return Network(graph, weights, encoder.tokenizer, about, expected)


def prepare(folder: Path) -> None:
    """Write the default encoder's network without its weights into a folder of this package.

    `python -m qa.encoder.onnx_export` without arguments runs this, for a release with another default.
    """
    import onnx

    network = exported_network(SentenceEncoder())
    onnx.save_model(network.graph, folder / NETWORK)
    np.save(folder / PROBED, network.probed)
    (folder / ABOUT).write_text(json.dumps(network.about, indent=1) + "\n", "utf-8")


def _prepared(weights: Path) -> Network:
    """Return the default encoder's network: the graph in this package, with the weights of the weights' package."""
    import onnx
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = BUNDLED / DEFAULT
    return Network(
        graph=onnx.load_model(folder / NETWORK),
        weights={f"network.{name}": weight for name, weight in load_file(weights).items()},
        tokenizer=untruncated(Tokenizer.from_file(str(weights.with_name(TOKENIZER)))),
        about=json.loads((folder / ABOUT).read_text("utf-8")),
        probed=np.load(folder / PROBED, allow_pickle=False),
    )


def _reader(weights: Path | None) -> Network:
    """Return the network that reads passages: the default encoder's, with its weights changed by training."""
    from safetensors.numpy import load_file

    if weights is None:
        raise EncoderError(f"the reader needs the weights of {DEFAULT}: {INSTALL_WEIGHTS}")
    folder = BUNDLED / READER
    known = json.loads((folder / ABOUT).read_text("utf-8"))
    if sha256(folder / CHANGES) != known["sha256"]:
        raise EncoderError(f"{folder / CHANGES} is damaged: install question-box anew")
    changes = load_file(folder / CHANGES)
    encoder = _prepared(weights)
    changed = {
        name: weight + dequantized(changes, name) if name in changes else weight
        for name, weight in encoder.weights.items()
    }
    heads = {name: dequantized(changes, name) for name in changes if not name.startswith("network.")}
    about = encoder.about | {"fingerprint": known["sha256"][:16]}
    return encoder._replace(weights=changed, about=about, probed=np.load(folder / PROBED), heads=heads)


def _write(network: Network, folder: Path, runtime: str) -> None:
    """Write a network with its weights in a file of their own, which is mapped and so takes less memory."""
    import onnx

    graph = network.graph
    inputs = {given.name: given for given in graph.graph.input}
    for name, weight in network.weights.items():
        if name in inputs:
            graph.graph.input.remove(inputs[name])
            graph.graph.initializer.append(onnx.numpy_helper.from_array(weight, name))
    onnx.save_model(graph, folder / MODEL, save_as_external_data=True, location=WEIGHTS)
    shutil.copymode(folder / MODEL, folder / WEIGHTS)
    if runtime == "int8":
        quantize(folder / MODEL, folder / WEIGHTS)
    np.save(folder / PROBED, network.probed)
    network.tokenizer.save(str(folder / TOKENIZER))
    if network.heads:
        np.savez(folder / HEADS, allow_pickle=False, **network.heads)
    files = [path for path in (folder / MODEL, folder / WEIGHTS) if path.is_file()]
    about = network.about | {
        "fingerprint": network.about["fingerprint"] + (INT8 if runtime == "int8" else ""),
        "sizes": {path.name: path.stat().st_size for path in files},
        "sha256": {path.name: sha256(path) for path in files},
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    else:
        prepare(BUNDLED / DEFAULT)

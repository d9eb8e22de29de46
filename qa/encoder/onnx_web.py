"""Networks for ONNX Runtime in browsers, made of those in 8 bits."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

SHARED = "shared.bin"  # the weights of all networks
MIN_SHARED = 1000  # bytes of a tensor that is kept there, once where several networks have it


def split(models: Mapping[str, Path]) -> tuple[dict[str, bytes], bytes]:
    """Return networks in 8 bits as browsers run them, without their weights, and the weights of all, each once."""
    import onnx

    graphs, data, places = {}, bytearray(), dict[bytes, int]()
    for name, path in models.items():
        model = onnx.load_model(path)
        _calculate_in_floats(model.graph)
        for weight in model.graph.initializer:
            raw = weight.raw_data
            if len(raw) < MIN_SHARED:
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
    """Make a network in 8 bits multiply in 32, by weights that have 8 bits in the file.

    If the activations are rounded as well, a difference in the last bit, such as between two processors, ends in
    other scores. In WebAssembly that is hardly faster. docs/export.md has the figures.
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
    """Return the nodes of a graph, each behind those whose outputs it takes."""
    makes = {output: n for n, node in enumerate(nodes) for output in node.output}
    needs = {n: [makes[name] for name in node.input if name in makes] for n, node in enumerate(nodes)}
    return (nodes[n] for n in TopologicalSorter(needs).static_order())

"""The tiny network with one layer that is wrong."""

from __future__ import annotations

import onnx
from onnx import numpy_helper
from tiny_network import Artifact

from oxidizedvision.optimize.publication import Made, put


def spoil(tiny: Artifact) -> str:
    """An optimised file whose second convolution has another weight; the name of that node."""
    model = onnx.load(tiny.onnx)
    node = [node for node in model.graph.node if node.op_type == "Conv"][1]
    tensor = next(it for it in model.graph.initializer if it.name == node.input[1])
    array = numpy_helper.to_array(tensor).copy()
    array.flat[3] += 0.5
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    target = tiny.onnx.with_name("tiny.int8.onnx")
    made = Made("int8", "test", target, model.SerializeToString(), {}, {}, 0.0)
    put(tiny.manifest, tiny.onnx, [made])
    return node.name or node.output[0]

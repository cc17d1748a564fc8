"""What a network costs: parameters, multiply-adds and bytes, as a whole and layer by layer."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.config import Config, load_config
from oxidizedvision.core.lazy import require
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.core.tensors import DTYPE_OF_NUMPY
from oxidizedvision.onnx_file import read_onnx

if TYPE_CHECKING:
    import torch
    from onnx import ModelProto, NodeProto

Dims = tuple[int | str, ...]


@dataclass(frozen=True)
class LayerRow:
    """One layer: a leaf module of PyTorch, or a node of ONNX.

    macs: Multiply-adds of one run; None where lengths that are not known decide.
    bytes: Its parameters.
    output_shape: Of its first output; empty where not known.
    activation_bytes: Its outputs; None where not known.
    """

    path: str
    type: str
    parameters: int
    macs: int | None
    bytes: int
    output_shape: tuple[int | str, ...]
    activation_bytes: int | None


@dataclass(frozen=True)
class ProfileReport:
    """The whole and its layers.

    macs: Multiply-adds (half the floating-point operations) at `input_shape`; None where
        lengths that are not known decide.
    bytes: Parameters and buffers; of an .onnx file its constants.
    bytes_by_dtype: The same by element type.
    """

    model: str
    input_shape: tuple[int | str, ...]
    parameters: int
    buffers: int
    macs: int | None
    bytes: int
    bytes_by_dtype: dict[str, int]
    layers: tuple[LayerRow, ...]


def profile(target: str | Path | Config, *, notify: Notify = silent) -> ProfileReport:
    """Profile the network of a config.yml at `model.input_shape`, or an .onnx file.

    Raises:
        OxidizedVisionError: what keeps the network or the file from loading.
    """
    if not isinstance(target, Config) and Path(target).suffix == ".onnx":
        notify("reading the graph")
        return _of_onnx(Path(target))
    notify("running the network once")
    return _of_config(load_config(target))


def _of_config(config: Config) -> ProfileReport:
    require("torch", "profile")
    from torch.utils.flop_counter import FlopCounterMode

    from oxidizedvision.convert.network import Network

    network = Network.of(config)
    module, shape = network.module, tuple(config.model.input_shape)
    outputs: dict[str, list[torch.Tensor]] = {}
    hooks = [
        layer.register_forward_hook(_remember(name, outputs))
        for name, layer in module.named_modules()
    ]
    # The counter names modules from the root's class on.
    counter = FlopCounterMode(display=False)
    with counter:
        network.run(np.zeros(shape, np.float32))
    for hook in hooks:
        hook.remove()
    root = type(module).__name__
    flops = {str(name): sum(counts.values()) for name, counts in counter.get_flop_counts().items()}
    tensors = [*module.parameters(), *module.buffers()]
    layers = tuple(
        _layer_row(name, layer, outputs.get(name, []), flops.get(f"{root}.{name}", 0))
        for name, layer in module.named_modules()
        if name and not list(layer.children())
    )
    return ProfileReport(
        model=network.name,
        input_shape=shape,
        parameters=sum(tensor.numel() for tensor in module.parameters()),
        buffers=sum(tensor.numel() for tensor in module.buffers()),
        macs=int(counter.get_total_flops()) // 2,
        bytes=sum(tensor.nbytes for tensor in tensors),
        bytes_by_dtype=_by_dtype((_torch_dtype(t), t.nbytes) for t in tensors),
        layers=layers,
    )


def _remember(name: str, outputs: dict[str, list[torch.Tensor]]) -> Any:
    def hook(_: torch.nn.Module, __: Any, output: Any) -> None:
        import torch

        listed = output if isinstance(output, tuple | list) else [output]
        outputs[name] = [value for value in listed if isinstance(value, torch.Tensor)]

    return hook


def _layer_row(
    name: str, layer: torch.nn.Module, outputs: list[torch.Tensor], flops: int
) -> LayerRow:
    own = list(layer.parameters(recurse=False))
    return LayerRow(
        path=name,
        type=type(layer).__name__,
        parameters=sum(tensor.numel() for tensor in own),
        macs=flops // 2,
        bytes=sum(tensor.nbytes for tensor in own),
        output_shape=tuple(outputs[0].shape) if outputs else (),
        activation_bytes=sum(tensor.nbytes for tensor in outputs),
    )


def _torch_dtype(tensor: torch.Tensor) -> str:
    name = str(tensor.dtype).removeprefix("torch.")
    return DTYPE_OF_NUMPY.get(name, name)


def _by_dtype(sizes: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: defaultdict[str, int] = defaultdict(int)
    for name, size in sizes:
        total[name] += size
    return dict(total)


def _of_onnx(path: Path) -> ProfileReport:
    model = read_onnx(path)
    import onnx

    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    shapes: dict[str, Dims] = {name: tuple(tensor.dims) for name, tensor in weights.items()}
    widths: dict[str, int] = {}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        tensor_type = value.type.tensor_type
        shapes.setdefault(value.name, _dims(tensor_type))
        widths[value.name] = onnx.helper.tensor_dtype_to_np_dtype(tensor_type.elem_type).itemsize
    sizes = {name: _tensor_size(tensor) for name, tensor in weights.items()}
    layers = tuple(
        _node_row(index, node, shapes, (sizes, widths)) for index, node in enumerate(graph.node)
    )
    known = [row.macs for row in layers]
    return ProfileReport(
        model=path.name,
        input_shape=_input_shape(model, weights),
        parameters=sum(math.prod(tensor.dims) for tensor in weights.values()),
        buffers=0,
        macs=None if None in known else sum(macs or 0 for macs in known),
        bytes=sum(size for _, size in sizes.values()),
        bytes_by_dtype=_by_dtype(sizes.values()),
        layers=layers,
    )


def _dims(tensor_type: Any) -> Dims:
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?"
        for dim in tensor_type.shape.dim
    )


def _input_shape(model: ModelProto, weights: dict[str, Any]) -> Dims:
    inputs = [value for value in model.graph.input if value.name not in weights]
    return _dims(inputs[0].type.tensor_type) if inputs else ()


def _tensor_size(tensor: Any) -> tuple[str, int]:
    import onnx

    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return DTYPE_OF_NUMPY.get(dtype.name, dtype.name), math.prod(tensor.dims) * dtype.itemsize


def _node_row(
    index: int,
    node: NodeProto,
    shapes: dict[str, Dims],
    measures: tuple[dict[str, tuple[str, int]], dict[str, int]],
) -> LayerRow:
    sizes, widths = measures
    own = [name for name in node.input if name in sizes]
    output = shapes.get(node.output[0], ())
    elements = _product(output) if output else None
    return LayerRow(
        path=node.name or f"{node.op_type}_{index}",
        type=node.op_type,
        parameters=sum(_product(shapes[name]) or 0 for name in own),
        macs=_node_macs(node, shapes),
        bytes=sum(sizes[name][1] for name in own),
        output_shape=output,
        activation_bytes=None if elements is None else elements * widths.get(node.output[0], 4),
    )


def _node_macs(node: NodeProto, shapes: dict[str, Dims]) -> int | None:
    """Multiply-adds of Conv, ConvTranspose, Gemm and MatMul; every other operator counts 0."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    source, weight = (shapes.get(name, ("?",)) for name in node.input[:2])
    output = shapes.get(node.output[0], ("?",))
    if node.op_type == "Conv":
        return _times(output, weight[1:])
    if node.op_type == "ConvTranspose":
        return _times(source, weight[1:])
    transposed = any(item.name == "transA" and item.i for item in node.attribute)
    return _times(output, source[:1] if transposed else source[-1:])


def _times(first: Sequence[int | str], second: Sequence[int | str]) -> int | None:
    return _product([*first, *second])


def _product(dims: Sequence[int | str]) -> int | None:
    lengths = [dim for dim in dims if isinstance(dim, int)]
    return math.prod(lengths) if len(lengths) == len(dims) else None

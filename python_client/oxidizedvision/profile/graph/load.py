"""An ONNX file made ready for counting, without reading weights that lie in other files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.lazy import require
from oxidizedvision.core.shapes import checked_shapes
from oxidizedvision.onnx_file import check_onnx, decode_onnx
from oxidizedvision.onnx_graph import constants_to_initializers, drop_copies, nested_graphs
from oxidizedvision.profile.graph.follow import follow_shapes
from oxidizedvision.profile.graph.values import spec_of
from oxidizedvision.runners.external_data import check_external_data

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

    from oxidizedvision.core.tensors import Dim

_INDEX_ELEMENTS = 64
"""Tensors up to this size may be shapes, and shape inference needs their values."""


def load_graph(path: Path, shapes: Mapping[str, Sequence[int]]) -> ModelProto:
    """A checked model with its functions inlined, its constants as initialisers, and shapes.

    Shapes of every value are those that inference finds when the inputs have the given ones.

    Raises:
        OxidizedVisionError: `not_found`, `file_system`, `corrupt`, `unreadable` for weights in
            other files that cannot be had, and what `checked_shapes` raises.
    """
    require("onnx", "reading ONNX")
    with file_errors(path):
        content = path.read_bytes()
    model = decode_onnx(content, path)
    external = [tensor for tensor in tensors_of(model.graph) if _is_external(tensor)]
    if external:
        check_external_data(path, str(path))
        _read_indices(external, path)
        _check_by_path(path, model)
    else:
        check_onnx(model, path)
    if model.functions:
        model = require("onnx.inliner", "reading ONNX").inline_local_functions(model)
    _constants_as_initializers(model.graph)
    drop_copies(model.graph)
    if shapes:
        _set_shapes(path, model.graph, shapes)
    return _inferred(model)


def is_external(model: ModelProto) -> bool:
    """Whether weights of the model lie in other files."""
    return any(map(_is_external, tensors_of(model.graph)))


def tensors_of(graph: GraphProto) -> Iterator[TensorProto]:
    """Every constant tensor, those of nested graphs included."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
    for nested in nested_graphs(graph.node):
        yield from tensors_of(nested)


def input_values(graph: GraphProto) -> list[Any]:
    """The inputs that a run must be given."""
    weights = {tensor.name for tensor in graph.initializer}
    weights |= {sparse.values.name for sparse in graph.sparse_initializer}
    return [value for value in graph.input if value.name not in weights]


def _is_external(tensor: TensorProto) -> bool:
    return bool(tensor.data_location == tensor.EXTERNAL)


def _check_by_path(path: Path, model: ModelProto) -> None:
    """ONNX's own checks: of the file, with the weights beside it, and of the shapes."""
    import onnx

    failures = (onnx.checker.ValidationError, onnx.shape_inference.InferenceError)
    try:
        onnx.checker.check_model(str(path))
        onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except (*failures, RuntimeError, ValueError, TypeError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{path} is not a usable ONNX model: {first}",
            "Run `oxidizedvision convert` again, or copy the file with those beside it again.",
        ) from error


def _read_indices(tensors: Sequence[TensorProto], path: Path) -> None:
    import onnx

    for tensor in tensors:
        elements = 1
        for length in tensor.dims:
            elements *= length
        if tensor.data_type == tensor.INT64 and elements <= _INDEX_ELEMENTS:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(path.parent))
            tensor.data_location = tensor.DEFAULT
            del tensor.external_data[:]


def _constants_as_initializers(graph: GraphProto) -> None:
    """Those of Constant nodes too, which hold weights as initialisers do and cost no time."""
    constants_to_initializers(graph)
    for nested in nested_graphs(graph.node):
        _constants_as_initializers(nested)


def _set_shapes(path: Path, graph: GraphProto, shapes: Mapping[str, Sequence[int]]) -> None:
    """Give lengths to the inputs, and to every place where the file has the same name for one."""
    values = {value.name: value for value in input_values(graph)}
    specs = [spec_of(value) for value in values.values()]
    chosen = checked_shapes(path.name, specs, shapes, fixed=True)
    lengths: dict[Dim, Dim] = {}
    for spec in specs:
        lengths |= dict(zip(spec.dims, chosen[spec.name], strict=True))
        _set_dims(values[spec.name], chosen[spec.name])
    for value in (*graph.value_info, *graph.output):
        for dim in value.type.tensor_type.shape.dim:
            length = lengths.get(dim.dim_param)
            if isinstance(length, int):
                dim.dim_value = length


def _set_dims(value: Any, dims: Sequence[Dim]) -> None:
    for entry, dim in zip(value.type.tensor_type.shape.dim, dims, strict=True):
        if isinstance(dim, int):
            entry.dim_value = dim


def _inferred(model: ModelProto) -> ModelProto:
    import onnx

    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (RuntimeError, ValueError):  # the file passed its check, so this is inference's own end
        return model
    values = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    for name, found in follow_shapes(model).items():
        value = values.get(name) or model.graph.value_info.add(name=name)
        value.type.CopyFrom(found)
    return model

"""What a comparison runs on: a golden, or random inputs where a model has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.seeded import seeded_inputs
from oxidizedvision.core.shapes import checked_shapes
from oxidizedvision.core.tensors import DTYPES, Dim, TensorSpec
from oxidizedvision.onnx_file import read_onnx
from oxidizedvision.profile.graph.load import input_values
from oxidizedvision.profile.graph.values import spec_of

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_FORMS = (".int8", ".fp16", ".optimized")


def reference_beside(model: Path) -> Path:
    """NAME.onnx for NAME.int8.onnx, NAME.fp16.onnx or NAME.optimized.onnx, else the file itself."""
    for form in _FORMS:
        plain = model.with_name(f"{model.stem.removesuffix(form)}.onnx")
        if model.stem.endswith(form) and plain.is_file():
            return plain
    return model


def random_inputs(model: Path, shapes: Mapping[str, Sequence[int]]) -> dict[str, Array]:
    """Seeded random inputs of an ONNX file, of the lengths that it or `shapes` gives.

    A named axis that leads is 1 long where nothing gives it a length.

    Raises:
        OxidizedVisionError: as `read_onnx` and `checked_shapes`; `shape_mismatch` for a named axis
            without a length, `unsupported` for an element type that no runner takes.
    """
    specs = tuple(spec_of(value) for value in input_values(read_onnx(model).graph))
    chosen = checked_shapes(model.name, specs, shapes, fixed=True)
    lengths = {spec.name: _lengths(model, spec, chosen[spec.name]) for spec in specs}
    return seeded_inputs(specs, lengths)


def _lengths(model: Path, spec: TensorSpec, chosen: Sequence[Dim]) -> list[int]:
    if spec.dtype not in DTYPES:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{model.name}: input {spec.name!r} is of the type {spec.dtype or 'unknown'}",
            f"Layers are compared in models that take {', '.join(DTYPES)}.",
        )
    dims = [1 if axis == 0 and isinstance(dim, str) else dim for axis, dim in enumerate(chosen)]
    lengths = [dim for dim in dims if isinstance(dim, int)]
    if len(lengths) == len(dims):
        return lengths
    raise OxidizedVisionError(
        Kind.SHAPE_MISMATCH,
        f"{model.name}: input {spec.name!r} is {spec.dims_text()}, and nothing gives a length to "
        "its names",
        f"Give --shape {spec.name}={','.join(map(str, dims))} with lengths for the names.",
    )

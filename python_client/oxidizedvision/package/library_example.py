"""The program under `examples/` of a generated library."""

from __future__ import annotations

from oxidizedvision.core.manifest import Manifest, Spec
from oxidizedvision.package.library_results import Result
from oxidizedvision.package.rust_text import identifiers
from oxidizedvision.package.template import filled

_RANKED = 6


def example_text(lib: str, manifest: Manifest, result: Result | None) -> str:
    """A picture through the model where it takes one, else zeros."""
    if result is not None:
        writes = "result.png" in result.usage
        values = {
            "lib": lib,
            "example_usage": result.usage,
            "example_imports": result.imports,
            "example_files": "photo, out" if writes else "photo",
            "example_show": result.show,
        }
        return filled("parts/example_picture.rs", values)
    inputs = identifiers([spec.name for spec in manifest.inputs], "input")
    outputs = identifiers([spec.name for spec in manifest.outputs], "output")
    zeros = [
        f"        {name}: {_zeros(spec, manifest.input_shapes.get(spec.name))},"
        for name, spec in zip(inputs, manifest.inputs, strict=True)
    ]
    prints = [f'    println!("{name}: {{:?}}", outputs.{name}.shape());' for name in outputs]
    has_half = any(spec.dtype == "f16" for spec in manifest.inputs)
    values = {
        "lib": lib,
        "example_half": "f16, " if has_half else "",
        "example_zeros": "\n".join(zeros),
        "example_prints": "\n".join(prints),
    }
    return filled("parts/example_tensors.rs", values)


def _zeros(spec: Spec, shape: list[int] | None) -> str:
    """An array of zeros of the shape that the model was exported with."""
    lengths = shape or [dim if isinstance(dim, int) else 1 for dim in spec.dims]
    dims = ", ".join(str(length) for length in lengths)
    array = f"Array{len(lengths)}" if len(lengths) <= _RANKED else "ArrayD"
    given = f"[{dims}]" if len(lengths) <= _RANKED else f"&[{dims}][..]"
    return f"ndarray::{array}::from_elem({given}, {spec.dtype}::default())"

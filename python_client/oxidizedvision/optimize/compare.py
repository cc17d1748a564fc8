"""Two forms of a model on the same inputs, in ONNX Runtime."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.manifest import Tolerance, load_manifest
from oxidizedvision.core.tensors import DTYPES, TensorSpec
from oxidizedvision.metrics import cosine
from oxidizedvision.onnx_file import largest_difference
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.table import load_runner

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_RELATIVE = 1e-4
"""Largest error, relative to the largest output, that another order of the sums explains."""

_ROUNDINGS = 8
"""How many times as far as one rounding of the inputs moves an output it may be moved at most."""

_QUARTER, _LEAST = 1.25, 1e-5
"""What is added to how far a smaller precision was, for other processors round otherwise."""

_LENGTHS = (64, 96)
"""Of axes without a length, one for each random input."""

Inputs = dict[str, "Array"]


def difference(before: bytes, after: bytes, name: str, manifest: Path | None) -> tuple[float, str]:
    """The largest error of a simplified model, and why it is not the same; empty where it is.

    Args:
        before: The model.
        after: The simplified one.
        name: What messages call it.
        manifest: Whose goldens are compared beside random inputs at two sizes.
    """
    with _loaded(before, name) as old:
        try:
            new = _loaded(after, name)
        except OxidizedVisionError as error:
            return 0.0, f"the simplified model does not load: {error.message}"
        with new:
            return _compared(old, new, manifest)


def _compared(old: Runner, new: Runner, manifest: Path | None) -> tuple[float, str]:
    worst, compared = 0.0, 0
    for label, inputs in _cases(old.input_specs, manifest):
        try:
            expected = old.run_named(inputs)
        except OxidizedVisionError:
            continue  # the model does not take this size; nothing to compare
        try:
            actual = new.run_named(inputs)
        except OxidizedVisionError as error:
            return worst, f"the simplified model fails on {label}: {error.message}"
        compared += 1
        for name, reference in expected.items():
            if not np.isfinite(_largest(reference)):
                return math.inf, f"{name} of the model itself is not finite on {label}"
            error_here = largest_difference(reference, actual[name])
            worst = max(worst, error_here)
            allowed = _RELATIVE * max(_largest(reference), _RELATIVE)
            if error_here <= allowed or error_here <= _rounding(old, inputs, name, reference):
                continue
            return worst, f"{name} changed by {error_here:.3g} on {label}"
    if compared == 0:
        lengths = " and ".join(map(str, _LENGTHS))
        return 0.0, (
            "the model takes none of the inputs tried (axes without a length were "
            f"{lengths}), so nothing could be compared"
        )
    return worst, ""


def _rounding(old: Runner, inputs: Inputs, name: str, reference: Array) -> float:
    """What rounding explains of a difference, where an output is small beside what it is made of.

    The model before is run once more, with every input one rounding step from where it was.
    """
    moved = largest_difference(reference, old.run_named(_shaken(inputs))[name])
    return _ROUNDINGS * moved if np.isfinite(moved) else 0.0


def _shaken(inputs: Inputs) -> Inputs:
    generator = np.random.default_rng(0)
    return {name: _stepped(array, generator) for name, array in inputs.items()}


def _stepped(array: Array, generator: np.random.Generator) -> Array:
    if not np.issubdtype(array.dtype, np.floating):
        return array
    ends = generator.choice([-np.inf, np.inf], array.shape).astype(array.dtype)
    stepped: Array = np.nextafter(array, ends)
    return stepped


def _cases(specs: Sequence[TensorSpec], manifest: Path | None) -> Iterator[tuple[str, Inputs]]:
    """Goldens where there are any, and random inputs at two sizes."""
    if manifest is not None:
        yield from golden_inputs(manifest)
    for seed, length in enumerate(_LENGTHS):
        yield f"random-{seed}", _random_inputs(specs, length, np.random.default_rng(seed))


def golden_tolerance(manifest: Path, model: bytes, engine: str) -> Tolerance | None:
    """How far a model is from the goldens on an engine, and a quarter more; None without any.

    Raises:
        OxidizedVisionError: when the engine cannot run it.
    """
    errors: list[tuple[float, float]] = []
    with load_runner(engine, RunnerConfig(model, name=engine), apart=True) as runner:
        for _, sides in golden_cases(manifest):
            got = runner.run_named(sides["input"])
            for name, expected in sides["output"].items():
                given = got[name].astype(np.float64)
                errors.append((float(np.abs(expected - given).mean()), cosine(expected, given)))
    if not errors:
        return None
    mae = max(error for error, _ in errors)
    similarity = min(similarity for _, similarity in errors)
    return Tolerance(
        mae=_QUARTER * mae + _LEAST, cosine_similarity=1 - _QUARTER * (1 - similarity) - _LEAST
    )


def _largest(array: Array) -> float:
    return float(np.abs(array.astype(np.float64)).max(initial=0.0))


def _loaded(model: bytes, name: str) -> Runner:
    """ONNX Runtime on one thread, without its own graph rewriting, in a process of its own."""
    config = RunnerConfig(model, threads=1, optimize=False, name=name)
    return load_runner("onnxruntime", config, apart=True)


def _random_inputs(
    specs: Sequence[TensorSpec], length: int, generator: np.random.Generator
) -> Inputs:
    """Standard normal numbers, whole ones for whole types.

    Axes of one name have one length; of a name that leads an input it is a small one.
    """
    leading = [spec.dims[0] for spec in specs if spec.dims]
    inputs = {}
    for spec in specs:
        lengths = ((1 + length % 3) if dim in leading else length for dim in spec.dims)
        fixed = zip(spec.dims, lengths, strict=True)
        shape = [dim if isinstance(dim, int) else named for dim, named in fixed]
        array = generator.standard_normal(shape)
        kind = np.dtype(DTYPES[spec.dtype])
        whole = not np.issubdtype(kind, np.floating)
        inputs[spec.name] = (np.abs(array) * 2 if whole else array).astype(kind)
    return inputs


def golden_inputs(manifest: Path) -> Iterator[tuple[str, Inputs]]:
    """The inputs of a manifest's goldens, by case."""
    for case, sides in golden_cases(manifest):
        yield case, sides["input"]


def golden_cases(manifest: Path) -> Iterator[tuple[str, dict[str, Inputs]]]:
    """The goldens of a manifest: by case the arrays of `input` and of `output`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = manifest.parent / load_manifest(manifest).goldens.file
    with file_errors(path):
        content = path.read_bytes()
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{path} is not a whole golden file: {error}",
            "Run `oxidizedvision convert` again.",
        ) from error
    cases: dict[str, dict[str, Inputs]] = {}
    for key, array in tensors.items():
        case, role, name = key.split("/", 2)
        cases.setdefault(case, {"input": {}, "output": {}})[role][name] = array
    yield from sorted(cases.items())

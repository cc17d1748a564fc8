"""Fewer nodes for the same answers: simplify and fold, and keep it only if both are true."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.claims import folder_lock
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, sha256_of, write_bytes
from oxidizedvision.core.manifest import (
    FileRecord,
    Stage,
    find_manifest,
    load_manifest,
    tool_versions,
)
from oxidizedvision.core.publish import publish, working_folder
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.core.tensors import DTYPES, TensorSpec
from oxidizedvision.onnx_file import (
    check_onnx,
    count_operators,
    decode_onnx,
    largest_difference,
    opset_of,
    parse_onnx,
    read_onnx,
)
from oxidizedvision.onnx_notes import carry_notes
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.table import load_runner
from oxidizedvision.slimming import SlimmingError, slimmed

if TYPE_CHECKING:
    from onnx import ModelProto

    from oxidizedvision.core.tensors import Array

_SUFFIX = ".optimized.onnx"
_RELATIVE = 1e-4
"""Largest error, relative to the largest output, that another order of the sums explains."""

_LENGTHS = (64, 96)
"""Of axes without a length, one for each random input."""

_SIMPLIFYING = (
    "graph_fusion",
    "dead_node_elimination",
    "subexpression_elimination",
    "weight_tying",
)

Inputs = dict[str, "Array"]


@dataclass(frozen=True)
class OptimizeResult:
    """What became of a model.

    output: The new file; the model's own where nothing was gained.
    max_error: Largest difference between the outputs of the two files.
    kept: Whether the new graph replaced the old one, which `reason` explains.
    """

    model: Path
    output: Path
    nodes_before: int
    nodes_after: int
    operators_before: dict[str, int]
    operators_after: dict[str, int]
    bytes_before: int
    bytes_after: int
    max_error: float
    kept: bool
    reason: str
    seconds: float


def optimize(
    model: str | Path,
    *,
    output: str | Path | None = None,
    simplify: bool = True,
    constant_folding: bool = True,
    quantize: str | None = None,
    notify: Notify = silent,
) -> OptimizeResult:
    """Simplify an ONNX model, and check the result on its goldens with ONNX Runtime.

    Without goldens two seeded random inputs are used. Names, opset and metadata stay.

    Args:
        model: The .onnx file.
        output: Instead of `<model>.optimized.onnx` beside it.
        simplify: Remove and fuse nodes.
        constant_folding: Compute once what does not depend on the inputs.
        quantize: Not offered by this version.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `corrupt`, `not_found`, `file_system`, `unsupported` for `quantize`.
    """
    refuse_quantize(quantize)
    start = time.monotonic()
    path = Path(model)
    target = _target(path, output)
    job = _Job(path, read_onnx(path), find_manifest(path), notify)
    content, reason, error = job.improved(_skipped(simplify, constant_folding))
    after = job.before if content is None else parse_onnx(content, target)
    result = OptimizeResult(
        model=path,
        output=path if content is None else target,
        nodes_before=len(job.before.graph.node),
        nodes_after=len(after.graph.node),
        operators_before=count_operators(job.before),
        operators_after=count_operators(after),
        bytes_before=path.stat().st_size,
        bytes_after=path.stat().st_size if content is None else len(content),
        max_error=error,
        kept=content is not None,
        reason=reason,
        seconds=round(time.monotonic() - start, 3),
    )
    parameters = {"simplify": simplify, "constant_folding": constant_folding}
    _put(job.manifest, content, result, parameters)
    return result


def refuse_quantize(quantize: str | None) -> None:
    """Refuse what `optimize.quantize` may say and this version does not do.

    Raises:
        OxidizedVisionError: `unsupported` for anything but None.
    """
    if quantize is not None:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"quantize: {quantize} is not offered by this version",
            "Set optimize.quantize to null.",
        )


def _skipped(simplify: bool, constant_folding: bool) -> list[str]:
    """The passes of onnxslim that were not asked for."""
    folding = [] if constant_folding else ["constant_folding"]
    return folding if simplify else [*_SIMPLIFYING, *folding]


def _target(path: Path, output: str | Path | None) -> Path:
    """Where the result goes; refuses what is no ONNX file and what would overwrite it."""
    target = Path(output) if output else path.with_name(path.stem + _SUFFIX)
    if path.suffix in {".yml", ".yaml", ".json"}:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{path} is no ONNX model",
            "Give the .onnx file that `oxidizedvision convert` wrote.",
        )
    if target.resolve() == path.resolve():
        raise OxidizedVisionError(
            Kind.USAGE, f"{path} would overwrite itself", "Choose another output."
        )
    return target


@dataclass(frozen=True)
class _Job:
    path: Path
    before: ModelProto
    manifest: Path | None
    notify: Notify

    def improved(self, skipped: list[str]) -> tuple[bytes | None, str, float]:
        """The better file or None, why, and the largest error."""
        if {*_SIMPLIFYING, "constant_folding"} <= set(skipped):
            return None, "neither simplify nor constant_folding was asked for", 0.0
        self.notify("simplifying the graph")
        after, problem = self._slimmed(skipped)
        if after is None:
            return None, problem, 0.0
        nodes = len(self.before.graph.node), len(after.graph.node)
        content = after.SerializeToString()
        sizes = self.before.ByteSize(), len(content)
        if nodes[1] > nodes[0] or (nodes[1] == nodes[0] and sizes[1] >= sizes[0]):
            return None, f"there was nothing to remove: {nodes[0]} nodes", 0.0
        self.notify("comparing with the model before")
        error, problem = self._difference(content)
        if problem:
            return None, problem, error
        return content, f"{nodes[0]} nodes became {nodes[1]}", error

    def _slimmed(self, skipped: list[str]) -> tuple[ModelProto | None, str]:
        try:
            content = slimmed(self.before.SerializeToString(), skipped)
        except SlimmingError as error:
            return None, f"onnxslim failed: {error}"
        after = decode_onnx(content, self.path)
        _restore(self.before, after)
        if opset_of(after) != opset_of(self.before):
            return None, f"onnxslim changed the opset to {opset_of(after)}"
        try:
            check_onnx(after, self.path)
        except OxidizedVisionError as error:
            return None, f"onnxslim made an invalid model: {error.message}"
        return after, ""

    def _difference(self, content: bytes) -> tuple[float, str]:
        with _loaded(self.before.SerializeToString(), self.path.name) as old:
            try:
                new = _loaded(content, self.path.name)
            except OxidizedVisionError as error:
                return 0.0, f"the simplified model does not load: {error.message}"
            with new:
                return self._compared(old, new)

    def _compared(self, old: Runner, new: Runner) -> tuple[float, str]:
        worst, compared = 0.0, 0
        for label, inputs in self._cases(old.input_specs):
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
                error_here = largest_difference(reference, actual[name])
                worst = max(worst, error_here)
                if error_here > _RELATIVE * max(_largest(reference), _RELATIVE):
                    return worst, f"{name} changed by {error_here:.3g} on {label}"
        if compared == 0:
            lengths = " and ".join(map(str, _LENGTHS))
            return 0.0, (
                "the model takes none of the inputs tried (axes without a length were "
                f"{lengths}), so nothing could be compared"
            )
        return worst, ""

    def _cases(self, specs: Sequence[TensorSpec]) -> Iterator[tuple[str, Inputs]]:
        """Goldens where there are any, and random inputs at two sizes."""
        if self.manifest is not None:
            yield from _goldens(self.manifest)
        for seed, length in enumerate(_LENGTHS):
            yield f"random-{seed}", _random_inputs(specs, length, np.random.default_rng(seed))


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


def _goldens(manifest: Path) -> Iterator[tuple[str, Inputs]]:
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
    cases: dict[str, Inputs] = {}
    for key, array in tensors.items():
        case, role, name = key.split("/", 2)
        if role == "input":
            cases.setdefault(case, {})[name] = array
    yield from sorted(cases.items())


def _restore(before: ModelProto, after: ModelProto) -> None:
    """Put back what the simplifier does not carry over: metadata, and how axes are named."""
    carry_notes(before, after, "onnxslim")
    del after.metadata_props[:]
    after.metadata_props.extend(before.metadata_props)
    for old, new in (
        (before.graph.input, after.graph.input),
        (before.graph.output, after.graph.output),
    ):
        known = {value.name: value for value in old}
        for value in new:
            if value.name in known:
                value.CopyFrom(known[value.name])


def _put(
    path: Path | None, content: bytes | None, result: OptimizeResult, parameters: dict[str, Any]
) -> None:
    """Put the new file in place, and its stage into the manifest with it.

    Where the model was kept, the stage of an earlier optimisation and its file go.
    """
    from oxidizedvision.registry import refresh

    if path is None or not _is_of(path, result):
        if content is not None:
            write_bytes(result.output, content)
        return
    with working_folder(path.parent, "optimize") as folder, folder_lock(path.parent):
        manifest = load_manifest(path)
        stages = [stage for stage in manifest.stages if stage.name != "optimize"]
        old = [stage.output for stage in manifest.stages if stage.name == "optimize"]
        names = [path.name]
        if content is not None:
            made = folder / result.output.name
            with file_errors(made):
                made.write_bytes(content)
            stages.append(_stage(result, FileRecord.of(made), parameters))
            names.insert(0, made.name)
        tools = {**manifest.tools, **tool_versions("onnxslim", "onnxruntime")}
        manifest.model_copy(update={"stages": stages, "tools": tools}).save(folder / path.name)
        drop = {record.file: record.sha256 for record in old if record.file not in names}
        publish(folder, names, path, drop)
    refresh(path)


def _is_of(path: Path, result: OptimizeResult) -> bool:
    """Whether a manifest is the one that lists the model, and the result stands beside it."""
    source = next((s for s in load_manifest(path).stages if s.name == "onnx"), None)
    beside = result.output.resolve().parent == path.resolve().parent
    return source is not None and source.output.file == result.model.name and beside


def _stage(result: OptimizeResult, output: FileRecord, parameters: dict[str, Any]) -> Stage:
    return Stage(
        name="optimize",
        tool="onnxslim",
        parameters=parameters,
        input_sha256=sha256_of(result.model),
        output=output,
        seconds=result.seconds,
        checks={
            "max_error": result.max_error,
            "nodes_before": result.nodes_before,
            "nodes_after": result.nodes_after,
        },
    )

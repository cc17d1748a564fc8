"""The runner contract, the same as `runner_core`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import (
    AxisRange,
    ModelInfo,
    TensorSpec,
    axis_ranges,
    dtype_name,
    misfit,
)

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


@dataclass(frozen=True)
class RunnerConfig:
    """Everything that loading a model needs.

    Args:
        model: The model's file, or (for engines that can) its content.
        input_shapes: Lengths for the axes of inputs, by input name.
        device: `cpu`, `cuda` or `cuda:N`; one that cannot be had is an error.
        threads: Threads for one run; None leaves the choice to the engine.
        precision: `fp32`, `fp16` or `int8`, where the engine can choose.
        optimize: The engine's own graph optimisation; off runs the graph as loaded.
        options: Options of the engine by name; unknown ones are refused.
        name: What messages call a model that came as bytes.
    """

    model: Path | bytes
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    device: str = "cpu"
    threads: int | None = None
    precision: str = "fp32"
    optimize: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    name: str = "model"

    @property
    def model_name(self) -> str:
        """The name used in messages: the file's own name."""
        return self.model.name if isinstance(self.model, Path) else self.name


@dataclass(frozen=True)
class Availability:
    """Whether an engine can be used here and, where it cannot, what makes it so.

    `status` is `ready`, `not_built` or `missing`.
    """

    status: str
    version: str = ""
    hint: str = ""

    @property
    def ready(self) -> bool:
        """Whether it can load models now."""
        return self.status == "ready"


@dataclass(frozen=True)
class NodeTime:
    """What one node of an engine's own graph took.

    Engines rewrite what they load, so their nodes are not the file's: `origins` leads back. The
    times of two nodes never overlap.

    Args:
        name: The engine's name of the node.
        op_type: The engine's name of what it computes.
        origins: The nodes of the ONNX file that it does the work of, by name, or by their first
            output where they have none; the one that most of the time goes to comes first, as far
            as can be told. Empty for what the engine added, such as a change of layout.
        calls: How often it ran.
        total_ms: Milliseconds in all calls together.
    """

    name: str
    op_type: str
    origins: tuple[str, ...]
    calls: int
    total_ms: float


class Runner(ABC):
    """A loaded model. Use it as a context manager, or call `close`."""

    @property
    @abstractmethod
    def info(self) -> ModelInfo:
        """What was loaded."""

    @property
    def model_name(self) -> str:
        """The model's name in messages."""
        return self.info.model

    @property
    def input_specs(self) -> tuple[TensorSpec, ...]:
        """The inputs alone; an engine that must work for the rest of `info` gives them at once."""
        return self.info.inputs

    @property
    def axes(self) -> Mapping[str, AxisRange]:
        """The lengths for which the model was proved; likewise."""
        return self.info.axes

    @abstractmethod
    def _run(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Run on inputs that are checked and in the order of `info.inputs`."""

    def _profile(
        self,
        inputs: dict[str, Array],  # noqa: ARG002 - for engines that can tell
        runs: int,  # noqa: ARG002
    ) -> tuple[NodeTime, ...] | None:
        """As `profile_named`, on inputs as `_run` gets them."""
        return None

    def run_named(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run any number of named arrays of any element type.

        Raises:
            OxidizedVisionError: with a kind that names what does not fit the model.
        """
        return self._run(self._checked(inputs))

    def profile_named(self, inputs: Mapping[str, Array], runs: int) -> tuple[NodeTime, ...] | None:
        """What each node of the engine's own graph took in `runs` runs, in the order they ran in.

        None where the engine cannot tell. One more run goes before and does not count. The engine
        may load the model once more for this, and runs slower while it measures: a profile tells
        where time goes, not how long a run takes.

        Raises:
            OxidizedVisionError: `usage` for less than one run, else as `run_named`.
        """
        if runs < 1:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{self.model_name}: a profile of {runs} runs tells nothing",
                "Give the number of runs, 1 or more.",
            )
        return self._profile(self._checked(inputs), runs)

    def run(self, array: Array) -> Array:
        """Run a model with one input and one output.

        Raises:
            OxidizedVisionError: `not_single` on any other model.
        """
        info = self.info
        if len(info.inputs) != 1 or len(info.outputs) != 1:
            raise OxidizedVisionError(
                Kind.NOT_SINGLE,
                f"{info.model} has {len(info.inputs)} inputs and {len(info.outputs)} outputs",
                "Use run_named with a dictionary of arrays.",
            )
        return self.run_named({info.inputs[0].name: array})[info.outputs[0].name]

    def close(self) -> None:  # noqa: B027 - most engines hold nothing that needs closing
        """Release what the engine holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _checked(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        specs = {spec.name: spec for spec in self.input_specs}
        for name in inputs:
            if name not in specs:
                raise self._error(Kind.UNKNOWN_INPUT, name, f"is unknown; known: {list(specs)}")
        symbols: dict[str, int] = {}
        for name, spec in specs.items():
            if name not in inputs:
                message = f"is missing: expected {spec.dtype} {spec.dims_text()}"
                raise self._error(Kind.MISSING_INPUT, name, message)
            self._check_array(spec, inputs[name], symbols)
        return {name: inputs[name] for name in specs}

    def _check_array(self, spec: TensorSpec, array: Array, symbols: dict[str, int]) -> None:
        got = dtype_name(array)
        if got != spec.dtype:
            message = f"expected {spec.dtype}, got {got}"
            raise self._error(Kind.DTYPE_MISMATCH, spec.name, message)
        reason = misfit(spec, array.shape, symbols, self.axes)
        if reason is not None:
            raise self._error(Kind.SHAPE_MISMATCH, spec.name, reason)

    def _error(self, kind: Kind, name: str, message: str) -> OxidizedVisionError:
        return OxidizedVisionError(
            kind,
            f"{self.model_name}: input {name!r} {message}",
            f"`oxidizedvision info {self.model_name}` lists names, types and shapes.",
        )


def spec_from_dict(data: Mapping[str, Any]) -> TensorSpec:
    """A spec from its JSON form."""
    return TensorSpec(data["name"], data["dtype"], tuple(data["dims"]))


def node_times_from_dicts(
    nodes: Sequence[Mapping[str, Any]] | None,
) -> tuple[NodeTime, ...] | None:
    """Time by node from its JSON form."""
    if nodes is None:
        return None
    return tuple(
        NodeTime(
            name=node["name"],
            op_type=node["op_type"],
            origins=tuple(node["origins"]),
            calls=node["calls"],
            total_ms=node["total_ms"],
        )
        for node in nodes
    )


def info_from_dict(data: Mapping[str, Any]) -> ModelInfo:
    """What was loaded, from its JSON form."""
    return ModelInfo(
        model=data["model"],
        backend=data["backend"],
        backend_version=data["backend_version"],
        inputs=tuple(spec_from_dict(spec) for spec in data["inputs"]),
        outputs=tuple(spec_from_dict(spec) for spec in data["outputs"]),
        threads=data["threads"],
        device=data["device"],
        axes=axis_ranges(data.get("axes", {})),
    )

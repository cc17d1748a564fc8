"""The two sides of a comparison, and what is known of the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.layers.engines import REFERENCE, Engine, RunnerEngine
from oxidizedvision.layers.graph import Graph
from oxidizedvision.onnx_file import read_onnx
from oxidizedvision.runners.table import availability, engine_named
from oxidizedvision.runners.target import UNAVAILABLE_KINDS

if TYPE_CHECKING:
    from onnx import ModelProto

    from oxidizedvision.core.tensors import Array

CHUNK_BYTES = 1 << 29
"""Of tensors that one run may be asked for, on top of the model's own."""

MOST_RUNS = 40
"""Before tensors that an engine does not give, or layers that it does not run, are given up."""


@dataclass(frozen=True)
class Side:
    """A model in an engine.

    values: by tensor, where they come from elsewhere, such as PyTorch; the model then tells how
    its nodes round. name: what reports call the model. calls: by tensor the call that gave it,
    `act#2`, of modules that are called several times. notes: what is not compared, and why.
    """

    model: ModelProto
    engine: Engine = REFERENCE
    name: str = "model"
    values: Mapping[str, Array] | None = None
    calls: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The model and its engine."""
        return self.name if self.values is not None else f"{self.name} in {self.engine.name}"


def engine_of(engine: str | Engine, seconds: float) -> Engine:
    """An engine as it is given, or the runner of this name with so much time.

    Raises:
        OxidizedVisionError: `usage` for an unknown name, `backend_unavailable` for one that is
            not ready.
    """
    if not isinstance(engine, str):
        return engine
    state = availability(engine_named(engine).name)
    if not state.ready:
        raise OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE, f"The runner {engine} is {state.status}", state.hint
        )
    return RunnerEngine(engine, seconds=seconds)


def side_of(model: str | Path | Side, engine: Engine) -> Side:
    """A side as it is given, or an ONNX file in this engine.

    Raises:
        OxidizedVisionError: `not_found`, `file_system`, `corrupt`, `unsupported`.
    """
    if isinstance(model, Side):
        return model
    path = Path(model)
    return Side(read_onnx(path), engine, path.name)


@dataclass
class Runs:
    """Runs the parts of one side's graph, in pieces that fit into memory, and counts the runs."""

    graph: Graph
    engine: Engine
    count: int = 0

    def values(
        self, wanted: Sequence[str], cases: Sequence[Mapping[str, Array]]
    ) -> list[dict[str, Array]]:
        """Tensors of the graph for each case.

        Raises:
            OxidizedVisionError: what the engine says.
        """
        found: list[dict[str, Array]] = [{} for _ in cases]
        for part in self.chunks(wanted):
            given = self.run(self.graph.with_outputs(part), cases)
            for case, got in zip(found, given, strict=True):
                case.update(got)
        return found

    def possible(self, wanted: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Those of the tensors that the engine gives, within a number of runs."""
        found: dict[str, Array] = {}
        left, groups = MOST_RUNS, self.chunks(wanted)
        while groups and left:
            group = groups.pop()
            left -= 1
            try:
                found |= self.run(self.graph.with_outputs(group), [inputs])[0]
            except OxidizedVisionError as error:
                if error.kind in UNAVAILABLE_KINDS:
                    raise
                half = len(group) // 2
                groups += [part for part in (group[:half], group[half:]) if half]
        return found

    def run(
        self, model: ModelProto, cases: Sequence[Mapping[str, Array]]
    ) -> list[dict[str, Array]]:
        """Load a model once and run it on what it takes of each case.

        Raises:
            OxidizedVisionError: what the engine says.
        """
        self.count += 1
        names = [value.name for value in model.graph.input]
        constants = {tensor.name for tensor in model.graph.initializer}
        taken = [name for name in names if name not in constants]
        return self.engine.answers(model, [{name: case[name] for name in taken} for case in cases])

    def chunks(self, wanted: Sequence[str]) -> list[list[str]]:
        """The tensors in groups of at most `CHUNK_BYTES`, as far as their sizes are known."""
        groups: list[list[str]] = [[]]
        filled = 0
        for name in wanted:
            size = self.graph.sizes.get(name, 0)
            if groups[-1] and filled + size > CHUNK_BYTES:
                groups.append([])
                filled = 0
            groups[-1].append(name)
            filled += size
        return [group for group in groups if group]


def checked_inputs(graph: Graph, inputs: Mapping[str, Array], name: str) -> dict[str, Array]:
    """The inputs that a graph takes.

    Raises:
        OxidizedVisionError: `missing_input`.
    """
    missing = [wanted for wanted in graph.inputs if wanted not in inputs]
    if missing:
        raise OxidizedVisionError(
            Kind.MISSING_INPUT,
            f"{name}: input {missing[0]!r} is missing; given: {', '.join(inputs) or 'none'}",
            "Both models must have inputs of the same names: `oxidizedvision info` lists them.",
        )
    return {wanted: inputs[wanted] for wanted in graph.inputs}

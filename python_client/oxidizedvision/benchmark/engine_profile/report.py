"""What a profile of the engines is asked for and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from oxidizedvision.benchmark.engine_profile import sums
from oxidizedvision.benchmark.engine_profile.sums import SideRow, Source
from oxidizedvision.benchmark.report import BenchmarkFailure
from oxidizedvision.core.errors import ExitCode, OxidizedVisionError
from oxidizedvision.runners.target import Unavailable

SCHEMA_VERSION = 1

Grouping = Literal["operator", "module"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)


@dataclass(frozen=True)
class EngineProfileOptions:
    """How to profile.

    Args:
        threads: Threads of one run.
        batch_size: Length of the leading axis of every input; None takes that of `shapes`, the
            config's, or 1.
        timeout_s: How long the process of one engine may take.
        shapes: Of inputs, by name, in place of the examples'.
    """

    threads: int = 1
    batch_size: int | None = None
    timeout_s: float = 600.0
    shapes: Mapping[str, Sequence[int]] | None = None


@dataclass(frozen=True)
class ProfiledNode:
    """A node of an engine's own graph; for `pytorch` a module without its children.

    Args:
        name: The engine's name of it, for `pytorch` the module's path.
        op_type: The engine's name of what it computes, for `pytorch` the module's class.
        calls: How often it ran in all runs together.
        ms: Milliseconds in one run, the mean of all.
        share: The part of all nodes' time, from 0 to 1.
        source: `file` for what does the work of nodes of the ONNX file, `added` for what the
            engine added, `unknown` where the nodes that it leads to are not in the file.
        operator: The ONNX operator that it stands for: that of its first origin. The engine's
            own `op_type` where there is none; None for `pytorch`.
        module: The path of the nn.Module that its first origin comes from, `.` for the network
            itself; None where that is not noted.
        origins: All nodes of the file that it does the work of, by name.
    """

    name: str
    op_type: str
    calls: int
    ms: float
    share: float
    source: Source
    operator: str | None
    module: str | None
    origins: tuple[str, ...]


@dataclass(frozen=True)
class ProfiledEngine:
    """An engine that told where its time goes.

    Args:
        name: The runner.
        engine_version: The engine's own.
        device: In use.
        threads: In use.
        run_ms: Milliseconds of one run without profiling, the mean of as many runs.
        nodes_ms: The sum of its nodes, in one run.
        nodes: In the order in which they ran.
        fused: How many nodes of the file run within the node of another, by operator.
    """

    name: str
    engine_version: str
    device: str
    threads: int
    run_ms: float
    nodes_ms: float
    nodes: tuple[ProfiledNode, ...]
    fused: dict[str, int]

    @property
    def knows_operators(self) -> bool:
        """Whether its time can be told by operator; `pytorch` tells by module alone."""
        return all(node.operator is not None for node in self.nodes)


@dataclass(frozen=True)
class UntoldEngine:
    """An engine that ran and cannot tell where its time goes; `run_ms` as in `ProfiledEngine`."""

    name: str
    engine_version: str
    run_ms: float


@dataclass(frozen=True)
class EngineProfile:
    """Where the time of a run goes in each engine, all times in milliseconds of one run.

    Args:
        schema_version: Of this document.
        model: The model's name.
        model_sha256: Of its ONNX file.
        machine: See `benchmark`.
        runs: How many runs each number is the mean of.
        batch_size: Inputs in one run.
        engines: Those that told.
        untold: Those that cannot.
        unavailable: Those that are not here.
        failures: Those that are here and failed.
        skip_unavailable: Whether engines that are not here are fine.
    """

    schema_version: int
    model: str
    model_sha256: str
    machine: dict[str, Any]
    runs: int
    batch_size: int
    engines: tuple[ProfiledEngine, ...]
    untold: tuple[UntoldEngine, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()
    failures: tuple[BenchmarkFailure, ...] = ()
    skip_unavailable: bool = False

    def by_operator(self) -> tuple[SideRow, ...]:
        """A row for each ONNX operator, the largest first; the rows of an engine add up to it."""
        return sums.side_by_side(
            {engine.name: engine.nodes for engine in self.engines if engine.knows_operators},
            sums.operator_key,
        )

    def by_module(self, depth: int | None = None) -> tuple[SideRow, ...]:
        """A row for each nn.Module, the largest first; the rows of an engine add up to it.

        Args:
            depth: How many parts of a path name a row, which sums what is below it. None keeps
                whole paths: a row is what the module does without its children.

        Raises:
            OxidizedVisionError: `usage` for a depth below 1.
        """
        return sums.side_by_side(
            {engine.name: engine.nodes for engine in self.engines}, sums.module_key(depth)
        )

    def rows(self, by: Grouping, depth: int | None = None) -> tuple[SideRow, ...]:
        """`by_operator` or `by_module`."""
        return self.by_operator() if by == "operator" else self.by_module(depth)

    @property
    def exit_code(self) -> ExitCode:
        """That of the first failure; 4 when an engine is missing and may not be; else 0.

        2 where engines ran and not one of them can tell.
        """
        if self.failures:
            return OxidizedVisionError(self.failures[0].kind, "").exit_code
        if self.unavailable and not self.skip_unavailable:
            return ExitCode.MISSING_PART
        if self.untold and not self.engines:
            return ExitCode.BAD_INPUT
        return ExitCode.DONE

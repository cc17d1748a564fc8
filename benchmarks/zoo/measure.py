"""One network through `convert` and every engine: what agrees with PyTorch, and how closely."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.zoo.architecture import Architecture
from benchmarks.zoo.weights import enliven, save_weights
from oxidizedvision import ConvertResult, OxidizedVisionError, convert, load
from oxidizedvision.config import load_config
from oxidizedvision.convert.source import build_network
from oxidizedvision.onnx_file import read_onnx
from oxidizedvision.onnx_notes import MODULE, all_nodes, note_of
from oxidizedvision.runners.table import ENGINES, Engine
from oxidizedvision.runners.torch_outputs import leaves

TOLERANCE = 1e-4
"""The largest difference, relative to the largest value of the reference."""

OWN_ROUNDINGS = 4
"""As many times PyTorch's own rounding are allowed where that is more."""

SMALLEST_REFERENCE = 1e-2
"""A reference that is smaller everywhere says nothing."""

SMALLEST_CHANGE = 5e-3
"""Nor does one that another picture changes by less, relative to the largest value."""

FORMATS = ("onnx", "pt")
SEED = 5

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A picture and PyTorch's answer, in the order of the network's outputs.

    rounding: the largest relative difference of that answer from the one in double precision.
    """

    picture: Array
    outputs: Sequence[Array]
    rounding: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What became of a network.

    engines: largest relative error, infinite where the engine fails or differs; reasons: why.
    tolerance: the largest error that agrees.
    nodes, traced: of the ONNX file, and how many carry the path of their module. failure: why it
    is not exported. notes: what `convert` warned of.
    """

    name: str
    family: str
    route: str = ""
    opset: int = 0
    engines: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = TOLERANCE
    nodes: int = 0
    traced: int = 0
    seconds: float = 0.0
    failure: str = ""
    notes: Sequence[str] = ()

    @property
    def working(self) -> list[str]:
        """The engines that agree with PyTorch."""
        return [name for name, error in self.engines.items() if error <= self.tolerance]

    @property
    def worst(self) -> float:
        """The largest error of an engine that agrees; NaN where none does."""
        errors = [self.engines[name] for name in self.working]
        return max(errors, default=float("nan"))


def measured(architecture: Architecture, folder: Path, engines: Sequence[Engine]) -> Outcome:
    """Convert a network and run its files everywhere; a failed conversion is an outcome.

    Raises:
        ValueError: nothing can be told from the network's answers.
    """
    start = time.monotonic()
    config = architecture.write_config(folder)
    network = prepared(architecture, config)
    cases = cases_of(architecture, network)
    outcome = Outcome(architecture.name, architecture.family)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = convert(config)
        except OxidizedVisionError as error:
            seconds = time.monotonic() - start
            return replace(outcome, failure=error.message, seconds=seconds)
    notes = [str(item.message) for item in caught if "Oxidized" in item.category.__name__]
    errors, reasons = verdicts(engines, result, cases)
    nodes, traced = paths_in(result.onnx)
    return replace(
        outcome,
        route=result.exporter,
        opset=result.opset_version,
        engines=errors,
        reasons=reasons,
        tolerance=tolerance_of(cases),
        nodes=nodes,
        traced=traced,
        seconds=time.monotonic() - start,
        notes=notes,
    )


def prepared(architecture: Architecture, config: Path) -> nn.Module:
    """The network with its weights; seeded ones are written where the config looks for them."""
    network = build_network(load_config(config))
    if architecture.checkpoint is not None:
        state = torch.load(architecture.checkpoint, weights_only=True)
        network.load_state_dict(state)
        return network.eval()
    seed = int.from_bytes(architecture.name.encode()) % (1 << 31)
    enliven(network, architecture.shape, seed)
    save_weights(network, architecture.weights(config.parent))
    return network


def cases_of(architecture: Architecture, network: nn.Module) -> list[Case]:
    """The example's shape, and another one where the config promises it.

    Raises:
        ValueError: seeded weights whose outputs are almost zero, or the same for every picture.
    """
    # The fused attention of PyTorch rounds otherwise than its parts do.
    torch.backends.mha.set_fastpath_enabled(False)
    generator = torch.Generator().manual_seed(SEED)
    shapes = dict.fromkeys((architecture.shape, architecture.other_shape))
    cases = [_case(network, shape, generator) for shape in shapes]
    if architecture.checkpoint is None:
        refuse_dull(architecture.name, cases[0], _case(network, architecture.shape, generator))
    return cases


def _case(network: nn.Module, shape: Sequence[int], generator: torch.Generator) -> Case:
    picture = torch.randn(shape, generator=generator)
    found = _answer(network, picture)
    try:
        exact = _answer(copy.deepcopy(network).double(), picture.double())
    except RuntimeError:  # it has numbers of single precision in its code
        exact = found
    return Case(picture.numpy(), found, case_error(found, exact))


def _answer(network: nn.Module, picture: torch.Tensor) -> list[Array]:
    with torch.no_grad():
        return [value.numpy() for _, value in leaves(network(picture.clone()))]


def tolerance_of(cases: Sequence[Case]) -> float:
    """The largest relative error that agrees: more where PyTorch itself rounds much."""
    return max(TOLERANCE, *(OWN_ROUNDINGS * case.rounding for case in cases))


def refuse_dull(name: str, first: Case, second: Case) -> None:
    """Make sure that a wrong answer would show.

    Raises:
        ValueError: an output is almost zero, or almost the same for both pictures.
    """
    for one, other in zip(first.outputs, second.outputs, strict=True):
        if np.abs(one).max(initial=0) < SMALLEST_REFERENCE:
            raise ValueError(f"{name}: an output is below {SMALLEST_REFERENCE}")
        if relative_error(other, one) < SMALLEST_CHANGE:
            raise ValueError(f"{name}: an output is the same for every picture")


def ready_engines() -> list[Engine]:
    """The engines that read what `convert` writes and can be used here, on the CPU."""
    readers = [engine for engine in ENGINES if set(engine.formats) & set(FORMATS)]
    return [e for e in readers if e.check().ready and "cpu" in e.devices()]


def verdicts(
    engines: Sequence[Engine], result: ConvertResult, cases: Sequence[Case]
) -> tuple[dict[str, float], dict[str, str]]:
    """By engine: the largest relative error, and why it is too large."""
    files = {"onnx": result.onnx, "pt": result.torchscript}
    errors, reasons = {}, {}
    for engine in engines:
        (file,) = (file for name, file in files.items() if name in engine.formats)
        errors[engine.name], reason = error_of(engine.name, file, cases)
        if reason:
            reasons[engine.name] = reason
    return errors, reasons


def error_of(engine: str, file: Path | None, cases: Sequence[Case]) -> tuple[float, str]:
    """The largest relative error over all cases, and what is wrong where it is too large."""
    if file is None:
        return float("inf"), "there is no such file"
    worst = 0.0
    try:
        with load(file, runner=engine, apart=True) as runner:
            (name,) = (spec.name for spec in runner.info.inputs)
            for case in cases:
                outputs = list(runner.run_named({name: case.picture}).values())
                worst = max(worst, case_error(outputs, case.outputs))
    except OxidizedVisionError as error:
        return float("inf"), error.message
    return worst, "" if worst <= tolerance_of(cases) else f"off by {worst:.1e} of the largest value"


def case_error(outputs: Sequence[Array], references: Sequence[Array]) -> float:
    """The largest relative error over all outputs."""
    if len(outputs) != len(references):
        return float("inf")
    return max(map(relative_error, outputs, references))


def relative_error(output: Array, reference: Array) -> float:
    """The largest difference, relative to the largest value; infinite for another shape or NaN."""
    if output.shape != reference.shape:
        return float("inf")
    off = float(np.abs(output - reference).max() / np.abs(reference).max())
    return off if np.isfinite(off) else float("inf")


def paths_in(onnx: Path) -> tuple[int, int]:
    """How many nodes a file has, and how many of them carry the path of their module."""
    nodes = list(all_nodes(read_onnx(onnx).graph))
    return len(nodes), sum(bool(note_of(node, MODULE)) for node in nodes)

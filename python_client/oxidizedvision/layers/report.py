"""What a comparison of layers found."""

from __future__ import annotations

from dataclasses import dataclass

from oxidizedvision.core.errors import ExitCode
from oxidizedvision.core.manifest import Precision
from oxidizedvision.layers.measures import Errors


@dataclass(frozen=True)
class Layer:
    """One tensor of the candidate that stands for one of the reference.

    Args:
        index: The place in the order in which the candidate makes them.
        tensor: The candidate's name of it.
        stands_for: The reference's name of it: another one where the candidate rounds a tensor.
        node: The ONNX node that makes it, by name, or by its first output where it has none.
        op_type: The node's operator.
        module: Path of the nn.Module that the node comes from; empty where the file does not tell.
            `act#2` is the second call, where PyTorch is the reference and calls it several times.
        nodes: All nodes between the tensors that both sides have and this one; `node` is the last.
        precision: What these work in.
        local: The error of these nodes alone, given the reference's inputs. None where it was not
            measured.
        accumulated: The error in a run of the whole candidate. None where it was not measured.
        renamed: Whether the candidate has another value under this name, which the next layers
            make up for: a tool that fuses nodes does that. It is no fault.
        failure: Why the engine cannot run these nodes alone; empty where it can. It is a fault
            only of a candidate that does not run as a whole either.
    """

    index: int
    tensor: str
    stands_for: str
    node: str
    op_type: str
    module: str
    nodes: tuple[str, ...]
    precision: Precision
    local: Errors | None = None
    accumulated: Errors | None = None
    renamed: bool = False
    failure: str = ""

    @property
    def faulty(self) -> bool:
        """Whether the layer itself differs, whatever came before it."""
        return not self.renamed and self.local is not None and self.local.diverges

    @property
    def excess(self) -> float:
        """How far beyond rounding its own error is; layers are ranked by it."""
        return self.local.excess if self.local is not None and not self.renamed else 0.0

    @property
    def strays(self) -> bool:
        """Whether rounding does not explain how far it is off in a run of the whole."""
        return not self.renamed and self.accumulated is not None and self.accumulated.diverges

    @property
    def title(self) -> str:
        """Module, node and operator as one text."""
        where = f"{self.module}: " if self.module else ""
        return f"{where}{self.node} ({self.op_type})"


@dataclass(frozen=True)
class OutputError:
    """One output of the whole model.

    relative_error: the largest difference over the reference's largest value. broken: the limits
    that do not hold, in words; empty where all do.
    """

    name: str
    relative_error: float
    broken: str = ""

    @property
    def moved(self) -> bool:
        """Whether it is beyond a limit."""
        return bool(self.broken)


@dataclass(frozen=True)
class LayerReport:
    """Two models, or one in two engines, layer by layer.

    Args:
        model: The candidate's name.
        reference: What it was compared with, and in which engine.
        candidate: What was compared, and in which engine.
        mode: `bisect` or `full`; with `bisect` only the layers that were looked at are here.
        layers: In the order in which the candidate makes them.
        first: The first layer that diverges: by its own error, or where no layer alone does, by
            the accumulated one. None where rounding explains everything.
        outputs: Of the whole model.
        failure: Why the candidate does not run as a whole; empty where it does.
        runs: How often a model was loaded and run.
        notes: What could not be compared.
    """

    model: str
    reference: str
    candidate: str
    mode: str
    layers: tuple[Layer, ...]
    first: Layer | None
    outputs: tuple[OutputError, ...]
    failure: str = ""
    runs: int = 0
    notes: tuple[str, ...] = ()

    @property
    def ranked(self) -> list[Layer]:
        """The layers that are at fault themselves, the worst first.

        Where no layer alone is, the first that diverges in the whole.
        """
        refused = [la for la in self.layers if la.failure] if self.failure else []
        faulty = sorted((la for la in self.layers if la.faulty), key=lambda la: -la.excess)
        return refused + faulty or ([self.first] if self.first is not None else [])

    @property
    def moved(self) -> list[OutputError]:
        """The outputs that are beyond a limit."""
        return [output for output in self.outputs if output.moved]

    @property
    def at_fault(self) -> bool:
        """Whether a layer by itself, or an output of the whole, differs by more than rounding."""
        names = {output.name for output in self.outputs}
        return any(
            layer.faulty or (layer.tensor in names and layer.strays) for layer in self.layers
        )

    @property
    def passed(self) -> bool:
        """Whether no layer is at fault, no output is beyond a limit and the candidate runs."""
        return not (self.at_fault or self.moved or self.failure)

    @property
    def exit_code(self) -> ExitCode:
        """The code that the command line ends with."""
        return ExitCode.DONE if self.passed else ExitCode.CHECK_FAILED


def first_diverging(layers: tuple[Layer, ...], *, runs: bool) -> Layer | None:
    """The first layer at fault; else the first whose accumulated error rounding does not explain.

    Where the candidate does not run, a layer that does not run alone is at fault.
    """
    for layer in layers:
        if layer.faulty or (layer.failure and not runs):
            return layer
    return next((layer for layer in layers if layer.strays), None)

"""Layer by layer: where a model starts to differ from its reference, and the least that still does.

`compare` finds the first layer that diverges and tells its own error from what came before it;
`reduce` cuts out the smallest part that still fails and writes it down so that others can run it.
"""

from oxidizedvision.layers.engines import REFERENCE, Engine, RunnerEngine
from oxidizedvision.layers.limits import TOLERANCE, OutputLimits
from oxidizedvision.layers.measures import Errors
from oxidizedvision.layers.pytorch import pytorch_side
from oxidizedvision.layers.reduction import Reduction, reduce
from oxidizedvision.layers.report import Layer, LayerReport, OutputError
from oxidizedvision.layers.sides import Side
from oxidizedvision.layers.target import LayerReports, reduce_target, validate_layers
from oxidizedvision.layers.verb import compare

__all__ = [
    "REFERENCE",
    "TOLERANCE",
    "Engine",
    "Errors",
    "Layer",
    "LayerReport",
    "LayerReports",
    "OutputError",
    "OutputLimits",
    "Reduction",
    "RunnerEngine",
    "Side",
    "compare",
    "pytorch_side",
    "reduce",
    "reduce_target",
    "validate_layers",
]

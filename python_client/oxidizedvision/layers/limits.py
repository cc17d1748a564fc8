"""What the outputs of a whole model are held to: the limits that `validate` holds them to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oxidizedvision.config.validation import DEFAULT_LIMITS
from oxidizedvision.layers.measures import relative_error
from oxidizedvision.layers.report import OutputError
from oxidizedvision.meaning import Meaning
from oxidizedvision.validate.compare import verdict
from oxidizedvision.validate.limits import Rules

if TYPE_CHECKING:
    from oxidizedvision.core.manifest import Precision
    from oxidizedvision.core.tensors import Array

TOLERANCE = 1e-4
"""Of FP32 where nothing tells limits: the largest difference over the largest value."""


@dataclass(frozen=True)
class OutputLimits:
    """The limits of a model's outputs.

    rules: those of `validate`. tolerance: where there are none, of the largest difference of an
    output over its largest value. expected: by output what PyTorch gives, where that is known.
    """

    rules: Rules | None = None
    tolerance: float = TOLERANCE
    expected: Mapping[str, Array] = field(default_factory=dict)

    def error(self, name: str, reference: Array, got: Array) -> OutputError:
        """How far an output is from what it should be, and whether that breaks a limit."""
        wanted = self.expected.get(name, reference)
        distance = relative_error(wanted, got)
        if self.rules is None:
            over = not distance <= self.tolerance
            said = f"off by {distance:.3g} of the largest value, {self.tolerance:g} is allowed"
            return OutputError(name, distance, said if over else "")
        found = verdict("", wanted, got, self.rules.tolerances(name), self.rules.meaning)
        return OutputError(name, distance, found.reason)


def limits_of(precision: Precision, tolerance: float | None) -> OutputLimits:
    """Those of a model without a manifest: a tolerance, or the defaults of its precision."""
    if tolerance is not None:
        return OutputLimits(tolerance=tolerance)
    if precision == "fp32":
        return OutputLimits()
    return OutputLimits(Rules(precision, DEFAULT_LIMITS[precision], {}, {}, Meaning()))

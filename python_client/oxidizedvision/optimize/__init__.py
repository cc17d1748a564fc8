"""A smaller and faster model with the same answers, or answers within a budget."""

from oxidizedvision.optimize.report import OptimizeResult, OptimizeStep
from oxidizedvision.optimize.smaller import QuantizeOptions
from oxidizedvision.optimize.verb import optimize

__all__ = ["OptimizeResult", "OptimizeStep", "QuantizeOptions", "optimize"]

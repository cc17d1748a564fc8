"""The smallest part of a model that still fails, and a folder with all that it takes to run it."""

from oxidizedvision.layers.reduction.verb import Reduction, reduce

__all__ = ["Reduction", "reduce"]

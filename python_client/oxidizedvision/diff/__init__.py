"""Two results compared, and whether the later one is worse."""

from oxidizedvision.diff.report import METRICS, Difference, DiffOptions, DiffReport, SideSummary
from oxidizedvision.diff.sides import Side
from oxidizedvision.diff.verb import against, diff, read_side

__all__ = [
    "METRICS",
    "DiffOptions",
    "DiffReport",
    "Difference",
    "Side",
    "SideSummary",
    "against",
    "diff",
    "read_side",
]

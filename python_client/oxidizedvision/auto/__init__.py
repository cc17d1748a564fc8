"""The engine, threads and batch that win for a goal, chosen by measuring."""

from oxidizedvision.auto.report import Choice, ChoiceRow, ChooseOptions, Dropped, Question
from oxidizedvision.auto.verb import choose
from oxidizedvision.core.goals import AUTO, GOALS

__all__ = [
    "AUTO",
    "GOALS",
    "Choice",
    "ChoiceRow",
    "ChooseOptions",
    "Dropped",
    "Question",
    "choose",
]

"""The `budget` of a config against what was measured: which limit is kept, and by whom.

A budget is kept when one candidate keeps every limit at once. The median decides on latency; it is
kept surely when the upper end of its confidence interval is within the limit too.
"""

from oxidizedvision.budget.checks import (
    budget_of,
    check,
    check_packaged,
    check_shipped,
    failing_runners,
    figures_of,
    keeps,
)
from oxidizedvision.budget.report import (
    BudgetFigure,
    BudgetReport,
    Lever,
    LeverFigure,
    budget_from,
    levers_from,
)

__all__ = [
    "BudgetFigure",
    "BudgetReport",
    "Lever",
    "LeverFigure",
    "budget_from",
    "budget_of",
    "check",
    "check_packaged",
    "check_shipped",
    "failing_runners",
    "figures_of",
    "keeps",
    "levers_from",
]

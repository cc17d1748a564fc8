"""The names of what `auto` may choose for."""

from __future__ import annotations

from oxidizedvision.core.errors import Kind, OxidizedVisionError

AUTO = "auto"
"""The name that asks for a choice in place of an engine's."""

DEFAULT_GOAL = "latency"
GOALS = (DEFAULT_GOAL, "throughput", "memory", "size", "cold-start")


def refuse_goal(goal: str | None) -> None:
    """Refuse a goal where an engine is named and nothing is chosen.

    Raises:
        OxidizedVisionError: `usage`.
    """
    if goal is not None:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"The goal {goal} means nothing where the engine is named",
            "Name auto, which chooses by the goal, or leave the goal out.",
        )

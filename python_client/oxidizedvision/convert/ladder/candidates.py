"""Which exporter is tried at which opset, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

from oxidizedvision.convert.export import Route
from oxidizedvision.convert.export.routes import (
    NEWEST_DYNAMO,
    NEWEST_TRACED,
    OLDEST_DYNAMO,
    OLDEST_TRACED,
)
from oxidizedvision.core.errors import Kind, OxidizedVisionError

_THOROUGH_OPSETS = (17, 20)
_ORDER: tuple[tuple[Route, ...], ...] = (("dynamo", "torchscript"), ("script",))
_OPSET_RANGE: dict[Route, tuple[int, int]] = {
    "dynamo": (OLDEST_DYNAMO, NEWEST_DYNAMO),
    "torchscript": (OLDEST_TRACED, NEWEST_TRACED),
    "script": (OLDEST_TRACED, NEWEST_TRACED),
}


@dataclass(frozen=True)
class Candidate:
    """An exporter at an opset."""

    route: Route
    opset: int

    @property
    def text(self) -> str:
        """For people: `dynamo at opset 18`."""
        return f"{self.route} at opset {self.opset}"


@dataclass(frozen=True)
class Wish:
    """What the user asks of the export.

    exporter: `auto`, or the only one that will do. demanded: whether `opset` is a demand, and
    not the default. thorough: whether to try everything.
    """

    exporter: str
    opset: int
    demanded: bool
    thorough: bool = False


def first_candidates(wish: Wish) -> list[Candidate]:
    """What is tried, in order, before anything is known of the network.

    At each opset `torch.export` comes first, then the trace; script comes last, since its graphs
    keep branches and loops that few engines run. `torch.export` starts at opset 18, so at the
    default the trace is the first that can be had.

    Raises:
        OxidizedVisionError: `export` when nothing can write the opset, or the exporter asked for
            cannot.
    """
    opsets = _opsets(wish)
    found = [
        Candidate(route, opset)
        for routes in _ORDER
        for opset in opsets
        for route in routes
        if wish.exporter in ("auto", route) and _writes(route, opset)
    ]
    if not wish.thorough:
        # One opset of each exporter: another one is tried where an operator needs it.
        found = [c for c in found if c == next(f for f in found if f.route == c.route)]
    if found:
        return found
    ranges = "; ".join(f"{route} {low} to {high}" for route, (low, high) in _OPSET_RANGE.items())
    exporter = "" if wish.exporter == "auto" else f" by {wish.exporter}"
    raise OxidizedVisionError(
        Kind.EXPORT,
        f"Opset {wish.opset} cannot be exported{exporter}",
        f"Opsets that can be had: {ranges}. Set export.opset_version to one, or leave it out.",
    )


def _opsets(wish: Wish) -> list[int]:
    """The opset asked for, and others where that was only the default."""
    if wish.demanded:
        return [wish.opset]
    others = _THOROUGH_OPSETS if wish.thorough else ()
    return list(dict.fromkeys([wish.opset, OLDEST_DYNAMO, *others]))


def _writes(route: Route, opset: int) -> bool:
    low, high = _OPSET_RANGE[route]
    return low <= opset <= high

"""What `validate --layers` and `validate --reduce` print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oxidizedvision.cli.render import Facts, Table, View, number_text

if TYPE_CHECKING:
    from oxidizedvision.layers import Errors, Layer, LayerReport, Reduction

MOST_ROWS = 20
_COLUMNS = (
    "module",
    "node",
    "operator",
    "precision",
    "own SQNR",
    "of rounding",
    "accumulated SQNR",
    "of rounding",
    "largest error",
    "cosine",
)


def report_views(report: LayerReport, most: int = MOST_ROWS) -> list[View]:
    """The layers around the first that diverges and the worst ones, the outputs, the verdict."""
    shown = _shown(report, most)
    bad = frozenset(n for n, layer in enumerate(shown) if layer.faulty or layer is report.first)
    title = f"{report.candidate} against {report.reference}"
    rows = [_row(layer) for layer in shown]
    views: list[View] = [Table(_COLUMNS, rows, title, bad, numbers_from=4)] if rows else []
    left = len(report.layers) - len(shown)
    if left > 0:
        views.append(f"… and {left} more layer{'s' if left > 1 else ''}")
    views += [f"note: {note}" for note in report.notes]
    views += [
        f"{output.name}: off by {output.relative_error:.3g} of the largest value, "
        f"{output.tolerance:g} is allowed"
        for output in report.moved
    ]
    return [*views, verdict(report)]


def verdict(report: LayerReport) -> str:
    """The finding as one line."""
    if report.failure:
        where = f"; it begins at {report.first.title}" if report.first is not None else ""
        return f"FAILED: {report.candidate} does not run: {report.failure}{where}"
    if report.first is None:
        return f"no layer diverges: rounding explains all of {report.candidate}"
    layer = report.first
    if layer.faulty:
        times = number_text(layer.excess)
        return f"first diverging layer: {layer.title}, {times} times what rounding explains"
    return (
        f"first diverging layer: {layer.title}, in a run of the whole; alone it is right, so the "
        "engine's joining of nodes may be at fault: --reduce tells which"
    )


def reduction_views(reduction: Reduction) -> list[View]:
    """What is left of a model that fails, and where it was written."""
    if not reduction.failing:
        return [f"{reduction.model} does not fail in {reduction.engine}: nothing was written"]
    pairs = list(zip(reduction.nodes, reduction.operators, strict=True))
    left = f"{len(pairs)} of {reduction.nodes_before} nodes, after {reduction.tried} tries"
    facts = [("fails", reduction.kind), ("how", reduction.message), ("left", left)]
    if reduction.folder is not None:
        facts.append(("written to", str(reduction.folder)))
    return [Table(("node", "operator"), pairs), Facts(facts)]


def _shown(report: LayerReport, most: int) -> Sequence[Layer]:
    """The faulty ones, and those that come just before the first; else the worst of all."""
    if len(report.layers) <= most:
        return report.layers
    ranked = sorted(report.layers, key=_worst, reverse=True)[:most]
    if report.first is not None:
        around = [la for la in report.layers if 0 <= report.first.index - la.index <= 2]
        ranked = [*around, *(la for la in ranked if la not in around)][:most]
    return sorted(ranked, key=lambda layer: layer.index)


def _worst(layer: Layer) -> float:
    found = [e.excess for e in (layer.local, layer.accumulated) if e is not None]
    return max(found, default=0.0)


def _row(layer: Layer) -> tuple[str, ...]:
    measured = layer.local or layer.accumulated
    return (
        layer.module or "–",
        layer.node,
        layer.op_type,
        layer.precision,
        *_ratio(layer.local, layer.failure),
        *_ratio(layer.accumulated, ""),
        number_text(measured.max_error if measured else None),
        number_text(measured.cosine if measured else None, ".6f"),
    )


def _ratio(errors: Errors | None, failure: str) -> tuple[str, str]:
    if errors is None:
        return ("fails" if failure else "–"), "–"
    if errors.rms == 0:
        return "exact", "0"
    return f"{errors.sqnr_db:.1f}", f"{errors.excess:.3g}"

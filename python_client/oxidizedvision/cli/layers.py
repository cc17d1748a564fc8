"""What `validate --layers` and `validate --reduce` print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.cli.missing import unavailable_views
from oxidizedvision.cli.render import Facts, Screen, Table, View, number_text
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.layers import Errors, Layer, LayerReport, Reduction

MOST_ROWS = 20


@dataclass(frozen=True)
class LayersAsked:
    """What `validate --layers` and `--reduce` were asked for."""

    target: Path
    runners: list[str] | None
    full: bool
    folder: Path | None
    layers: bool
    shapes: dict[str, tuple[int, ...]]


def show_layers(
    screen: Screen, asked: LayersAsked, files: dict[str, Path], others: Sequence[object]
) -> ExitCode:
    """Compare layer by layer, or reduce, and show what was found.

    Raises:
        OxidizedVisionError: `usage` for flags that belong to the other ways to validate.
    """
    _refuse(asked, others)
    with screen.working() as notify:
        if asked.folder is not None:
            from oxidizedvision.layers import reduce_target

            (runner,) = asked.runners or ["onnxruntime"]
            reduction = reduce_target(
                asked.target, asked.folder, runner=runner, shapes=asked.shapes, notify=notify
            )
        else:
            from oxidizedvision.layers import validate_layers

            found = validate_layers(
                asked.target,
                runners=asked.runners,
                full=asked.full,
                shapes=asked.shapes,
                notify=notify,
            )
    if asked.folder is not None:
        screen.show(reduction, *reduction_views(reduction))
        return reduction.exit_code
    if "html" in files:
        from oxidizedvision.report.layer_page import write_html

        write_html(found, files["html"])
    views = [view for report in found.reports for view in report_views(report)]
    screen.show(found, *views, *unavailable_views(found.unavailable))
    return found.exit_code


def refuse_shape(given: Sequence[str] | None) -> None:
    """Refuse --shape without what it belongs to.

    Raises:
        OxidizedVisionError: `usage`.
    """
    if given:
        raise OxidizedVisionError(
            Kind.USAGE, "--shape says something about --layers and --reduce", "Give one of them."
        )


def _refuse(asked: LayersAsked, others: Sequence[object]) -> None:
    both = asked.folder is not None and (asked.layers or asked.full)
    if both or any(value is not None for value in others):
        raise OxidizedVisionError(
            Kind.USAGE,
            "--layers and --reduce go with --runner, --shape, --full and --html alone",
            "Validate apart for the other flags, and reduce apart from --layers.",
        )
    if asked.full and not asked.layers:
        raise OxidizedVisionError(
            Kind.USAGE, "--full says something about --layers", "Give --layers as well."
        )
    if asked.folder is not None and len(asked.runners or ["one"]) != 1:
        raise OxidizedVisionError(Kind.USAGE, "--reduce is about one runner", "Give --runner once.")


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
    from oxidizedvision.layers.words import verdict

    shown = _shown(report, most)
    bad = frozenset(n for n, layer in enumerate(shown) if layer.faulty or layer is report.first)
    title = f"{report.candidate} against {report.reference}"
    rows = [_row(layer) for layer in shown]
    views: list[View] = [Table(_COLUMNS, rows, title, bad, numbers_from=4)] if rows else []
    left = len(report.layers) - len(shown)
    if left > 0:
        views.append(f"… and {left} more layer{'s' if left > 1 else ''}")
    views += [f"note: {note}" for note in report.notes]
    views += [f"{output.name}: {output.broken}" for output in report.moved]
    return [*views, verdict(report)]


def reduction_views(reduction: Reduction) -> list[View]:
    """What is left of a model that fails, and where it was written."""
    if not reduction.failing:
        kept = "its outputs keep their limits, and no layer differs by more than rounding"
        where = f"{reduction.model} in {reduction.engine}"
        return [f"{where} does not fail: {kept}. Nothing was written"]
    if not reduction.nodes:
        return [
            f"FAILED: {reduction.model} in {reduction.engine}: {reduction.message}",
            "No part of it fails by itself: the rounding of all of it adds up. Nothing was written",
        ]
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
    if layer.renamed:
        return -1.0
    found = [e.excess for e in (layer.local, layer.accumulated) if e is not None]
    return max(found, default=0.0)


def _row(layer: Layer) -> tuple[str, ...]:
    measured = layer.local or layer.accumulated
    names = (layer.module or "–", layer.node, layer.op_type, layer.precision)
    if layer.renamed:
        return (*names, "other value", *("–" for _ in _COLUMNS[5:]))
    return (
        *names,
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

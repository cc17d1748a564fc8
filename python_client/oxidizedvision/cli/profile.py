"""`oxidizedvision profile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from oxidizedvision.cli.flags import JsonFlag, ShapeFlag, shapes_of
from oxidizedvision.cli.render import Facts, Table, View, number_text, screen_of, size_text
from oxidizedvision.core.errors import Kind, OxidizedVisionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxidizedvision.profile import LayerRow, Measure, ProfileReport, TimeReport


def profile(
    ctx: typer.Context,
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A config.yml (PyTorch) or an .onnx file.")
    ],
    shape: ShapeFlag = None,
    time: Annotated[bool, typer.Option(help="Run the model and time every layer.")] = True,
    sort: Annotated[
        Literal["time", "macs", "parameters", "memory"] | None,
        typer.Option(help="Show the largest layers first; the model's order where not given."),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, help="Show so many layers, the slowest where --sort is not given."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write a page with a chart; a .svg is the chart alone."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Count parameters, MACs and memory, and time every layer.

    A config's network runs in PyTorch, an .onnx file in ONNX Runtime, on one thread each.
    """
    del as_json
    if sort == "time" and not time:
        raise OxidizedVisionError(
            Kind.USAGE, "--sort time needs the times that --no-time leaves out", "Give one of them."
        )
    shapes = shapes_of(shape or [])
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.profile import profile as work

        result = work(target, shapes=shapes, time=time, notify=notify)
        if report is not None:
            from oxidizedvision.report.profile import write_profile

            write_profile(result, report)
    screen.show(result, *report_views(result, sort, top))


def report_views(
    report: ProfileReport, sort: Measure | None = None, top: int | None = None
) -> list[View]:
    """The table of layers, what it leaves out, the totals, and what to know about them."""
    from oxidizedvision.profile import sorted_layers

    if sort is None and top is not None:
        sort = "time" if report.time else "macs"
    layers = list(report.layers) if sort is None else sorted_layers(report.layers, sort)
    shown = layers[:top]
    views: list[View] = [_table(report, shown)]
    if len(shown) < len(layers):
        views.append(_rest(report, layers[len(shown) :]))
    if any(layer.timed == "fused" for layer in shown):
        views.append("fused: the time is in the layer that --json names")
    if any(layer.timed == "not_run" for layer in shown):
        views.append("not run: nothing called it; its parent may use its weights")
    views.append(Facts(_facts(report)))
    return [*views, *(f"note: {note}" for note in report.notes)]


def _table(report: ProfileReport, layers: Sequence[LayerRow]) -> Table:
    columns = ["layer", "type", "output", "parameters", "MACs", "%", "memory"]
    rows = [
        [
            layer.path,
            layer.type,
            "×".join(map(str, layer.output_shape)),
            _count(layer.parameters),
            _count(layer.macs),
            _percent(layer.macs, report.macs),
            _bytes(layer.activation_bytes),
        ]
        for layer in layers
    ]
    if report.time is not None:
        columns += ["ms", "%"]
        cells = [_time_cells(layer, report.time) for layer in layers]
        rows = [row + more for row, more in zip(rows, cells, strict=True)]
    return Table(columns, rows, report.model, numbers_from=3)


def _time_cells(layer: LayerRow, time: TimeReport) -> list[str]:
    if layer.time_ms is None:
        return [layer.timed.replace("_", " "), ""]
    return [f"{layer.time_ms:.3f}", f"{time.share(layer.time_ms):.1%}"]


def _rest(report: ProfileReport, layers: Sequence[LayerRow]) -> str:
    parts = [f"{_count(sum(layer.macs or 0 for layer in layers))} MACs"]
    if report.time is not None:
        parts.append(f"{sum(layer.time_ms or 0 for layer in layers):.3f} ms")
    return f"… and {len(layers)} more layer{'s'[: len(layers) - 1]}: {', '.join(parts)}"


def _facts(report: ProfileReport) -> list[tuple[str, str]]:
    sizes = ", ".join(f"{dtype} {size_text(size)}" for dtype, size in report.bytes_by_dtype.items())
    where = f", in {report.peak_layer}" if report.peak_layer else ""
    pairs = [
        ("inputs", ", ".join(f"{spec.name} {spec.dims_text()}" for spec in report.inputs)),
        ("parameters", f"{report.parameters:,}"),
        ("buffers", f"{report.buffers:,}"),
        ("MACs", number_text(report.macs, ",d")),
        ("size", f"{size_text(report.bytes)} ({sizes})" if sizes else size_text(report.bytes)),
        ("activations", f"{_bytes(report.activation_bytes)} made in one run"),
        ("peak", f"{_bytes(report.peak_bytes)} held at one time{where}"),
    ]
    if report.not_counted:
        pairs.append(("not counted", ", ".join(report.not_counted)))
    return pairs + (_time_facts(report.time) if report.time else [])


def _time_facts(time: TimeReport) -> list[tuple[str, str]]:
    how = (
        f"{time.engine} {time.engine_version}, {time.threads} thread, {time.runs} runs after "
        f"{time.warmup_runs}"
    )
    split = f"{time.layers_ms:.3f} ms in layers, {time.other_ms:.3f} ms in none"
    return [("time", f"{time.total_ms:.3f} ms: {split}"), ("measured with", how)]


def _count(count: int | None) -> str:
    from oxidizedvision.report.layers import count_text

    return "–" if count is None else count_text(count)


def _percent(part: int | None, whole: int | None) -> str:
    return "" if not part or not whole else f"{part / whole:.1%}"


def _bytes(size: int | None) -> str:
    return "–" if size is None else size_text(size)

"""What became of a smaller precision, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxidizedvision.cli.render import Facts, Table, View, number_text, size_text

if TYPE_CHECKING:
    from oxidizedvision.quantize.report import LayerSensitivity, QuantizationReport, Trial

_LAYERS_SHOWN = 12


def quantization_views(report: QuantizationReport) -> list[View]:
    """The trials, the layers that matter, and the verdict."""
    name = report.precision.upper()
    views: list[View] = [Facts(_facts(report))]
    trials = [_trial(trial) for trial in report.trials]
    if trials:
        columns = ("tried", report.metric, "drop", "size", "rough ms", "in float", "")
        views.append(Table(columns, trials, f"{name} on {report.engine}", numbers_from=1))
    if report.sensitivity:
        shown = report.sensitivity[:_LAYERS_SHOWN]
        rows = [(_layer(row), row.op_type, number_text(row.drop), row.state) for row in shown]
        title = f"what each layer alone does to {report.metric}, the worst first"
        views.append(Table(("layer", "operator", "drop", "computes in"), rows, title))
    views += list(report.notes)
    views.append(f"{name} {'kept' if report.kept else 'REFUSED'}: {report.reason}")
    return views


def _facts(report: QuantizationReport) -> list[tuple[str, str]]:
    facts = [
        ("calibrated on", f"{report.samples} inputs: {report.calibration}"),
        ("budget", f"{report.metric} at most {report.max_drop:g} below FP32's"),
        ("drop", number_text(report.drop)),
        (
            "weights",
            f"{size_text(report.weight_bytes_before)}, {size_text(report.weight_bytes_after)}",
        ),
        ("layers in float", f"{len(report.float_layers)} of {report.layers}"),
    ]
    if report.int8_nodes is not None:
        facts.append(("nodes in INT8", f"{report.int8_nodes}, by {report.engine}'s own graph"))
    if report.timing is not None:
        timing = report.timing
        low, high = timing.interval
        times = f"{timing.ratio:.2f} times ({low:.2f} to {high:.2f})"
        text = f"FP32 {timing.fp32_ms:.2f} ms, {timing.ms:.2f} ms: {times}"
        facts.append(("latency", text))
    return facts


def _trial(trial: Trial) -> tuple[str, ...]:
    if trial.failed:
        return (trial.name, "failed", "", "", "", str(trial.float_layers), trial.failed)
    marks = ("keeps the budget" if trial.keeps else "", "Pareto" if trial.pareto else "")
    return (
        trial.name,
        number_text(trial.metric),
        number_text(trial.drop),
        size_text(trial.bytes or 0),
        number_text(trial.latency_ms),
        str(trial.float_layers),
        ", ".join(filter(None, marks)),
    )


def _layer(row: LayerSensitivity) -> str:
    return f"{row.module} ({row.layer})" if row.module else row.layer

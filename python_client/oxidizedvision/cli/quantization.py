"""What became of a smaller precision, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxidizedvision.cli.render import Facts, Table, View, number_text, size_text
from oxidizedvision.core.text import counted

if TYPE_CHECKING:
    from oxidizedvision.quantize.report import LayerSensitivity, QuantizationReport, Timing, Trial

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
    views += [*report.notes, *_coarse(report)]
    views.append(f"{name} {'kept' if report.kept else 'REFUSED'}: {report.reason}")
    return views


def _facts(report: QuantizationReport) -> list[tuple[str, str]]:
    facts = [
        ("measured on", counted(report.judged, "input")),
        ("budget", f"{report.metric} at most {report.max_drop:g} below FP32's"),
        ("drop", number_text(report.drop)),
        (
            "weights",
            f"{size_text(report.weight_bytes_before)}, {size_text(report.weight_bytes_after)}",
        ),
        ("layers in float", f"{len(report.float_layers)} of {report.layers}"),
    ]
    if report.precision == "int8" and report.samples:
        facts.insert(
            0, ("calibrated on", f"{counted(report.samples, 'input')}: {report.calibration}")
        )
    if report.precision == "int8" and report.int8_nodes is not None:
        facts.append(("nodes in INT8", f"{report.int8_nodes}, by {report.engine}'s own graph"))
    if report.timing is not None:
        facts.append(("latency", _latency(report.timing, report.precision.upper())))
    return facts


def _latency(timing: Timing, name: str) -> str:
    from oxidizedvision.benchmark.words import ms_text

    low, high = timing.interval
    times = f"{timing.ratio:.2f} times ({low:.2f} to {high:.2f})"
    before, after = (
        number_text(ms) if ms < 1 else ms_text(ms) for ms in (timing.fp32_ms, timing.ms)
    )
    return f"FP32 {before} ms, {name} {after} ms: {times}"


def _coarse(report: QuantizationReport) -> list[str]:
    """A warning where one answer decides."""
    if report.metric != "top1" or not report.judged or 1 / report.judged <= report.max_drop:
        return []
    step = f"one answer of {counted(report.judged, 'input')} is {1 / report.judged:.3g}"
    allowed = f"more than the drop of {report.max_drop:g} that is allowed"
    return [f"top1 is coarse here: {step}, {allowed}; give budget.data more inputs."]


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

"""What a comparison of layers found, in words."""

from __future__ import annotations

from oxidizedvision.layers.report import LayerReport


def verdict(report: LayerReport) -> str:
    """The finding as one line."""
    if report.failure:
        where = f"; it begins at {report.first.title}" if report.first is not None else ""
        return f"FAILED: {report.candidate} does not run: {report.failure}{where}"
    if report.first is None and report.moved:
        names = ", ".join(output.name for output in report.moved)
        return (
            f"FAILED: {names} is beyond what is allowed, though no layer alone is at fault: the "
            f"rounding of all of {report.candidate} adds up to it"
        )
    if report.first is None:
        return f"no layer diverges: rounding explains all of {report.candidate}"
    if report.passed:
        return (
            f"no layer is at fault: {report.first.title} is off in a run of the whole by more than "
            "rounding explains, but is right alone, and no output is off"
        )
    layer = report.first
    if layer.faulty:
        times = f"{layer.excess:.3g}"
        return f"first diverging layer: {layer.title}, {times} times what rounding explains"
    return (
        f"first diverging layer: {layer.title}, in a run of the whole; alone it is right, so the "
        "engine's joining of nodes may be at fault: --reduce tells which"
    )

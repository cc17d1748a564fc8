"""`report.json` for programs and `report.html` for people, from the results of a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from oxidizedvision.core.files import write_text
from oxidizedvision.core.manifest import Manifest
from oxidizedvision.report.charts import bar_chart
from oxidizedvision.report.layers import layer_chart
from oxidizedvision.report.page import render
from oxidizedvision.report.pictures import as_data_uri

SCHEMA_VERSION = 1
Plain = dict[str, Any]


def write_report(
    folder: Path, manifest: Manifest, results: dict[str, Plain], stages: list[Plain]
) -> tuple[Plain, Path, Path]:
    """Write both reports into `folder`; gives the document and the two paths."""
    document = report_document(manifest, results, stages)
    report_json, report_html = folder / "report.json", folder / "report.html"
    write_text(report_json, json.dumps(document, indent=2, allow_nan=False) + "\n")
    write_text(report_html, render_html(document))
    return document, report_json, report_html


def report_document(manifest: Manifest, results: dict[str, Plain], stages: list[Plain]) -> Plain:
    """The content of `report.json`; `schema_version` comes first."""
    return {
        "schema_version": SCHEMA_VERSION,
        "oxidizedvision": metadata.version("oxidizedvision"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": {
            "name": manifest.name,
            "source": manifest.source.model_dump(mode="json"),
            "inputs": [spec.model_dump(mode="json") for spec in manifest.inputs],
            "outputs": [spec.model_dump(mode="json") for spec in manifest.outputs],
            "opset_version": results["convert"]["opset_version"],
        },
        "passed": results["validate"]["passed"],
        "validation": results["validate"],
        "benchmark": results["benchmark"],
        "profile": results["profile"],
        "optimize": results["optimize"],
        "package": results["package"],
        "files": _files(manifest, results["package"]),
        "pictures": results["pictures"]["pictures"],
        "stages": stages,
        "tools": manifest.tools,
    }


def render_html(document: Plain) -> str:
    """The document as one HTML file that needs nothing from outside."""
    from oxidizedvision.benchmark.reading import report_from
    from oxidizedvision.report.benchmark import measured_parts
    from oxidizedvision.report.validation import parity_parts
    from oxidizedvision.validate.reading import report_from as validation_from

    sizes = [(row["name"], row["bytes"] / 1e6, None) for row in document["files"]]
    return render(
        "report.html.j2",
        filters={
            "data_uri": lambda path: as_data_uri(Path(path)),
            "size": size_text,
            "short": short_number,
        },
        report=document,
        measured=measured_parts(report_from(document["benchmark"])),
        parity=parity_parts(validation_from(document["validation"])),
        layer_chart=layer_chart(document["profile"]),
        size_chart=bar_chart(sizes, "MB"),
    )


def size_text(count: int) -> str:
    """Bytes as a person reads them: `88.6 kB`."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1e3:.1f} kB"
    return f"{count / 1e6:.2f} MB"


def short_number(value: float | None) -> str:
    """A measured number in four significant digits; a dash for what could not be computed."""
    if value is None:
        return "–"
    return f"{value:.4g}"


def _files(manifest: Manifest, package: Plain) -> list[Plain]:
    names = {
        "torchscript": "TorchScript",
        "onnx": "ONNX",
        "optimize": "ONNX, optimised",
        "fp16": "ONNX, FP16",
        "int8": "ONNX, INT8",
    }
    rows = [
        {"name": names.get(stage.name, stage.name), **stage.output.model_dump(mode="json")}
        for stage in manifest.stages
    ]
    executable = package.get("executable")
    if executable:
        path = Path(executable)
        rows.append(
            {
                "name": f"program ({package['engine']})",
                "file": path.name,
                "bytes": path.stat().st_size,
            }
        )
    return rows

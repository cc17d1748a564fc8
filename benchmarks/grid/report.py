"""The table of the grid, its claims, and what is committed of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark.statistics import NO_DIFFERENCE, compare
from oxidizedvision.report.charts import grouped_chart
from oxidizedvision.report.charts.file import as_svg_file

RESULTS = Path(__file__).with_name("results.json")
README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- grid:start -->", "<!-- grid:end -->"

CHART = Path(__file__).with_name("speed.svg")
RUNNERS = ("pytorch", "torch.compile", "torchscript", "onnxruntime", "openvino")
"""The peers, as they are called in rows."""

_KEPT = ("name", "runner", "engine_version", "threads", "processes", "settled", "disturbed")
_FIGURES = ("p50_ms", "p50_interval_ms", "avg_ms", "p95_ms", "std_ms", "load_ms", "first_ms")
_MORE = ("peak_rss_mib", "windows_ms")
"""What is committed of a row."""

WITHIN = 0.97
"""Of the best of the whole grid, and of every peer, unless the difference is not significant."""
OVER_EAGER, OVER_ONNXRUNTIME = 1.5, 1.03

Row = dict[str, Any]
Document = Mapping[str, Any]


def is_peer(row: Row) -> bool:
    """Whether a row is an engine called bare."""
    return ", bare" in row["name"]


def auto_row(network: Document) -> Row:
    """The grid's own row of what `auto` chose."""
    chosen = network["auto"]
    for row in network["grid"]["results"]:
        same = (row["runner"], row["threads"]) == (chosen["runner"], chosen["threads"])
        if same and not is_peer(row):
            found: Row = row
            return found
    raise ValueError(f"{network['network']}: auto chose {chosen}, which the grid does not have")


def best(rows: Sequence[Row]) -> Row:
    """The row with the shortest typical run."""
    return min(rows, key=lambda row: float(row["p50_ms"]))


def ours(network: Document) -> list[Row]:
    """The rows of our engines."""
    return [row for row in network["grid"]["results"] if not is_peer(row)]


def peers(network: Document, runner: str = "") -> list[Row]:
    """The rows of bare engines, of one of them or of all."""
    rows = [row for row in network["grid"]["results"] if is_peer(row)]
    return [row for row in rows if not runner or row["runner"] == runner]


def against(network: Document, other: Row) -> tuple[float, bool]:
    """How many times as fast as another row `auto`'s choice is; whether the two differ."""
    noise = network["grid"]["noise"]
    found = compare(
        auto_row(network)["windows_ms"],
        other["windows_ms"],
        other["name"],
        noise["floor"] if noise else 0.01,
    )
    return found.speedup, found.verdict != NO_DIFFERENCE


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


def broken_claims(document: Document) -> list[str]:
    """Every claim that does not hold, in words."""
    broken = []
    for network in document["networks"]:
        name = network["network"]
        speedup, differs = against(network, best(ours(network)))
        if speedup < WITHIN and differs:
            broken.append(f"{name}: auto is at {speedup:.3f} of the best of the grid")
        for peer, least in (("onnxruntime", WITHIN), ("", WITHIN)):
            row = best(peers(network, peer))
            speedup, differs = against(network, row)
            if speedup < least and differs:
                broken.append(f"{name}: auto is at {speedup:.3f} of {row['name']}")
    for peer, least in (("pytorch", OVER_EAGER), ("onnxruntime", OVER_ONNXRUNTIME)):
        mean = mean_over(document, peer)
        if mean < least:
            broken.append(f"auto is {mean:.2f} times as fast as {peer}, wanted {least}")
    return broken


def mean_over(document: Document, peer: str) -> float:
    """Geometric mean of `auto` over the better thread count of a peer."""
    return geometric_mean([against(n, best(peers(n, peer)))[0] for n in document["networks"]])


def markdown(document: Document) -> str:
    """Milliseconds by network and engine, then what `auto` makes of it."""
    names = list(
        dict.fromkeys(row["name"] for n in document["networks"] for row in n["grid"]["results"])
    )
    lines = [_row(["network", *names, "auto"]), _row(["---"] * (len(names) + 2))]
    for network in document["networks"]:
        times = {row["name"]: row["p50_ms"] for row in network["grid"]["results"]}
        cells = [f"{times[name]:.2f}" if name in times else "–" for name in names]
        lines.append(_row([network["network"], *cells, auto_row(network)["name"]]))
    lines += ["", *_ratios(document)]
    return "\n".join(lines)


def _ratios(document: Document) -> list[str]:
    header = ["auto, times as fast as", "the best of ours", "PyTorch eager", "torch.compile"]
    header += ["TorchScript", "ONNX Runtime", "OpenVINO", "noise floor"]
    lines = [_row(header), _row(["---"] * len(header))]
    for network in document["networks"]:
        cells = [network["network"], _ratio(network, best(ours(network)))]
        for runner in RUNNERS:
            rows = peers(network, runner)
            cells.append(_ratio(network, best(rows)) if rows else "–")
        noise = network["grid"]["noise"]
        cells.append(f"{noise['floor']:.1%}" if noise else "–")
        lines.append(_row(cells))
    means = [
        f"{mean_over(document, runner):.2f}"
        if all(peers(network, runner) for network in document["networks"])
        else "–"
        for runner in RUNNERS
    ]
    lines.append(_row(["**geometric mean**", "", *means, ""]))
    return lines


def _ratio(network: Document, row: Row) -> str:
    if row is auto_row(network):
        return "1 (it is)"
    speedup, differs = against(network, row)
    return f"{speedup:.2f}" if differs else f"{speedup:.2f} (no difference)"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def speed_chart(document: Document) -> str:
    """How many times as fast as PyTorch eager `auto` and each peer at its best is, by network."""
    runners = [runner for runner in RUNNERS if all(peers(n, runner) for n in document["networks"])]
    groups = []
    for network in document["networks"]:
        eager = float(best(peers(network, "pytorch"))["p50_ms"])
        rows = [auto_row(network), *(best(peers(network, runner)) for runner in runners)]
        groups.append((network["network"], [eager / float(row["p50_ms"]) for row in rows]))
    return as_svg_file(grouped_chart(groups, ["auto", *runners], "x"))


def committed(document: Document) -> dict[str, Any]:
    """The document with what the table, the claims and the chart need, in five digits."""
    networks = [
        {
            **network,
            "grid": {
                "results": [
                    {key: row[key] for key in (*_KEPT, *_FIGURES, *_MORE) if key in row}
                    for row in network["grid"]["results"]
                ],
                "noise": network["grid"]["noise"],
            },
        }
        for network in document["networks"]
    ]
    found: dict[str, Any] = _rounded({**document, "networks": networks})
    return found


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def machine_text(document: Document) -> str:
    """The machine in a sentence."""
    machine = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured in {document['seconds'] / 60:.0f} minutes on {machine['cpu']} "
        f"({', '.join(machine['flags'])}), {machine['threads_granted']} of {machine['cores']} "
        f"processors granted, {machine['os'].partition('-')[0]}; {versions}."
    )


def write(document: Document) -> None:
    """Replace the committed results, their chart and the table of benchmarks/README.md."""
    kept = json.dumps(committed(document), indent=None, separators=(", ", ": "))
    # A line for each row, so that a later run's changes can be read.
    RESULTS.write_text(re.sub(r'(\{"name"|\{"network")', r"\n\1", kept) + "\n", encoding="utf-8")
    CHART.write_text(speed_chart(document), encoding="utf-8")
    page = README.read_text(encoding="utf-8")
    before, rest = page.split(START, 1)
    _, after = rest.split(END, 1)
    picture = f"![Times PyTorch eager's speed, by network](grid/{CHART.name})"
    written = f"{machine_text(document)}\n\n{picture}\n\n{markdown(document)}"
    README.write_text(f"{before}{START}\n{written}\n{END}{after}", encoding="utf-8")

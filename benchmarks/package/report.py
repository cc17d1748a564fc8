"""The tables of executables, and what is committed of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.package.claims import MB
from oxidizedvision.benchmark.words import machine_text

RESULTS = Path(__file__).resolve().parents[1] / "results" / "package.json"
README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- package:start -->", "<!-- package:end -->"

Document = Mapping[str, Any]


def markdown(document: Document) -> str:
    """What the programs weigh, and how soon they answer beside their peers."""
    lines = [machine_text(document["machine"]), ""]
    lines += ["| program without a model | profile | MB | made into an executable in |"]
    lines += ["| --- | --- | --- | --- |"]
    for row in document["programs"]:
        size = f"{row['bytes'] / MB:.2f}"
        lines.append(f"| {row['engine']} | {row['profile']} | {size} | {row['making_s']:.1f} s |")
    rows = document["starts"]
    ours = next(row for row in rows if row["name"] == "rten")
    titles = ("one picture by", "from exec to the result", "times as long", "most memory", "part")
    lines += ["", f"| {' | '.join(titles)} |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        times, part = row["ms"] / ours["ms"], row["peak_mib"] / ours["peak_mib"]
        spread = f"{row['ms']:.0f} ms ({row['low_ms']:.0f} to {row['high_ms']:.0f})"
        memory = f"{row['peak_mib']:.0f} MiB"
        lines.append(f"| {row['title']} | {spread} | {times:.1f} | {memory} | {part:.1f} |")
    if document.get("levers"):
        lines += ["", "| lever, with MobileNetV2 | MB | of the first | first result | steady run |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        first = document["levers"][0]["bytes"]
        for row in document["levers"]:
            size = f"{row['bytes'] / MB:.2f} | {row['bytes'] / first:.2f}"
            lines.append(
                f"| {row['lever']} | {size} | {row['ms']:.0f} ms | {row['run_ms']:.1f} ms |"
            )
    return "\n".join(lines)


def write(document: Document) -> None:
    """Replace the committed results and the tables of benchmarks/README.md."""
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    before, rest = README.read_text(encoding="utf-8").split(START, 1)
    _, after = rest.split(END, 1)
    README.write_text(f"{before}{START}\n{markdown(document)}\n{END}{after}", encoding="utf-8")

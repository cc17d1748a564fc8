"""The table of the smaller models, the claims, and what is committed of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.grid.report import machine_text
from benchmarks.quantise.models import NAMES

README = Path(__file__).resolve().parents[1] / "README.md"
WEIGHTS = {"int8": 0.27, "fp16": 0.51}
FILE = {"int8": 0.32, "fp16": 0.53}
LARGE_BYTES = 1_000_000
LARGE_MACS = 50_000_000
AS_LARGE = 0.99
LATENCY = {True: 0.65, False: 0.80}
"""Of INT8 over FP32 in the mean, with 8-bit dot products and without."""
_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}
_OURS = "ours"
_SAME = ("cpu", "architecture", "flags", "threads_granted", "versions")
"""What two machines have in common when their figures may stand in one table."""

Row = Mapping[str, Any]
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where results are committed, and which marks of benchmarks/README.md hold their table."""

    results: Path
    mark: str

    def committed(self) -> Document | None:
        """The results that stand in the repository."""
        if not self.results.exists():
            return None
        found: Document = json.loads(self.results.read_text(encoding="utf-8"))
        return found

    def write(self, document: Document) -> None:
        """Replace the committed results and their table."""
        self.results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        start, end = f"<!-- {self.mark}:start -->", f"<!-- {self.mark}:end -->"
        before, rest = README.read_text(encoding="utf-8").split(start, 1)
        _, after = rest.split(end, 1)
        table = f"{machine_text(document)}\n\n{markdown(document)}"
        README.write_text(f"{before}{start}\n{table}\n{end}{after}", encoding="utf-8")


AS_IT_IS = Place(Path(__file__).with_name("results.json"), "quantise")
AVX2_ONLY = Place(Path(__file__).with_name("results-avx2.json"), "quantise-avx2")


def broken_claims(document: Document) -> list[str]:
    """Every claim that does not hold, in words."""
    broken = [claim for model in document["models"] for claim in _of_model(model)]
    fast = has_dot_products(document["machine"])
    mean = int8_mean(document)
    if mean is not None and mean > LATENCY[fast]:
        broken.append(f"INT8 takes {mean:.2f} of FP32's time in the mean, wanted {LATENCY[fast]}")
    return [*broken, *_against_peers(document)]


def has_dot_products(machine: Mapping[str, Any]) -> bool:
    """Whether a machine's processor adds up products of 8-bit numbers in one step."""
    return not _DOT_PRODUCTS.isdisjoint(machine.get("flags", ()))


def _of_model(model: Row) -> Iterator[str]:
    for row in _shipped(model):
        name = f"{model['name']}, {row['precision']} on {row['engine']}"
        if not row["keeps"]:
            yield f"{name}: the budget is broken by {row['drop']:.4g}"
        if is_slower(row):
            yield f"{name}: slower than FP32, {row['latency_ratio']:.2f}"
        if row["weight_ratio"] > WEIGHTS[row["precision"]]:
            yield f"{name}: weights are {row['weight_ratio']:.3f} of FP32's"
        large = row["bytes"] / row["file_ratio"] > LARGE_BYTES
        if large and row["file_ratio"] > FILE[row["precision"]]:
            yield f"{name}: the file is {row['file_ratio']:.3f} of FP32's"


def is_slower(row: Row) -> bool:
    """Whether the whole interval says that it takes longer than FP32, by a hundredth or more."""
    return bool(row["verdict"] == "slower" or round(row["latency_interval"][0], 2) > 1)


def _shipped(model: Row) -> list[Row]:
    return [row for row in model["rows"] if row["by"] == _OURS and row["kept"]]


def int8_mean(document: Document) -> float | None:
    """Geometric mean of INT8's latency over FP32's, of models that are not known to be small."""
    ratios = [
        row["latency_ratio"]
        for model in document["models"]
        if model["macs"] is None or model["macs"] >= LARGE_MACS
        for row in _shipped(model)
        if row["precision"] == "int8"
    ]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def _against_peers(document: Document) -> Iterator[str]:
    """Ours keeps the budget at least as often, and is as fast where both do.

    What is slower than FP32 or as large does not count: there ours refuses, and FP32 stays.

    Slower is what is slower by the whole 95 % interval of the geometric mean.
    """
    for name in _peers(document):
        ours_keeps = theirs_keeps = 0
        for model in document["models"]:
            theirs = next((row for row in model["rows"] if row["by"] == name), None)
            if theirs is None:
                continue
            ours = _same(model, theirs)
            ours_keeps += ours is not None
            theirs_keeps += _is_worth_having(theirs)
        if ours_keeps < theirs_keeps:
            yield f"ours keeps the budget {ours_keeps} times, {name} {theirs_keeps} times"
        mean = over_peer(document, name)
        if mean is not None and mean[1] > 1:
            yield f"ours takes {mean[0]:.2f} of the time of {name} in the mean"


def _is_worth_having(row: Row) -> bool:
    """Whether it keeps the budget and has something over FP32, which a refusal of ours leaves."""
    return bool(row["kept"] and row["keeps"] and row["verdict"] != "slower" and not _as_large(row))


def _as_large(row: Row) -> bool:
    return float(row["weight_ratio"]) > AS_LARGE


def over_peer(document: Document, name: str) -> tuple[float, float, float] | None:
    """Geometric mean of our latency over a peer's and its 95 % interval, where both keep."""
    rows = [
        row
        for model in document["models"]
        for row in model["rows"]
        if row["by"] == name and row["kept"] and row["keeps"] and _same(model, row) is not None
    ]
    if not rows:
        return None
    centre = sum(math.log(row["ours_over"]) for row in rows) / len(rows)
    halves = (math.log(high / low) / 2 for low, high in (row["ours_over_interval"] for row in rows))
    half = math.hypot(*halves) / len(rows)
    return math.exp(centre), math.exp(centre - half), math.exp(centre + half)


def _peers(document: Document) -> list[str]:
    return sorted({row["by"] for model in document["models"] for row in model["rows"]} - {_OURS})


def _same(model: Row, theirs: Row) -> Row | None:
    keys = ("engine", "precision")
    found = (row for row in _shipped(model) if all(row[key] == theirs[key] for key in keys))
    return next((row for row in found if row["keeps"]), None)


def markdown(document: Document) -> str:
    """A line for each model and form."""
    header = ["model", "million MACs", "by", "precision", "engine", "form", "drop (allowed)"]
    header += ["weights", "file", "latency", "verdict"]
    lines = [_line(header), _line(["---"] * len(header))]
    for model in document["models"]:
        lines += [_line(_cells(model, row)) for row in model["rows"]]
    mean = int8_mean(document)
    if mean is not None:
        lines += ["", f"INT8 over FP32 in the geometric mean, from 50 million MACs on: {mean:.2f}."]
    for name in _peers(document):
        over = over_peer(document, name)
        if over is not None:
            mean, low, high = over
            words = "in the geometric mean where both keep the budget"
            lines += ["", f"Ours over {name}, {words}: {mean:.2f} ({low:.2f} to {high:.2f})."]
    return "\n".join(lines)


def _cells(model: Row, row: Row) -> Sequence[str]:
    macs = "–" if model["macs"] is None else f"{model['macs'] / 1e6:.0f}"
    first = [model["name"], macs, row["by"], row["precision"], row["engine"]]
    if not row["kept"]:
        return [*first, "refused", "", "", "", "", row["reason"].replace("|", "/")[:120]]
    low, high = row["latency_interval"]
    keeps = "" if row["keeps"] else " BROKEN"
    return [
        *first,
        row["form"],
        f"{row['drop']:.3g} ({model['metric']} {model['max_drop']:g}){keeps}",
        f"{row['weight_ratio']:.3f}",
        f"{row['file_ratio']:.3f}",
        f"{row['latency_ratio']:.2f} ({low:.2f} to {high:.2f})",
        "nothing is quantised" if _as_large(row) else row["verdict"],
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def merged(document: Document, before: Document | None) -> Document:
    """New rows in place of those of the same models, where all were measured on one machine.

    Raises:
        SystemExit: when the committed ones come from another machine or other versions.
    """
    if before is None:
        return document
    differing = [key for key in _SAME if before["machine"].get(key) != document["machine"].get(key)]
    if differing:
        raise SystemExit(
            f"The committed results were measured on another machine ({', '.join(differing)}): "
            "leave --model out, to measure all models here."
        )
    rows = {model["name"]: model for model in (*before["models"], *document["models"])}
    seconds = before["seconds"] + document["seconds"]
    models = [rows[name] for name in NAMES if name in rows]
    return {**document, "seconds": seconds, "models": models}

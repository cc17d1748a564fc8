"""The tables of the browser's figures, and what is committed of them."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.grid.report import machine_text
from benchmarks.server.report import rounded
from benchmarks.server.turns import typical
from benchmarks.wasm.claims import Row, claims, figure, memory_of, sooner, time_of
from benchmarks.wasm.engines import ORT, ORT_2, RTEN_2
from benchmarks.wasm.models import NAMES

BENCHMARKS = Path(__file__).resolve().parents[1]
RESULTS = BENCHMARKS / "results" / "wasm.json"
README = BENCHMARKS / "README.md"
START, END = "<!-- wasm:start -->", "<!-- wasm:end -->"
_MEBIBYTE, _MEGABYTE = 1 << 20, 1e6

Document = Mapping[str, Any]


def markdown(document: Document) -> str:
    """The bytes, each model, and the claims."""
    models = [f"**{model['model']}**\n\n{_table(model)}" for model in document["models"]]
    return "\n\n".join([_bytes(document["wire"]), *models, _claims(document)])


def _bytes(wire: Sequence[Row]) -> str:
    peer = next(row for row in wire if row["module"] == ORT)
    keys = [key for key in peer if key.startswith("brotli_")]
    names = [key.replace("_", " ") for key in keys]
    lines = _header("module", "files", "raw, MB", *(f"{name}, MB" for name in names), f"of {ORT}'s")
    for row in wire:
        sizes = [f"{row[key] / _MEGABYTE:.3f}" for key in keys]
        shares = ", ".join(f"{row[key] / peer[key]:.3f}" for key in keys)
        raw = f"{row['raw'] / _MEGABYTE:.2f}"
        lines.append(_row(_titled(row), ", ".join(row["files"]), raw, *sizes, shares))
    return "\n".join(lines)


def _titled(row: Row) -> str:
    said = [text for text in (row.get("version"), row.get("profile")) if text]
    return f"{row['module']} ({', '.join(said)})"


def _table(model: Row) -> str:
    rows = {row["engine"]: row for row in model["rows"]}
    lines = _header(
        "engine",
        "model loaded, ms",
        "times as soon",
        "first result, ms",
        "times as soon",
        "median run, ms",
        "of its time",
        "memory, MiB",
        "off by",
    )
    for name, row in rows.items():
        peer = rows[ORT_2 if name in (ORT_2, RTEN_2) else ORT]
        cells = []
        for key in ("loaded_ms", "first_ms"):
            starts = statistics.median(value for (value,) in row[key])
            cells += [f"{starts:.0f}", _against(row, peer, sooner(row, peer, key))]
        cells += [f"{typical(row['windows_ms']):.2f}", _against(row, peer, time_of(row, peer))]
        error = row["error"]
        memory = f"{memory_of(row) / _MEBIBYTE:.1f}"
        lines.append(_row(name, *cells, memory, "no number" if error is None else f"{error:.1e}"))
    return "\n".join(lines)


def _against(row: Row, peer: Row, found: tuple[float, tuple[float, float]]) -> str:
    if row is peer:
        return ""
    value, (low, high) = found
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _claims(document: Document) -> str:
    lines = _header("claim", "found", "wanted", "")
    for claim in claims(document):
        wanted = f"{'at most' if claim.at_most else 'at least'} {claim.bound:g}"
        verdict = "holds" if claim.holds else "**broken**"
        lines.append(_row(f"{claim.about}: {claim.what}", figure(claim), wanted, verdict))
    return "\n".join(lines)


def _header(*cells: str) -> list[str]:
    return [_row(*cells), _row(*(["---"] * len(cells)))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def committed(document: Document) -> dict[str, Row] | None:
    """The committed figures of every model, as far as there are any.

    None: they are of another machine, another browser, or of modules that were built otherwise.
    """
    if not RESULTS.exists():
        return {}
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    same = all(
        kept["machine"][key] == document["machine"][key] for key in ("cpu", "flags", "versions")
    )
    if not same or _builds(kept) != _builds(document):
        return None
    return {model["model"]: model for model in kept["models"]}


def _builds(document: Document) -> dict[str, tuple[Any, ...]]:
    return {row["module"]: (row.get("version"), row.get("sha256")) for row in document["wire"]}


def write(document: Document) -> None:
    """Replace the committed results and the tables of benchmarks/README.md."""
    models = sorted(document["models"], key=lambda model: NAMES.index(model["model"]))
    document = {**document, "models": models}
    kept = json.dumps(rounded(document), separators=(", ", ": "), allow_nan=False)
    RESULTS.parent.mkdir(exist_ok=True)
    # A line for each row, so that a later run's changes can be read.
    lines = re.sub(r'(\{"module"|\{"engine"|\{"model")', r"\n\1", kept) + "\n"
    RESULTS.write_text(lines, encoding="utf-8")
    page = README.read_text(encoding="utf-8")
    before, rest = page.split(START, 1)
    _, after = rest.split(END, 1)
    seconds = sum(model["seconds"] for model in models)
    about = machine_text({**document, "seconds": seconds})
    written = f"{about}\n\n{markdown(document)}"
    README.write_text(f"{before}{START}\n{written}\n{END}{after}", encoding="utf-8")

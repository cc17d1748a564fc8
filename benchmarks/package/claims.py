"""What is claimed of executables, and how far it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MB = 1_000_000
MOST_MB = {"rten": 4.0, "tract": 18.0}
"""Of a program without a model."""
MOST_MS = 120.0
"""From exec to the first result of MobileNetV2 on rten."""
SOONER = {"torch": 20.0, "onnxruntime": 3.0}
MOST_OF_MEMORY = 0.5
"""Of the memory of a process with ONNX Runtime."""
MOST_MAKING_S = 5.0

Document = Mapping[str, Any]


def broken_claims(document: Document) -> list[str]:
    """Every claim that does not hold, in words."""
    return [*_of_bytes(document["programs"]), *_of_starts(document["starts"])]


def _of_bytes(programs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in programs:
        size, most = row["bytes"] / MB, MOST_MB[row["engine"]]
        if size > most:
            yield f"the {row['engine']} program has {size:.2f} MB, wanted {most:g}"
        if row["making_s"] > MOST_MAKING_S:
            yield f"an executable with {row['engine']} took {row['making_s']:.1f} s to make"


def _of_starts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    by_name = {row["name"]: row for row in rows}
    ours = by_name["rten"]
    if ours["ms"] > MOST_MS:
        yield f"the first result took {ours['ms']:.0f} ms, wanted {MOST_MS:g}"
    for peer, least in SOONER.items():
        times = by_name[peer]["ms"] / ours["ms"]
        if times < least:
            yield f"{times:.1f} times sooner than {peer}, wanted {least:g}"
    part = ours["peak_mib"] / by_name["onnxruntime"]["peak_mib"]
    if part > MOST_OF_MEMORY:
        yield f"{part:.2f} of onnxruntime's memory, wanted {MOST_OF_MEMORY:g}"

"""What is claimed of our modules against onnxruntime-web, and how far it holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.wasm.engines import ORT, ORT_2, RTEN, RTEN_2, TRACT
from oxidizedvision.benchmark.report import Interval
from oxidizedvision.benchmark.statistics import ratio

Document = Mapping[str, Any]
Row = Mapping[str, Any]

MOST_BYTES = {RTEN: 0.25, TRACT: 0.75}
LEAST_SOONER = 4.0
"""To the model with rten, and on `_SMALL` to the first result."""
_SMALL = "mobilenet_v2"
MOST_TIME = {"mobilenet_v2": 1.05, "denoiser": 1.05, "unet": 1.15}
"""Of the better of our engines, with one thread."""
MOST_TIME_OF_TWO = 1.5
MOST_ERROR = 1e-4
_PEER_OF = {RTEN: ORT, TRACT: ORT, RTEN_2: ORT_2}


@dataclass(frozen=True)
class Claim:
    """A figure and what it should be.

    about: the model, or that it is about bytes. interval: of 95 %, where the figure has one.
    """

    about: str
    what: str
    found: float
    bound: float
    at_most: bool = True
    interval: Interval | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure keeps within its bound; what could not be compared does not."""
        return self.found <= self.bound if self.at_most else self.found >= self.bound


def claims(document: Document) -> list[Claim]:
    """Every claim about the figures that are there."""
    found = [*_of_bytes(document["wire"])]
    for model in document["models"]:
        rows = {row["engine"]: row for row in model["rows"]}
        for judge in (_of_starts, _of_time, _of_memory, _of_answers):
            found += judge(model["model"], rows)
    return found


def in_words(claim: Claim) -> str:
    """What was found and what was wanted."""
    wanted = "at most" if claim.at_most else "at least"
    return f"{claim.about}: {claim.what}: {figure(claim)}, wanted {wanted} {claim.bound:g}"


def figure(claim: Claim) -> str:
    """What was found, with its interval."""
    if claim.interval is None:
        return f"{claim.found:.4g}"
    low, high = claim.interval
    return f"{claim.found:.4g} ({low:.3g} to {high:.3g})"


def broken_claims(document: Document) -> list[str]:
    """Every claim that does not hold, in words."""
    return [in_words(claim) for claim in claims(document) if not claim.holds]


def sooner(row: Row, peer: Row, key: str) -> tuple[float, Interval]:
    """How many times sooner an engine is than another, with the 95 % interval."""
    return ratio(row[key], peer[key])


def time_of(row: Row, peer: Row) -> tuple[float, Interval]:
    """The time of a run, of the other's, with the 95 % interval."""
    return ratio(peer["windows_ms"], row["windows_ms"])


def memory_of(row: Row) -> int:
    """The most that the memories of an engine held in any round."""
    return int(max(row["memory_bytes"]))


def _of_bytes(wire: Sequence[Row]) -> Iterator[Claim]:
    rows = {row["module"]: row for row in wire}
    peer = rows[ORT]
    for name, bound in MOST_BYTES.items():
        for key in (key for key in peer if key.startswith("brotli_")):
            if name in rows:
                what = f"{name}, of onnxruntime-web's in {key.replace('_', ' ')}"
                yield Claim("bytes over the wire", what, rows[name][key] / peer[key], bound)


def _of_starts(model: str, rows: Mapping[str, Row]) -> Iterator[Claim]:
    if RTEN not in rows:
        return
    least_first = LEAST_SOONER if model == _SMALL else 1.0
    for key, words, bound in (
        ("loaded_ms", "the model is loaded", LEAST_SOONER),
        ("first_ms", "the first result is there", least_first),
    ):
        found, interval = sooner(rows[RTEN], rows[ORT], key)
        what = f"{words}, times as soon with rten"
        yield Claim(model, what, found, bound, at_most=False, interval=interval)


def _of_time(model: str, rows: Mapping[str, Row]) -> Iterator[Claim]:
    ours = [(*time_of(rows[name], rows[ORT]), name) for name in (RTEN, TRACT) if name in rows]
    if ours:
        found, interval, name = min(ours)
        what = f"time of a run, the better of ours ({name})"
        yield Claim(model, what, found, MOST_TIME[model], interval=interval)
    if RTEN_2 in rows:
        found, interval = time_of(rows[RTEN_2], rows[ORT_2])
        what = "time of a run with two threads, rten"
        yield Claim(model, what, found, MOST_TIME_OF_TWO, interval=interval)


def _of_memory(model: str, rows: Mapping[str, Row]) -> Iterator[Claim]:
    for name, peer in _PEER_OF.items():
        if name in rows:
            found = memory_of(rows[name]) / memory_of(rows[peer])
            yield Claim(model, f"memory, {name}", found, 1.0)


def _of_answers(model: str, rows: Mapping[str, Row]) -> Iterator[Claim]:
    for name in _PEER_OF:
        if name in rows:
            error = rows[name]["error"]
            found = math.inf if error is None else error
            yield Claim(model, f"largest difference from PyTorch, {name}", found, MOST_ERROR)

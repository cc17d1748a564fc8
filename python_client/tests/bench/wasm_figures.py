"""Figures of the browser's benchmark that keep every claim."""

from __future__ import annotations

from typing import Any

from benchmarks.wasm.engines import ORT, ORT_2, RTEN, RTEN_2, TRACT

LOADS, ROUNDS, WINDOWS = 4, 3, 5
MACHINE = {
    "cpu": "EPYC",
    "flags": ["avx2"],
    "threads_granted": 2,
    "cores": 2,
    "os": "Linux 6.1-name",
    "versions": {"onnxruntime": "1", "chromium": "156"},
}
MIB = 1 << 20

Figures = dict[str, Any]


def part(module: str, size: int) -> Figures:
    """The bytes of a module."""
    return {
        "module": module,
        "files": ["a.js", "a.wasm"],
        "raw": size * 5,
        "brotli_9": size,
        "brotli_11": size * 9 // 10,
        "version": "1.0",
        "sha256": f"of {module}",
    }


def started(ms: float) -> list[list[float]]:
    """The same start in every page."""
    return [[ms] for _ in range(LOADS)]


def windows(ms: float) -> list[list[float]]:
    """The same time of a run in every window."""
    return [[ms] * WINDOWS for _ in range(ROUNDS)]


def row(engine: str, loaded: float, run: float, mib: int) -> Figures:
    """An engine that is as fast each time."""
    return {
        "engine": engine,
        "error": 2e-6,
        "loaded_ms": started(loaded),
        "first_ms": started(loaded + run),
        "windows_ms": windows(run),
        "memory_bytes": [mib * MIB] * ROUNDS,
    }


def model(name: str = "mobilenet_v2") -> Figures:
    """Every engine, each within its bounds."""
    rows = [
        row(ORT, 800, 40, 60),
        row(RTEN, 100, 50, 30),
        row(TRACT, 700, 41, 45),
        row(ORT_2, 820, 25, 61),
        row(RTEN_2, 110, 35, 31),
    ]
    return {"model": name, "seconds": 60, "load_average": 0.1, "rows": rows}


def document(*models: Figures) -> Figures:
    """What a run leaves."""
    wire = [part(ORT, 2_700_000), part(RTEN, 650_000), part(TRACT, 1_900_000)]
    return {
        "schema_version": 1,
        "machine": MACHINE,
        "wire": [*wire, part("rten-threads", 700_000)],
        "models": list(models) or [model()],
    }

"""Python's side of the comparison: one engine through `oxidizedvision`, told what to do by lines.

The program `overhead` starts it as `worker.py --engine NAME`; `protocol.rs` says what the lines
mean. The timed call is `runner.run(array)`, as users write it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision import OxidizedVisionError, Runner, RunnerConfig
from oxidizedvision.runners.table import load_runner

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array, TensorSpec

THREADS = 1
PAUSE_NS = 100_000
STATM = Path("/proc/self/statm")


class Worker:
    """The models of one engine, one at a time."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._runner: Runner | None = None
        self._input: Array | None = None

    def answer(self, line: str) -> dict[str, Any]:
        """The answer to one request.

        Raises:
            ValueError: for a line that is no request.
            OxidizedVisionError: the engine's own.
        """
        match line.split(maxsplit=1):
            case ["values"]:
                return {"values": [float(value) for value in self._run().ravel()]}
            case ["resident"]:
                return {"bytes": resident()}
            case ["load", path]:
                self._load(Path(path))
                return {"done": True}
            case ["time", count]:
                return {"times": self._times(int(count))}
            case ["repeat", count]:
                for _ in range(int(count)):
                    self._run()
                return {"done": True}
            case ["cycle", rest]:
                count, _, path = rest.partition(" ")
                self._cycle(int(count), Path(path))
                return {"done": True}
        raise ValueError(f"{line!r} is no request")

    def _load(self, path: Path) -> None:
        self._drop()
        self._runner = load_runner(self._engine, RunnerConfig(path, threads=THREADS))
        self._input = made_up(self._runner.input_specs[0])

    def _drop(self) -> None:
        if self._runner is not None:
            self._runner.close()
        self._runner = None

    def _run(self) -> Array:
        runner, array = self._loaded()
        return runner.run(array)

    def _times(self, count: int) -> dict[str, Any]:
        runner, array = self._loaded()
        each, processor = [], 0
        for _ in range(count):
            pause()
            before = time.process_time_ns()
            start = time.perf_counter_ns()
            runner.run(array)
            each.append(time.perf_counter_ns() - start)
            processor += time.process_time_ns() - before
        return {"each": each, "processor": processor}

    def _cycle(self, count: int, path: Path) -> None:
        for _ in range(count):
            self._load(path)
            self._run()
        self._drop()

    def _loaded(self) -> tuple[Runner, Array]:
        if self._runner is None or self._input is None:
            raise ValueError("no model is loaded: say load first")
        return self._runner, self._input


def made_up(spec: TensorSpec) -> Array:
    """Values of 0 to 1 that depend on their place alone; `made_up` in subject.rs gives the same.

    Raises:
        ValueError: for an input that is not f32, or has symbolic axes.
    """
    dims = [dim for dim in spec.dims if isinstance(dim, int)]
    if spec.dtype != "f32" or len(dims) != len(spec.dims):
        raise ValueError(f"input {spec.name!r} is {spec.dtype} {spec.dims_text()}")
    places = np.arange(np.prod(dims, dtype=np.int64), dtype=np.uint32)
    bits = (places * np.uint32(2_654_435_761)) >> np.uint32(8)
    return (bits.astype(np.float32) / np.float32(1 << 24)).reshape(dims)


def pause() -> None:
    """As long as the Rust side's, so that an engine's threads fall asleep on both or on none."""
    end = time.perf_counter_ns() + PAUSE_NS
    while time.perf_counter_ns() < end:
        pass


def resident() -> int:
    """The bytes that this process holds, after its free memory went back to the system."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
    if trim is not None:
        trim(0)
    return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Answer requests until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True)
    worker = Worker(parser.parse_args().engine)
    for line in sys.stdin:
        try:
            answer = worker.answer(line.rstrip("\n"))
        except (OxidizedVisionError, ValueError, OSError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

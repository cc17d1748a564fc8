"""ONNX Runtime called bare, told by lines what to do: `python -m benchmarks.server.bare …`.

A line is `SECONDS BATCH`; the answer is JSON: pictures a second, and the median of one run in ms.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Bare:
    """The process that runs the engine."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def timed(self, seconds: float, batch: int) -> dict[str, float]:
        """Run for so long: `per_s` pictures, `p50_ms` of a run.

        Raises:
            RuntimeError: when the process ended.
        """
        pipe, answers = self._process.stdin, self._process.stdout
        if pipe is None or answers is None:
            raise RuntimeError("the bare engine has no pipes")
        pipe.write(f"{seconds} {batch}\n")
        pipe.flush()
        line = answers.readline()
        if not line:
            raise RuntimeError("the bare engine ended")
        found: dict[str, float] = json.loads(line)
        return found


@contextmanager
def running_bare(model: Path, shape: Sequence[int], core: int) -> Iterator[Bare]:
    """The engine in a process of its own, on one core, with one thread."""
    from oxidizedvision.benchmark.session import pinned

    words = (sys.executable, "-m", "benchmarks.server.bare", "--model", str(model))
    with pinned([core]):
        process = subprocess.Popen(
            (*words, "--shape", ",".join(map(str, shape))),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        try:
            yield Bare(process)
        finally:
            process.kill()


def main() -> None:
    """Answer lines until there are no more."""
    import numpy as np
    import onnxruntime

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--shape", required=True, help="of one input, separated by commas")
    words = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(words.model, options, providers=["CPUExecutionProvider"])
    one = np.random.default_rng(0).random([int(side) for side in words.shape.split(",")])
    name = session.get_inputs()[0].name
    for line in sys.stdin:
        seconds, batch = line.split()
        inputs = {name: np.repeat(one.astype(np.float32), int(batch), axis=0)}
        session.run(None, inputs)
        found = _timed(partial(session.run, None, inputs), float(seconds), int(batch))
        print(json.dumps(found), flush=True)


def _timed(run: Any, seconds: float, batch: int) -> dict[str, float]:
    times = []
    start = now = time.perf_counter()
    while now - start < seconds:
        run()
        before, now = now, time.perf_counter()
        times.append(now - before)
    return {
        "per_s": batch * len(times) / (now - start),
        "p50_ms": statistics.median(times) * 1000,
    }


if __name__ == "__main__":
    main()

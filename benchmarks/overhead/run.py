"""What the contract costs over the bare engine: `make bench-overhead`.

Builds the program `overhead`, exports MobileNetV2, measures every engine, and prints a table.
`docs/benchmarks.md` says how it is measured. Exit codes: 0 every bound holds; 1 a measurement
failed; 3 a bound is broken; 4 an engine is not here; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from models import export_mobilenet
from table import broken, render

from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.runners import libraries
from oxidizedvision.runners.table import engine_named

SCHEMA_VERSION = 1
ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "out" / "bench"
TINY = ROOT / "testdata" / "models" / "residual"
ENGINES = ("tract", "rten", "ort", "openvino", "tch")
TIMEOUT_S = 1800


class MeasurementError(Exception):
    """A step that failed; the message says which, and why."""


def main(words: list[str] | None = None) -> int:
    """Measure, print, write; gives the exit code."""
    arguments = parse(words)
    unavailable, failures, reports = [], [], []
    for engine in arguments.engine or ENGINES:
        state = engine_named(engine).check()
        if not state.ready:
            unavailable.append({"engine": engine, "hint": state.hint})
            continue
        say(f"{engine}: measuring, this takes a few minutes")
        try:
            reports.append(measure(engine, arguments.seconds))
        except MeasurementError as error:
            failures.append({"engine": engine, "message": str(error)})
    document = {
        "schema_version": SCHEMA_VERSION,
        "machine": fingerprint(),
        "engines": reports,
        "unavailable": unavailable,
        "failures": failures,
        "passed": all(report["passed"] for report in reports) and not failures,
    }
    print(render(document))
    if arguments.json:
        write(arguments.json, document)
    return exit_code(document, skip_unavailable=arguments.skip_unavailable)


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="What the contract costs over the bare engine.")
    parser.add_argument(
        "--engine", action="append", choices=ENGINES, help="an engine; may be repeated; else all"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument(
        "--seconds", type=float, default=25.0, help="the most for one comparison; 25"
    )
    parser.add_argument(
        "--skip-unavailable", action="store_true", help="an engine that is not here is no fault"
    )
    return parser.parse_args(words)


def exit_code(document: dict[str, Any], *, skip_unavailable: bool) -> int:
    """The code for a document, the gravest first."""
    if document["failures"]:
        return 1
    if not document["passed"]:
        for line in broken(document["engines"]):
            say(line)
        return 3
    return 4 if document["unavailable"] and not skip_unavailable else 0


def measure(engine: str, seconds: float) -> dict[str, Any]:
    """The report of one engine.

    Raises:
        MeasurementError: when a step fails.
    """
    onnx, script = export_mobilenet(CACHE)
    model, tiny = (script, ".pt") if engine == "tch" else (onnx, ".onnx")
    command = [
        *(str(build(with_torch=engine == "tch")), "--engine", engine, "--json"),
        *("--model", str(model), "--tiny", str(TINY.with_suffix(tiny))),
        *("--seconds", str(seconds), "--python", sys.executable),
        *("--python-worker", str(Path(__file__).with_name("worker.py"))),
    ]
    try:
        done = subprocess.run(
            command,
            env=environment(engine),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"it did not end within {TIMEOUT_S} s") from error
    if done.returncode not in (0, 3):
        last = done.stderr.strip().splitlines()[-3:]
        raise MeasurementError("\n".join(last) or f"the program ended with {done.returncode}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def build(*, with_torch: bool) -> Path:
    """Build the program and keep a copy: that with LibTorch has the same name.

    Raises:
        MeasurementError: when it does not build.
    """
    name = "overhead-tch" if with_torch else "overhead"
    features = ["--features", "tch"] if with_torch else []
    done = subprocess.run(
        [
            *(str(ROOT / "scripts" / "cargo.sh"), *(["--tch"] if with_torch else [])),
            *("build", "--release", "-p", "engine_bench", "--bin", "overhead", *features),
        ],
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode != 0:
        raise MeasurementError("the program does not build; cargo's reason is above")
    CACHE.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(_target() / "release" / "overhead", CACHE / name))


def _target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "rust_runtime" / "target")


def environment(engine: str) -> dict[str, str]:
    """The variables that lead the program to the engine's library.

    Raises:
        MeasurementError: for `tch` without torch.
    """
    if engine != "tch":
        libraries.prepare(engine)
        return dict(os.environ)
    folder = libraries.package_folder("torch")
    if folder is None:
        raise MeasurementError("torch is not installed")
    known = os.environ.get("LD_LIBRARY_PATH")
    path = os.pathsep.join([str(folder / "lib"), *([known] if known else [])])
    return {**os.environ, "LD_LIBRARY_PATH": path}


def write(path: Path, document: dict[str, Any]) -> None:
    """Write the document beside its place, then put it there."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def say(text: str) -> None:
    """Tell the user something that is no answer."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

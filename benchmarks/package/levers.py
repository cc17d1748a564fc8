"""What each way of making an executable smaller gives, beside the program that ships."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.command import say
from benchmarks.package.starts import StartError, Starts, in_turns
from benchmarks.server.subjects import Subject
from oxidizedvision import package
from oxidizedvision.config import CalibrationConfig
from oxidizedvision.optimize import QuantizeOptions, optimize
from oxidizedvision.package import prebuilt
from oxidizedvision.package.build import target_folder
from oxidizedvision.package.sources import rust_root
from oxidizedvision.prepare import prepare

_RUNS = 30


@dataclass(frozen=True)
class Lever:
    """A way of building the program with rten."""

    label: str
    profile: str
    stripped: bool = True


BUILDS = (
    Lever("rten, as Cargo's release profile makes it", "release", stripped=False),
    Lever("stripped of symbols", "release"),
    Lever("and linked as one (LTO, one code-generation unit)", "dist"),
)
SHIPPED = (
    "and all but what runs models optimised for size, panics that end the program at once, and the "
    "C library inside: what ships"
)


def levers(model: Subject, photograph: Path, folder: Path, rounds: int) -> Iterator[dict[str, Any]]:
    """A row for each way, then for the engines and smaller weights in the program that ships."""
    files = [(lever.label, _built(lever, model, folder)) for lever in BUILDS]
    files.append((SHIPPED, _shipped(model.model, "rten", folder / "shipped-rten")))
    files.append(("that with tract", _shipped(model.model, "tract", folder / "shipped-tract")))
    prepared = prepare(model.model, runner="tract")
    label = "and a model that `prepare` made for it"
    files.append((label, _shipped(prepared.output, "tract", folder / "prepared-tract")))
    for precision in ("fp16", "int8"):
        label = f"that with rten and {precision.upper()} weights"
        files.append((label, _smaller(model, precision, folder)))
    starts = []
    for place, (label, file) in enumerate(files):
        result = folder / f"lever-{place}.json"
        starts.append(Starts(label, [file, photograph, result], result))
    in_turns(starts, rounds)
    for (label, file), each in zip(files, starts, strict=True):
        yield {
            "lever": label,
            "bytes": file.stat().st_size,
            "ms": statistics.median(each.ms),
            "run_ms": _steady(file),
        }


def _built(lever: Lever, model: Subject, folder: Path) -> Path:
    say(f"building: {lever.label}")
    command = ["cargo", "build", "--locked", "--profile", lever.profile]
    command += ["--package", "model_executable", "--bin", "executable-rten"]
    done = subprocess.run(command, cwd=rust_root(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StartError(done.stderr.strip().splitlines()[-1])
    programs = folder / f"programs-{lever.profile}-{lever.stripped}"
    programs.mkdir()
    program = programs / "executable-rten"
    shutil.copy2(target_folder() / lever.profile / program.name, program)
    if lever.stripped:
        subprocess.run(["strip", program], check=True)
    build = {
        "profile": prebuilt.SHIPPING,
        "target": sys.platform,
        "sha256": prebuilt.sha256_of(program),
    }
    (programs / prebuilt.BUILD).write_text(json.dumps({"rten": build}))
    (programs / "executable-rten.cdx.json").write_text('{"components": []}')
    output = folder / f"executable-{lever.profile}-{lever.stripped}"
    with mock.patch.dict(os.environ, {prebuilt.VARIABLE: str(programs)}):
        return _shipped(model.model, "rten", output)


def _smaller(model: Subject, precision: str, folder: Path) -> Path:
    say(f"weights in {precision}")
    calibration = CalibrationConfig(data=str(folder / "pictures"))
    options = QuantizeOptions(engine="rten", threads=1, force=True, calibration=calibration)
    made = optimize(model.config, quantize=precision, quantization=options)
    return _shipped(made.output, "rten", folder / f"executable-{precision}")


def _shipped(model: Path, engine: str, output: Path) -> Path:
    """A model behind the program of an engine that the wheel carries."""
    return package(model, kind="executable", engine=engine, output=output).path


def _steady(file: Path) -> float:
    """Milliseconds of a run once the program is warm."""
    command: list[str | Path] = [file, "--benchmark", str(_RUNS), "--threads", "1"]
    command += ["--shape", "1,3,224,224"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    return float(statistics.median(document["latency_ms"]))

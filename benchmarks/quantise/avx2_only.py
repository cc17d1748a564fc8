"""The same command on a processor without 8-bit dot products, by hiding what this one has.

Engines ask the processor (CPUID) and take their kernels for AVX2, which then run as they would on a
processor that has no others: `avx2_only.c`.
"""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.wheels import FetchError

SOURCE = Path(__file__).with_suffix(".c")
LIBRARY = "avx2_only.so"


def hiding(command: Sequence[str]) -> int:
    """Run a command and all that it starts on AVX2 alone; its exit code.

    Raises:
        FetchError: no such library can be built here.
    """
    before = os.environ.get("LD_PRELOAD", "").split()
    if any(Path(name).name == LIBRARY for name in before):
        raise FetchError("--avx2: this processor's other kernels could not be hidden")
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-avx2-") as folder:
        preloaded = " ".join([str(_built(Path(folder))), *before])
        environment = {**os.environ, "LD_PRELOAD": preloaded}
        return subprocess.run(command, env=environment, check=False).returncode


def _built(folder: Path) -> Path:
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise FetchError("--avx2 needs Linux on x86-64, where CPUID can be made to trap")
    library = folder / LIBRARY
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise FetchError("--avx2 builds a small library: install a C compiler, cc") from error
    if done.returncode != 0:
        raise FetchError(f"--avx2: {SOURCE.name} cannot be built: {done.stderr.strip()}")
    return library

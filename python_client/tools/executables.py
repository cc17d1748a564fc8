"""What the native wheel carries for `package --kind executable`, once Cargo built the programs.

`python -m tools.executables PROFILE TARGET FOLDER OUTPUT`; `scripts/executables.sh` calls it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from oxidizedvision.core.engines import NATIVE_MODULE
from oxidizedvision.core.files import sha256_of, write_text
from oxidizedvision.package.bill import TREE, crate_components
from oxidizedvision.package.prebuilt import BUILD, ENGINES
from oxidizedvision.package.sources import rust_root
from oxidizedvision.runners.libraries import package_folder

_CRATE = "model_executable"


def fill(profile: str, triple: str, built: Path, output: Path) -> None:
    """Copy the programs, each with the bill of its crates, and say how they were built."""
    output.mkdir(parents=True, exist_ok=True)
    prefix = "" if triple == _host() else f"{triple.replace('-unknown', '')}-"
    strip = shutil.which(f"{prefix}strip")
    build: dict[str, Any] = {}
    for engine in ENGINES:
        name = f"executable-{engine}"
        program = output / name
        shutil.copyfile(built / name, program)
        if strip:
            subprocess.run([strip, str(program)], check=True)
        program.chmod(0o755)
        build[engine] = {"profile": profile, "target": triple, "sha256": sha256_of(program)}
        crates = crate_components(_tree(engine, triple))
        write_text(output / f"{name}.cdx.json", json.dumps({"components": crates}, indent=1) + "\n")
    write_text(output / BUILD, json.dumps(build, indent=1) + "\n")


def install(triple: str, output: Path) -> None:
    """Copy another machine's programs to where the installed native module has this one's."""
    native = package_folder(NATIVE_MODULE)
    if native is not None and output.name == triple:
        shutil.copytree(output, native / output.parent.name / triple, dirs_exist_ok=True)


def _tree(engine: str, triple: str) -> str:
    command = ["cargo", *TREE, "--package", _CRATE, "--no-default-features", "--features", engine]
    command += ["--target", triple]
    done = subprocess.run(command, cwd=rust_root(), check=True, capture_output=True, text=True)
    return done.stdout


def _host() -> str:
    done = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("host: "))
    return line.removeprefix("host: ")


if __name__ == "__main__":
    fill(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    install(sys.argv[2], Path(sys.argv[4]))

"""Programs without a model, for tests of `--kind executable`: shell scripts that double.

A shell reads its script line by line, so that an archive may stand behind the last one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from oxidizedvision.core.files import sha256_of
from oxidizedvision.package.prebuilt import BUILD, ENGINES, SHIPPING

_PYTHON = """
import json, sys
import numpy as np

FACTOR = {factor}
arguments = sys.argv[1:]

def named(flag):
    return dict(
        arguments[place + 1].split("=", 1)
        for place, text in enumerate(arguments) if text == flag
    )

if "--info" in arguments:
    axes = ["batch", 3, "height", "width"]
    specs = {{
        kind: [{{"name": name, "dtype": "f32", "dims": axes}}]
        for kind, name in (("inputs", {inputs!r}), ("outputs", {outputs!r}))
    }}
    model = {{"model": "tiny", "backend": "rten", "backend_version": "0", "threads": 1}}
    print(json.dumps({{"schema_version": 1, "model": {{**model, **specs, "device": "cpu"}}}}))
elif "--check" in arguments:
    if FACTOR != 2:
        print("error: the answers differ from PyTorch's", file=sys.stderr)
        sys.exit(3)
else:
    given = np.load(next(iter(named("--input").values())))
    np.save(next(iter(named("--output").values())), given * np.float32(FACTOR))
"""


def write_prebuilt(
    folder: Path, *, factor: float = 2, inputs: str = "input", outputs: str = "output"
) -> Path:
    """Programs that multiply what they are given, and what the wheel has beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    build = {}
    for engine in ENGINES:
        code = folder / f"{engine}.py"
        code.write_text(_PYTHON.format(factor=factor, inputs=inputs, outputs=outputs))
        program = folder / f"executable-{engine}"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {code} "$@"\n')
        program.chmod(0o755)
        build[engine] = {"profile": SHIPPING, "target": "any", "sha256": sha256_of(program)}
        crates = [{"type": "library", "name": f"runner_{engine}", "version": "0.1.0"}]
        (folder / f"{program.name}.cdx.json").write_text(json.dumps({"components": crates}))
    (folder / BUILD).write_text(json.dumps(build))
    return folder

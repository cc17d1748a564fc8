"""The trained denoiser behind HTTP, with its status page: `make serve-demo`.

What `make demo` made is served where it is there; else the network is converted first. Arguments
go to `oxidizedvision serve`: `make serve-demo ARGS="--port 9000 --runner ort"`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).resolve().parent / "config.yml"
MANIFESTS = (Path("out/demo/denoiser.oxv.json"), Path("out/serve-demo/denoiser.oxv.json"))
RUNNER = "rten"
"""Needs no library beside the program."""


def main(arguments: list[str]) -> None:
    """Become the server; ends with the exit code of `convert` where that fails."""
    made = [path for path in MANIFESTS if path.is_file()]
    manifest = made[0] if made else MANIFESTS[-1]
    if not made:
        convert = command("convert", str(CONFIG), "--output-dir", str(manifest.parent))
        code = subprocess.run(convert, check=False).returncode
        if code != 0:
            sys.exit(code)
    runner = [] if "--runner" in arguments else ["--runner", RUNNER]
    serve = command("serve", str(manifest), *runner, *arguments)
    os.execv(serve[0], serve)  # noqa: S606 - the list is ours


def command(*arguments: str) -> list[str]:
    """Show a verb, and give the command that runs it."""
    print(f"$ oxidizedvision {' '.join(arguments)}", flush=True)
    return [sys.executable, "-m", "oxidizedvision", *arguments]


if __name__ == "__main__":
    main(sys.argv[1:])

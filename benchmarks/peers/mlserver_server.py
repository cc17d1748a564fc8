"""MLServer: a folder with its settings, and the runtime of mlserver_runtime.py."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from mlserver.cli import main

from benchmarks.peers.settings import Settings, read_settings

MODEL = "picture"


def write_settings(settings: Settings, folder: Path) -> None:
    """The two files that `mlserver start` reads; its other ports follow the first."""
    server = {
        "host": "127.0.0.1",
        "http_port": settings.port,
        "grpc_port": settings.port + 1,
        "metrics_port": settings.port + 2,
        # One process serves and computes; more stand beside it.
        "parallel_workers": settings.workers if settings.workers > 1 else 0,
        "debug": False,
    }
    runtime = "benchmarks.peers.mlserver_runtime.PictureRuntime"
    (folder / "settings.json").write_text(json.dumps(server), encoding="utf-8")
    (folder / "model-settings.json").write_text(
        json.dumps({"name": MODEL, "implementation": runtime}), encoding="utf-8"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-mlserver-") as name:
        write_settings(read_settings(__doc__), Path(name))
        sys.argv[1:] = ["start", name]
        main()

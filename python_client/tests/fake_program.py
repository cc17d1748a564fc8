"""An executable with a packaged program's command line, for tests of what starts it."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

_SCRIPT = """#!{python}
import json, os, signal, sys
import numpy as np

FAULT = {fault!r}
INFO = {{
    "model": "tiny.onnx", "backend": "tract", "backend_version": "0.0",
    "inputs": [{{"name": "input", "dtype": "f32", "dims": ["batch", 3, "height", "width"]}}],
    "outputs": [{{"name": "output", "dtype": "f32", "dims": ["batch", 3, "height", "width"]}}],
    "threads": 1, "device": "cpu",
}}
arguments = sys.argv[1:]

def value(flag):
    return arguments[arguments.index(flag) + 1]

if FAULT == "no-info":
    print("hello")
elif "--info" in arguments:
    print(json.dumps({{"schema_version": 1, "model": INFO}}))
elif "--benchmark-session" in arguments:
    print(json.dumps({{
        "backend": "tract", "backend_version": "0.0", "threads": int(value("--threads")),
        "load_ms": 2.0, "first_ms": 3.0, "peak_rss_mib": 4.0,
    }}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        times = [1.0 + index for index in range(asked.get("runs", asked.get("least")))]
        print(json.dumps({{"latency_ms": times, "peak_rss_mib": 4.0}}), flush=True)
elif FAULT == "dies":
    os.kill(os.getpid(), signal.SIGSEGV)
elif FAULT == "refuses":
    print("error: the picture is upside down\\nhint: turn it", file=sys.stderr)
    sys.exit(2)
elif FAULT == "hangs":
    import time
    time.sleep(60)
else:
    name, _, path = value("--input").partition("=")
    array = np.load(path)
    if FAULT != "writes-nothing":
        np.save(value("--output").partition("=")[2], array * {factor})
"""


def write_program(path: Path, *, fault: str = "", factor: float = 1.0) -> Path:
    """Write an executable that multiplies its input, or that has a fault."""
    path.write_text(_SCRIPT.format(python=sys.executable, fault=fault, factor=factor))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path

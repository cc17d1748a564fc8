"""The trained networks of MTCNN, from the wheel of facenet-pytorch 2.6.0 (MIT licence).

The wheel is fetched by its hash and without what it depends on: of it only the file with the
classes and the checkpoints are used.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.wheels import installed
from benchmarks.zoo.architecture import Architecture

WHEEL = "facenet-pytorch==2.6.0"
SHA256 = "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca"
NAMES = ("pnet", "rnet", "onet")
_SIZES = {"pnet": 48, "rnet": 24, "onet": 48}


def trained(folder: Path) -> list[Architecture]:
    """Fetch the wheel into a folder and describe its networks.

    pnet is fully convolutional: any number of pictures of any size from 12 pixels on.

    Raises:
        FetchError: with what the installer said.
    """
    package = installed(WHEEL, SHA256, folder / "wheel") / "facenet_pytorch"
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

"""What is served: MobileNetV2 with seeded weights, the trained denoiser, and photographs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from benchmarks.quantise.pictures import crops
from benchmarks.zoo.architecture import CONFIG, Architecture
from benchmarks.zoo.measure import prepared
from oxidizedvision.config import CalibrationConfig
from oxidizedvision.convert import convert
from oxidizedvision.optimize import QuantizeOptions, optimize
from oxidizedvision.runners.table import availability

ROOT = Path(__file__).resolve().parents[2]
_DENOISER = ROOT / "examples" / "denoiser"
_MOBILENET = Architecture(
    "mobilenet_v2", "cnn", "torchvision.models:mobilenet_v2", {"weights": None}, size=224
)
_OF_MOBILENET: dict[str, Any] = {
    "preprocess": {
        "resize": {"width": 224, "height": 224, "mode": "center-crop", "shorter_side": 256},
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
    "postprocess": {"kind": "classification", "top_k": 5},
}
_CALIBRATION = ("hubble_deep_field", "immunohistochemistry", "retina")
_CALIBRATION_SIDE = 256
_PHOTOGRAPHS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
SIDE = 640
"""Of the pictures, in pixels."""
_QUALITY = 90


@dataclass(frozen=True)
class Subject:
    """A model that is served.

    config: what it was converted by. model, manifest: what `convert` made. shape: of the tensor
    that it is sent. gives_pictures: whether its answer is a picture; else it is classes.
    """

    name: str
    config: Path
    model: Path
    manifest: Path
    shape: tuple[int, ...] = (1, 3, 224, 224)
    gives_pictures: bool = False


NAMES = ("mobilenet_v2", "denoiser")


def subject(name: str, folder: Path) -> Subject:
    """Convert one of `NAMES` into a folder that is new."""
    folder.mkdir(parents=True)
    config = _mobilenet(folder) if name == "mobilenet_v2" else _denoiser(folder)
    result = convert(config)
    return Subject(name, config, result.onnx, result.manifest, gives_pictures=name == "denoiser")


def smaller(name: str, folder: Path) -> Subject:
    """As `subject`, and with INT8 in the manifest where that keeps the budget and is faster."""
    made = subject(name, folder)
    pictures = folder / "calibration"
    pictures.mkdir()
    for place, crop in enumerate(crops(_CALIBRATION_SIDE, 16, seed=0, names=_CALIBRATION)):
        pixels = (crop.transpose(1, 2, 0) * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(pictures / f"{place}.png")
    engine = "openvino" if availability("openvino").ready else "ort"
    calibration = CalibrationConfig(data=str(pictures))
    options = QuantizeOptions(engine=engine, threads=1, calibration=calibration)
    optimize(made.config, quantize="int8", quantization=options)
    return made


def _mobilenet(folder: Path) -> Path:
    path = folder / CONFIG
    _write(path, {**_MOBILENET.config(folder), **_OF_MOBILENET})
    prepared(_MOBILENET, path)
    return path


def _denoiser(folder: Path) -> Path:
    shutil.copytree(_DENOISER / "weights", folder / "weights")
    shutil.copy2(_DENOISER / "model.py", folder)
    config = YAML(typ="safe", pure=True).load((_DENOISER / CONFIG).read_text(encoding="utf-8"))
    config["export"]["output_dir"] = str(folder / "out")
    path = folder / CONFIG
    _write(path, config)
    return path


def _write(path: Path, config: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(config, file)


def photographs(folder: Path) -> list[Path]:
    """Photographs as JPEG files of 640 x 640 pixels, in a folder that is new."""
    import skimage.data

    folder.mkdir(parents=True)
    written = []
    for name in _PHOTOGRAPHS:
        with Image.open(Path(skimage.data.__file__).parent / name) as picture:
            square = _square(picture.convert("RGB"))
        written.append(folder / f"{Path(name).stem}.jpg")
        square.save(written[-1], quality=_QUALITY)
    return written


def _square(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    box = (left, top, left + side, top + side)
    return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)

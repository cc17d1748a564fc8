"""The trained networks that are made smaller, with what they are calibrated and judged on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from ruamel.yaml import YAML

from benchmarks.quantise import digits, pictures
from benchmarks.wheels import installed
from benchmarks.zoo.architecture import CONFIG
from benchmarks.zoo.mtcnn import trained
from oxidizedvision.config import BudgetConfig
from oxidizedvision.convert import convert

_ROOT = Path(__file__).resolve().parents[2]
OCR = "rapidocr-onnxruntime==1.4.4"
OCR_SHA256 = "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf"
_CALIBRATED, _JUDGED = 48, 24


@dataclass(frozen=True)
class Model:
    """A model, what INT8 is calibrated on, and the budget, with what it is judged on."""

    name: str
    path: Path
    calibration: Path
    budget: BudgetConfig


def models(folder: Path, wanted: Callable[[str], bool]) -> Iterator[Model]:
    """Make each model in a folder."""
    for name, make in _MAKERS.items():
        if wanted(name):
            (folder / name).mkdir(parents=True)
            yield make(name, folder / name)


def _denoiser(name: str, folder: Path) -> Model:
    path = _converted(_ROOT / "examples" / "denoiser", folder)
    noisy, _ = pictures.noisy_pairs(128, _CALIBRATED, seed=0)
    judged, clean = pictures.noisy_pairs(128, _JUDGED, seed=1)
    return Model(
        name,
        path,
        pictures.save_arrays(folder / "calibration.npz", input=noisy),
        BudgetConfig(
            metric="psnr",
            max_drop=0.2,
            data=str(pictures.save_arrays(folder / "judged.npz", input=judged, output=clean)),
        ),
    )


def _converted(project: Path, folder: Path) -> Path:
    """The ONNX file of a project of the repository, converted into a folder."""
    copied = folder / "project"
    shutil.copytree(project, copied, ignore=shutil.ignore_patterns("out", "__pycache__"))
    yaml = YAML()
    config = yaml.load((copied / CONFIG).read_text(encoding="utf-8"))
    config["export"]["output_dir"] = str(folder / "out")
    with (copied / CONFIG).open("w", encoding="utf-8") as file:
        yaml.dump(config, file)
    return convert(copied / CONFIG).onnx


def _ocr(folder: Path, file: str) -> Path:
    package = installed(OCR, OCR_SHA256, folder / "wheel") / "rapidocr_onnxruntime"
    return shutil.copyfile(package / "models" / file, folder / "model.onnx")


def _detector(name: str, folder: Path) -> Model:
    path = _ocr(folder, "ch_PP-OCRv4_det_infer.onnx")
    made = (pictures.pages(320, 480, count, seed) for seed, count in ((0, 32), (1, 12)))
    return _foreign(name, folder, path, made, BudgetConfig(metric="iou", max_drop=0.03))


def _recogniser(name: str, folder: Path) -> Model:
    path = _ocr(folder, "ch_PP-OCRv4_rec_infer.onnx")
    made = (pictures.lines(48, 320, count, seed) for seed, count in ((0, 32), (1, 24)))
    return _foreign(name, folder, path, made, BudgetConfig(metric="top1", max_drop=0.01))


def _foreign(
    name: str, folder: Path, path: Path, made: Iterator[Any], budget: BudgetConfig
) -> Model:
    (entry,) = onnx.load(path).graph.input
    files = [
        pictures.save_arrays(folder / f"{part}.npz", **{entry.name: array})
        for part, array in zip(("calibration", "judged"), made, strict=True)
    ]
    return Model(name, path, files[0], budget.model_copy(update={"data": str(files[1])}))


def _mtcnn(name: str, folder: Path) -> Model:
    network = next(one for one in trained(folder / "mtcnn") if one.name == name)
    config = network.write_config(folder)
    path = convert(config).onnx
    made = (
        (pictures.crops(network.size, count, seed) * 255 - 127.5) / 128
        for seed, count in ((0, _CALIBRATED), (1, _JUDGED))
    )
    return _foreign(name, folder, path, made, BudgetConfig(metric="cosine", max_drop=0.01))


def _digits(name: str, folder: Path) -> Model:
    read = digits.train(folder / "digits.safetensors")
    if read < _LEAST_READ:
        raise SystemExit(f"the digits network reads {read:.1%} only")
    source = Path(digits.__file__)
    config = {
        "model": {
            "path": str(source),
            "class_name": "Digits",
            "input_shape": [1, 1, digits.SIDE, digits.SIDE],
            "checkpoint": str(folder / "digits.safetensors"),
        },
        "export": {
            "output_dir": str(folder / "out"),
            "model_name": name,
            "dynamic_axes": {"input": {0: "batch"}},
        },
    }
    with (folder / CONFIG).open("w", encoding="utf-8") as file:
        YAML().dump(config, file)
    path = convert(folder / CONFIG).onnx
    made = (digits.drawn(count, seed)[0] for seed, count in ((2, 200), (3, 300)))
    return _foreign(name, folder, path, made, BudgetConfig(metric="top1", max_drop=0.01))


_LEAST_READ = 0.97
_MAKERS: dict[str, Callable[[str, Path], Model]] = {
    "denoiser": _denoiser,
    "ppocr_det": _detector,
    "ppocr_rec": _recogniser,
    "pnet": _mtcnn,
    "rnet": _mtcnn,
    "onet": _mtcnn,
    "digits": _digits,
}
NAMES = tuple(_MAKERS)

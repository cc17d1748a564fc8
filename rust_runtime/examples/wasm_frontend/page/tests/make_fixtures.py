"""Writes what the page's browser tests load, with the answers that they must come to.

`python make_fixtures.py FOLDER`: the trained denoiser and a MobileNetV2 with PyTorch's answers, the
PP-OCR text detector with ONNX Runtime's, and pictures of the sizes that matter. What is there and
was made by this same script stays.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision import models, transforms

ROOT = Path(__file__).resolve().parents[5]
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "denoiser")]

import model as denoiser_model  # noqa: E402
import pictures  # noqa: E402

from benchmarks.quantise.models import OCR, OCR_SHA256  # noqa: E402
from benchmarks.wheels import installed  # noqa: E402
from oxidizedvision.convert import convert  # noqa: E402

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
OCR_SIZE = (384, 192)
OCR_THRESHOLD = 0.3
LARGE = (7744, 5184)
TOO_WIDE = (17_000, 8)

Pixels = NDArray[np.uint8]


def main(folder: Path) -> None:
    """Make everything, unless it is there."""
    stamp = folder / "stamp"
    mine = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == mine:
        return
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    torch.manual_seed(0)
    save_pictures(folder)
    answers = {
        "denoiser": denoiser(folder),
        "mobilenet": mobilenet(folder),
        "ocr": detector(folder),
    }
    (folder / "answers.json").write_text(json.dumps(answers, indent=1), encoding="utf-8")
    stamp.write_text(mine)


def save_pictures(folder: Path) -> None:
    """The noisy cat, the cat, a printed page, 40 megapixels, and one that is too wide."""
    clean = pictures.load("chelsea.png")
    Image.fromarray(pictures.add_noise(clean)).save(folder / "noisy.png")
    cat = Image.fromarray((clean * 255).round().astype(np.uint8))
    cat.save(folder / "cat.png")
    page = Image.open(Path(skimage.data.__file__).parent / "page.png").convert("RGB")
    page.save(folder / "page.png")
    cat.resize(LARGE, Image.Resampling.BILINEAR).save(folder / "large.jpg", quality=80)
    Image.new("RGB", TOO_WIDE, (40, 80, 120)).save(folder / "too_wide.png")


def denoiser(folder: Path) -> dict[str, Any]:
    """The repository's trained network; PyTorch's answer to the noisy cat is a picture."""
    project = ROOT / "examples" / "denoiser"
    converted(folder, "denoiser", project / "config.yml")
    network = denoiser_model.Denoiser().eval()
    network.load_state_dict(load_file(project / "weights" / "denoiser.safetensors"))
    noisy = np.asarray(Image.open(folder / "noisy.png"), np.float32) / 255
    with torch.no_grad():
        output = network(torch.from_numpy(noisy.transpose(2, 0, 1).copy())[None])[0].numpy()
    pixels = np.rint(np.clip(output.transpose(1, 2, 0) * 255, 0, 255)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "denoised.png")
    return {"width": pixels.shape[1], "height": pixels.shape[0]}


def mobilenet(folder: Path) -> dict[str, Any]:
    """MobileNetV2 of seeded weights, its batch norms calibrated, so that its scores differ."""
    network = models.mobilenet_v2(weights=None, norm_layer=partial(nn.BatchNorm2d, momentum=None))
    cat = Image.open(folder / "cat.png").convert("RGB")
    prepare = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    batch = torch.stack([prepare(cat), prepare(cat.rotate(90)), torch.randn(3, 224, 224)])
    with torch.no_grad():
        for _ in range(2):
            network.train()(batch)
        network.eval()
        network.classifier[1].weight.mul_(40)
        network.classifier[1].bias.mul_(40)
    save_file(network.state_dict(), folder / "mobilenet.safetensors")
    strip_metadata(
        converted(folder, "mobilenet", write_config(folder)), folder / "mobilenet_foreign.onnx"
    )
    whole = transforms.Compose([transforms.Resize(224), *prepare.transforms[1:]])
    return {
        "classes": best_classes(network, prepare(cat)),
        "whole": best_classes(network, whole(cat)),
    }


def best_classes(network: nn.Module, picture: torch.Tensor) -> list[dict[str, Any]]:
    """PyTorch's five best classes of a prepared picture."""
    with torch.no_grad():
        best = network(picture[None])[0].softmax(0).topk(5)
    return [
        {"classId": int(at), "score": float(score)}
        for score, at in zip(best.values, best.indices, strict=True)
    ]


def write_config(folder: Path) -> Path:
    """How MobileNetV2 is converted."""
    resize = {"width": 224, "height": 224, "mode": "center-crop", "shorter_side": 256}
    config = {
        "model": {
            "path": "torchvision.models:mobilenet_v2",
            "class_name": "mobilenet_v2",
            "input_shape": [1, 3, 224, 224],
            "checkpoint": "mobilenet.safetensors",
        },
        "export": {"model_name": "mobilenet", "output_dir": str(folder / "mobilenet")},
        "preprocess": {"color": "rgb", "resize": resize, "mean": MEAN, "std": STD},
        "postprocess": {
            "kind": "classification",
            "labels": models.MobileNet_V2_Weights.DEFAULT.meta["categories"],
        },
    }
    path = folder / "mobilenet.yml"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(config, file)
    return path


def converted(folder: Path, name: str, config: Path) -> Path:
    """The ONNX file of a config, with its goldens beside it."""
    yaml = YAML()
    said = yaml.load(config.read_text(encoding="utf-8"))
    said["export"]["output_dir"] = str(folder / name)
    said["export"]["model_name"] = name
    for key in ("path", "checkpoint"):
        beside = config.parent / said["model"][key]
        if beside.exists():
            said["model"][key] = str(beside)
    written = folder / f"{name}.config.yml"
    with written.open("w", encoding="utf-8") as file:
        yaml.dump(said, file)
    made = Path(convert(written).onnx)
    goldens = made.with_name(f"{name}.golden.safetensors")
    made.replace(folder / made.name)
    goldens.replace(folder / goldens.name)
    return folder / made.name


def strip_metadata(path: Path, stripped: Path) -> None:
    """The same network as others would have exported it."""
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, stripped)


def detector(folder: Path) -> dict[str, Any]:
    """PP-OCR's text detector as its package ships it, and the share of text in the page."""
    shutil.rmtree(folder / "wheel", ignore_errors=True)
    package = installed(OCR, OCR_SHA256, folder / "wheel") / "rapidocr_onnxruntime"
    content = (package / "models" / "ch_PP-OCRv4_det_infer.onnx").read_bytes()
    (folder / "ocr.onnx").write_bytes(content)
    page = Image.open(folder / "page.png").resize(OCR_SIZE, Image.Resampling.BILINEAR)
    values = (np.asarray(page, np.float32) / 255 - np.array(MEAN)) / np.array(STD)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    array = np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)
    (output,) = session.run(None, {session.get_inputs()[0].name: array})
    share = float((np.asarray(output)[0, 0] > OCR_THRESHOLD).mean())
    return {"share": share, "size": OCR_SIZE, "threshold": OCR_THRESHOLD}


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

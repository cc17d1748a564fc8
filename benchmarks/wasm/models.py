"""What is loaded and run: MobileNetV2, the trained denoiser and a UNet, with PyTorch's answers."""

from __future__ import annotations

import hashlib
import json
import runpy
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oxidizedvision.onnx_file import read_onnx

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".tools" / "bench-wasm"
"""Converting takes a minute, and the models are the same every time."""
NAMES = ("mobilenet_v2", "denoiser", "unet")
_DENOISER = ROOT / "examples" / "denoiser"
_UNET = ROOT / "examples" / "example_unet" / "model.py"
_WEIGHTS = _DENOISER / "weights" / "denoiser.safetensors"
_SOURCES = (Path(__file__), _DENOISER / "model.py", _DENOISER / "config.yml", _WEIGHTS, _UNET)
_WIDTHS = (32, 64, 128, 256, 512)
_SIDES = {"mobilenet_v2": 224, "denoiser": 128, "unet": 256}
_BATCH = 4
_OPSET = 17
_STAMP, _SHAPE = "sources-sha256", "shape.json"
MODEL, PICTURE, ANSWER = "model.onnx", "picture.bin", "answer.bin"
"""Of a subject's folder; the latter two are the values, row by row, as little-endian floats."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Subject:
    """A model, what it is given, and what PyTorch answers, as files of one folder.

    shape: of its only input. axes: lengths of the axes that the file leaves open, by name.
    """

    name: str
    folder: Path
    input_name: str
    shape: Sequence[int]
    axes: Mapping[str, int]


def subject(name: str, kept: Path = KEPT) -> Subject:
    """One of `NAMES`, made where it was not before, or from other sources."""
    folder = kept / name
    stamp = folder / _STAMP
    mine = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != mine:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _make(name, folder)
        stamp.write_text(mine, encoding="ascii")
    shape = json.loads((folder / _SHAPE).read_text(encoding="ascii"))
    (value,) = read_onnx(folder / MODEL).graph.input
    lengths = zip(value.type.tensor_type.shape.dim, shape, strict=True)
    axes = {axis.dim_param: length for axis, length in lengths if axis.dim_param}
    return Subject(name, folder, value.name, shape, axes)


def _make(name: str, folder: Path) -> None:
    network: Any
    if name == "denoiser":
        network, picture = _denoiser(folder)
    else:
        network, picture = _seeded(name, folder)
    import torch

    with torch.inference_mode():
        answer = network(torch.from_numpy(picture)).numpy()
    (folder / _SHAPE).write_text(json.dumps(picture.shape), encoding="ascii")
    picture.tofile(folder / PICTURE)
    answer.tofile(folder / ANSWER)


def _denoiser(folder: Path) -> tuple[Any, Array]:
    """The trained network by `convert`, and a photograph with noise."""
    from safetensors.torch import load_file

    from benchmarks.quantise.pictures import noisy_pairs
    from oxidizedvision.config import load_config
    from oxidizedvision.convert import convert
    from oxidizedvision.convert.source import build_network

    config = _DENOISER / "config.yml"
    shutil.copy(convert(config, output_dir=folder / "out").onnx, folder / MODEL)
    network = build_network(load_config(config)).eval()
    network.load_state_dict(load_file(_WEIGHTS))
    return network, noisy_pairs(_SIDES["denoiser"], 1, seed=0)[0]


def _seeded(name: str, folder: Path) -> tuple[Any, Array]:
    """A network with seeded weights, as PyTorch itself exports it."""
    import torch

    torch.manual_seed(0)
    network = _built(name)
    shape = (_BATCH, 3, _SIDES[name], _SIDES[name])
    _calibrate(network, [torch.randn(shape) for _ in range(2)])
    picture = torch.randn(1, *shape[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (picture,),
            folder / MODEL,
            input_names=["input"],
            opset_version=_OPSET,
            dynamo=False,
        )
    return network, picture.numpy()


def _built(name: str) -> Any:
    if name == "unet":
        return runpy.run_path(str(_UNET))["UNet"](_WIDTHS)
    from torchvision.models import mobilenet_v2

    return mobilenet_v2(weights=None)


def _calibrate(network: Any, batches: Sequence[Any]) -> None:
    """Give batch norms the statistics of pictures: untouched, every answer is almost zero."""
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    for part in network.modules():
        if isinstance(part, _BatchNorm):
            part.momentum = None  # the plain average, and not one that forgets
    network.train()
    with torch.no_grad():
        for batch in batches:
            network(batch)
    network.eval()

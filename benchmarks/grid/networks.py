"""The eight networks that speed is told on, at the sizes they are used at, with seeded weights."""

from __future__ import annotations

from pathlib import Path

from benchmarks.zoo.architecture import Architecture

_UNET = Path(__file__).resolve().parents[2] / "examples" / "example_unet" / "model.py"
_WITHOUT_WEIGHTS = {"weights": None}


def _torchvision(name: str) -> Architecture:
    path = f"torchvision.models:{name}"
    return Architecture(name, "cnn", path, _WITHOUT_WEIGHTS, size=224)


NETWORKS = (
    _torchvision("resnet18"),
    _torchvision("resnet50"),
    _torchvision("mobilenet_v2"),
    _torchvision("mobilenet_v3_large"),
    _torchvision("efficientnet_b0"),
    _torchvision("convnext_tiny"),
    Architecture(
        "vit_small_patch16_224",
        "transformer",
        "timm:create_model",
        {"model_name": "vit_small_patch16_224", "pretrained": False},
        size=224,
    ),
    Architecture("unet", "segmentation", str(_UNET), {}, size=256, attribute="UNet"),
)

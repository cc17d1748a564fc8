"""The networks of the zoo: well-known architectures with seeded weights.

Weights as a constructor leaves them give outputs so small that any error vanishes in them, so the
batch-norm statistics are those of two batches, and heads that start at zero are made random.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn
from torchvision import models

CLASSES = 20
UNET = Path(__file__).resolve().parents[2] / "examples" / "example_unet" / "model.py"


def mobilenet_v3(size: int = 224) -> nn.Module:
    """MobileNetV3, the small one: depthwise convolutions, hard swish, squeeze and excitation."""
    torch.manual_seed(1)
    return calibrated(models.mobilenet_v3_small(weights=None, num_classes=CLASSES), size)


def resnet(size: int = 224) -> nn.Module:
    """ResNet-18: convolutions with sums across, and pooling."""
    torch.manual_seed(2)
    return calibrated(models.resnet18(weights=None, num_classes=CLASSES), size)


def vit(size: int = 224) -> nn.Module:
    """A vision transformer of the small kind: attention, layer norm, GELU."""
    # The fused attention of PyTorch's own is one operator that ONNX has not.
    torch.backends.mha.set_fastpath_enabled(False)
    torch.manual_seed(3)
    network = models.VisionTransformer(
        image_size=size,
        patch_size=16,
        num_layers=6,
        num_heads=6,
        hidden_dim=384,
        mlp_dim=1536,
        num_classes=CLASSES,
    )
    # torchvision starts the head at zero.
    nn.init.normal_(network.heads.head.weight, std=0.05)
    return network.eval()


def unet(size: int = 224) -> nn.Module:
    """The U-Net of `examples/`: transposed convolutions, concatenation."""
    torch.manual_seed(4)
    spec = importlib.util.spec_from_file_location("example_unet", UNET)
    if spec is None or spec.loader is None:
        raise ImportError(f"{UNET} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: nn.Module = module.UNet()
    return calibrated(network, size)


def calibrated(network: nn.Module, size: int) -> nn.Module:
    """The network with the statistics of two batches in its batch norms."""
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        # The plain average of all batches, and not one that forgets.
        norm.momentum = None
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(4, 3, size, size))
    return network.eval()

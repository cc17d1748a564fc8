"""Seeded weights with which a wrong export shows.

As constructors leave them, many weights are zero, one, or almost nothing: a bias that is lost, a
branch that is scaled by 1e-6 or a head that starts at zero changes no answer, and signals die out
with depth. So nothing stays constant, and batch norms get the statistics of a batch.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_SPREAD = 0.05
_SCALE = 0.3
_FAINT = 0.1
_MATRIX, _FAINT_MATRIX = 0.02, 0.002
_LEAST_VARIANCE = 0.01
"""Of the layer's mean: a channel that hardly ever fires would be made enormous when it does."""
_BATCH = 16
_CONTRAST = (-1.0, 1.3)
"""Powers of ten."""


def enliven(network: nn.Module, shape: tuple[int, ...], seed: int) -> nn.Module:
    """The network in eval mode, with weights that all matter.

    Args:
        network: Changed in place.
        shape: Of its only input, `[1, 3, height, width]`.
        seed: Decides every number.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if _is_constant(parameter):
                parameter.copy_(_varied(name, parameter, generator))
            elif parameter.dim() > 1 and parameter.std() < _FAINT_MATRIX:
                parameter.mul_(_MATRIX / parameter.std())
    return _calibrated(network, shape, generator)


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the state dict as safetensors; tensors that are shared are written twice."""
    state = {name: tensor.clone().contiguous() for name, tensor in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path)


def _is_constant(parameter: torch.Tensor) -> bool:
    return parameter.is_floating_point() and bool((parameter == parameter.flatten()[0]).all())


def _varied(name: str, parameter: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Noise around the constant; around a scale that lets signals through where it is faint."""
    center = float(parameter.flatten()[0])
    is_scale = parameter.squeeze().dim() == 1 and not name.endswith("bias")
    if is_scale and abs(center) < _FAINT:
        center = _SCALE
    return center + _SPREAD * torch.randn(parameter.shape, generator=generator)


def _calibrated(
    network: nn.Module, shape: tuple[int, ...], generator: torch.Generator
) -> nn.Module:
    """Only batch norms see the batch as in training: dropout and the like stay off.

    Their biases are as large as the signal: where every one is small, each layer subtracts almost
    all that it is given and makes the rest larger, and with it what rounding did before.
    """
    network.eval()
    norms = [part for part in network.modules() if isinstance(part, _BatchNorm)]
    with torch.no_grad():
        for norm in norms:
            if norm.bias is not None:
                norm.bias.copy_(torch.randn(norm.bias.shape, generator=generator))
            norm.reset_running_stats()
            norm.momentum = None  # the plain average, and not one that forgets
            norm.train()
        if norms:
            network(_pictures(shape, generator))
        for norm in norms:
            if norm.running_var is not None:
                norm.running_var.clamp_(min=_LEAST_VARIANCE * float(norm.running_var.mean()))
    return network.eval()


def _pictures(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """A batch whose pictures differ: plain noise is the same everywhere once it is averaged.

    They go from faint to glaring, since `convert` tries such inputs too: far outside of what its
    batch norms have seen, a network multiplies rounding until nothing can be compared.
    """
    _, channels, height, width = shape
    coarse = torch.randn(_BATCH, channels, 4, 4, generator=generator)
    smooth = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    fine = torch.randn(_BATCH, channels, height, width, generator=generator)
    contrast = 10 ** torch.linspace(*_CONTRAST, _BATCH).reshape(-1, 1, 1, 1)
    return contrast * (smooth + fine)

"""A small residual convolutional network that takes noise out of photographs."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


class Denoiser(nn.Module):
    """Estimates the noise in an RGB picture and subtracts it.

    Input and output are `[batch, 3, height, width]`, values 0 to 1, any height and width. Each
    layer is a 3x3 convolution, so an output pixel depends on `depth` pixels to each side.
    """

    def __init__(self, channels: int = 24, depth: int = 6) -> None:
        super().__init__()
        widths = [3, *[channels] * (depth - 1), 3]
        layers: list[nn.Module] = []
        for wide_in, wide_out in pairwise(widths):
            layers += [nn.Conv2d(wide_in, wide_out, 3, padding=1), nn.ReLU()]
        self.noise = nn.Sequential(*layers[:-1])

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        # Training converges when the layers see values around 0 and give values around 1.
        return picture - 0.1 * self.noise(4.0 * picture - 2.0)

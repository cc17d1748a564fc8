"""U-Net: an encoder and a decoder with connections across at each size."""

from __future__ import annotations

import torch
from torch import nn


def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """Two 3x3 convolutions, each normalised, that keep height and width."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
        nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """Segments a picture.

    Input `[batch, 3, height, width]`, output `[batch, classes, height, width]` of logits. Height
    and width are multiples of 2 to the power of the number of widths less one.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128), classes: int = 1) -> None:
        super().__init__()
        ins = (3, *widths[:-1])
        self.down = nn.ModuleList(block(a, b) for a, b in zip(ins, widths, strict=True))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(block(2 * b, b) for _, b in pairs)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        *across, features = self._encoded(picture)
        for grow, merge in zip(self.grow, self.up, strict=True):
            features = merge(torch.cat([across.pop(), grow(features)], dim=1))
        return self.head(features)

    def _encoded(self, picture: torch.Tensor) -> list[torch.Tensor]:
        found = [self.down[0](picture)]
        for step in list(self.down)[1:]:
            found.append(step(self.pool(found[-1])))
        return found

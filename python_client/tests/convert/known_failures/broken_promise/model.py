"""Halves and doubles, so that odd heights do not fit; the config promises all."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shrink = nn.MaxPool2d(2)
        self.grow = nn.Upsample(scale_factor=2)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture + self.grow(self.shrink(picture))  # cause

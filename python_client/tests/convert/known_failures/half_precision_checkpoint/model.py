"""The checkpoint holds 16-bit numbers."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return self.conv(picture)

"""The weights are half precision, the picture is not."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1).half()

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return self.conv(picture)  # cause

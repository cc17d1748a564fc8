"""PNet, the first network of MTCNN: where in a picture faces may be."""

from __future__ import annotations

import itertools

import torch
from torch import nn

_CHANNELS = (3, 10, 16, 32)
_SCORES, _CORNERS = 2, 4


class PNet(nn.Module):
    """Looks at windows of 12 pixels, every second pixel.

    Input `[batch, 3, height, width]` of at least 12 pixels each way, with values of -1 to 1.
    Outputs `[batch, 4, rows, columns]`, how far a window's face is from the window's corners, and
    `[batch, 2, rows, columns]`, how likely the window holds none and one.
    """

    def __init__(self) -> None:
        super().__init__()
        for number, pair in enumerate(itertools.pairwise(_CHANNELS), 1):
            self.add_module(f"conv{number}", nn.Conv2d(*pair, 3))
            self.add_module(f"prelu{number}", nn.PReLU(pair[1]))
        self.pool1 = nn.MaxPool2d(2, ceil_mode=True)
        self.conv4_1 = nn.Conv2d(_CHANNELS[-1], _SCORES, 1)
        self.conv4_2 = nn.Conv2d(_CHANNELS[-1], _CORNERS, 1)

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.pool1(self.prelu1(self.conv1(picture)))
        features = self.prelu2(self.conv2(features))
        features = self.prelu3(self.conv3(features))
        return self.conv4_2(features), torch.softmax(self.conv4_1(features), dim=1)

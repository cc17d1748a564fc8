"""Makes a number of the picture's values, which a trace writes down as it was."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        brightest = picture.max().item()  # cause
        return picture / (1 + abs(brightest))

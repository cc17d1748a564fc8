"""Writes into the picture that it was given."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        picture.mul_(2)
        return picture + 1

"""Decides by the values of the picture."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        if picture.mean() > 0:  # cause
            return picture * 2
        return picture - 1

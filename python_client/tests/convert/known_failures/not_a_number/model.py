"""Divides by zero."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture / (picture - picture)

"""Takes the batch for a number."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture.reshape(len(picture), -1) * 2  # cause

"""Makes an integer of a length, which a trace writes down as it was."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        batch = int(picture.shape[0])  # cause
        return picture.reshape(batch, -1) * 2

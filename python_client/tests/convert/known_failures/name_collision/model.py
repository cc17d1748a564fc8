"""Its only output is given the name of its input."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture * 2

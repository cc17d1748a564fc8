"""The functional dropout knows nothing of eval mode."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(picture, 0.5)

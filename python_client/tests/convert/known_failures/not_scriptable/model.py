"""Takes keyword arguments that TorchScript does not know."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor, **options: float) -> torch.Tensor:  # cause
        return picture * options.get("scale", 2.0)

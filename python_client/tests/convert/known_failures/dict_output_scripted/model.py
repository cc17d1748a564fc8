"""Returns a dict, which the exporter on TorchScript cannot write."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"doubled": picture * 2}

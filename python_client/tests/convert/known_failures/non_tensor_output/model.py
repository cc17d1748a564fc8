"""Returns a word beside the tensor."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, str]:
        return picture * 2, "sharp"

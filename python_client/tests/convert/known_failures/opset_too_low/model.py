"""Uses grid_sample, which ONNX has from opset 16 on."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        grid = picture[:, :2].permute(0, 2, 3, 1)
        return nn.functional.grid_sample(picture, grid, align_corners=False)  # cause

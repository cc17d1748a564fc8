"""Ends the process that traces it."""

import os
import signal

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            os.kill(os.getpid(), signal.SIGSEGV)
        return picture * 2

"""Imports a package that is not installed."""

import house_layers  # cause
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = house_layers.Layer()

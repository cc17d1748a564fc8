"""The network's first run, before an exporter watches it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def run_once(network: torch.nn.Module, example: tuple[torch.Tensor, ...]) -> None:
    """Run a copy of a network, so that what `forward` imports is there when it is recorded.

    A package that is imported while a trace is recorded registers and calls operators of its own,
    which the trace takes for a part of the network, or fails on. The copy shares the parameters;
    buffers and what `forward` keeps for its next run are the copy's. What it raises is left to the
    exporter, which meets it too and tells it.
    """
    import torch

    shared = {id(parameter): parameter for parameter in network.parameters()}
    try:
        with torch.no_grad():
            copy.deepcopy(network, shared)(*(value.clone() for value in example))
    except (Exception, SystemExit):  # noqa: BLE001 - the user's code may raise anything
        return

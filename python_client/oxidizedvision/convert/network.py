"""The network ready to run, and runs of it whose failures are told in the user's terms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import Config, resolve_checkpoint
from oxidizedvision.convert.checkpoint import load_checkpoint
from oxidizedvision.convert.source import build_network, describe, source_file
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPE_OF_NUMPY

if TYPE_CHECKING:
    import torch

    from oxidizedvision.core.tensors import Array


def load_module(config: Config) -> torch.nn.Module:
    """The config's network with its checkpoint, in eval mode, without gradients.

    Without a checkpoint its weights are random and the same at every call.

    Raises:
        OxidizedVisionError: `model` or `checkpoint`.
    """
    network = build_network(config)
    checkpoint = resolve_checkpoint(config)
    if checkpoint is not None:
        load_checkpoint(network, checkpoint)
    return network.eval().requires_grad_(False)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: sums come out the same on every machine's number of cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Network:
    """A loaded network and what its messages need."""

    module: torch.nn.Module
    name: str
    file: Path | None

    @classmethod
    def of(cls, config: Config) -> Network:
        """Load the network of a config; raises what `load_module` raises."""
        module = load_module(config)
        return cls(module, config.model.class_name or type(module).__name__, source_file(config))

    def run(self, array: Array) -> list[Array]:
        """All outputs for one float32 input.

        Raises:
            OxidizedVisionError: `model` when the network raises, or returns what is no tensor.
        """
        import torch

        try:
            with torch.no_grad():
                result = self.module(torch.from_numpy(np.array(array, order="C")))
        except (Exception, SystemExit) as error:
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} does not take an input of shape {list(array.shape)}: "
                f"{describe(error, self.file)}",
                "Check model.input_shape and the network's forward.",
            ) from error
        outputs = [self._array(value) for value in _listed(result)]
        if not outputs:
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} returns no tensor",
                "forward returns a tensor, or a tuple of tensors.",
            )
        return outputs

    def checked(self, array: Array) -> list[Array]:
        """As `run`, and the outputs are finite and come out the same a second time.

        Raises:
            OxidizedVisionError: `model` when they are not, besides what `run` raises.
        """
        outputs = self.run(array)
        for index, (first, second) in enumerate(zip(outputs, self.run(array), strict=True)):
            if not np.isfinite(first).all():
                bad = int(np.count_nonzero(~np.isfinite(first)))
                raise OxidizedVisionError(
                    Kind.MODEL,
                    f"Output {index} of {self.name} has {bad} values of {first.size} that are "
                    "NaN or infinite",
                    "Check the checkpoint for NaN, and the network for a division by zero.",
                )
            if not np.allclose(first, second, rtol=1e-3, atol=1e-5):
                raise OxidizedVisionError(
                    Kind.MODEL,
                    f"Output {index} of {self.name} differs between two runs on the same input",
                    "Something stays random in eval mode: give F.dropout training=self.training.",
                )
        return outputs

    def _array(self, value: object) -> Array:
        import torch

        if not isinstance(value, torch.Tensor):
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} returns a {type(value).__name__} where a tensor is wanted",
                "forward returns a tensor, or a tuple of tensors.",
            )
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype not in DTYPE_OF_NUMPY:
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} returns {dtype}, which the engines do not pass",
                f"Return one of {', '.join(DTYPE_OF_NUMPY)}.",
            )
        array: Array = value.detach().cpu().numpy()
        return array


def _listed(result: object) -> list[object]:
    return list(result) if isinstance(result, tuple | list) else [result]

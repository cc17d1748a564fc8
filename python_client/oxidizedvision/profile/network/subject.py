"""The network under the profiler, and examples of what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import Config
from oxidizedvision.convert.network import Network
from oxidizedvision.convert.source import describe
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.shapes import checked_shapes
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners.examples import example_of

if TYPE_CHECKING:
    import torch

_SEED = 0


@dataclass(frozen=True)
class Subject:
    """A network and one example of each input, in the order in which `forward` takes them."""

    module: torch.nn.Module
    name: str
    file: Path | None
    inputs: tuple[TensorSpec, ...]
    examples: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, config: Config, shapes: Mapping[str, Sequence[int]]) -> Subject:
        """Load the network of a config; `shapes` replace the config's, by input.

        Raises:
            OxidizedVisionError: what `Network.of` raises, and `unknown_input` or
                `shape_mismatch` for shapes that do not fit.
        """
        import torch

        network = Network.of(config)
        declared = [TensorSpec(i.name, i.dtype, tuple(i.shape)) for i in network.inputs]
        chosen = checked_shapes(network.name, declared, shapes, fixed=False)
        generator = np.random.default_rng(_SEED)
        lengths = {name: [int(dim) for dim in dims] for name, dims in chosen.items()}
        arrays = [example_of(item, lengths[item.name], generator) for item in network.inputs]
        specs = tuple(TensorSpec(i.name, i.dtype, chosen[i.name]) for i in network.inputs)
        examples = tuple(map(torch.from_numpy, arrays))
        return cls(network.module, network.name, network.file, specs, examples)

    def run(self) -> None:
        """Run the network once and drop what it returns.

        Raises:
            OxidizedVisionError: `model` when the network raises.
        """
        import torch

        try:
            with torch.no_grad():
                self.module(*self.examples)
        except (Exception, SystemExit) as error:
            shapes = ", ".join(f"{spec.name} {spec.dims_text()}" for spec in self.inputs)
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} does not take {shapes}: {describe(error, self.file)}",
                "Check the shapes in the config or in --shape, and the network's forward.",
            ) from error

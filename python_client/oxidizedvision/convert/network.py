"""The network ready to run, and runs of it whose failures are told in the user's terms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.config import Config, resolve_checkpoint
from oxidizedvision.config.axes import InputConfig
from oxidizedvision.convert.checkpoint import load_checkpoint
from oxidizedvision.convert.source import build_network, describe, source_file, source_folders
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPE_OF_NUMPY
from oxidizedvision.runners.torch_outputs import Path as OutputPath
from oxidizedvision.runners.torch_outputs import leaves, names_of

if TYPE_CHECKING:
    import torch

    from oxidizedvision.core.tensors import Array

Arrays = dict[str, "Array"]
"""Tensors by name."""

_RETURN_TENSORS = "forward returns a tensor, or tuples, lists or dicts of tensors."


def load_module(config: Config) -> torch.nn.Module:
    """The config's network with its checkpoint, in eval mode, without gradients.

    Without a checkpoint its weights are random and the same at every call.

    Raises:
        OxidizedVisionError: `model` or `checkpoint`.
    """
    network = build_network(config)
    checkpoint = resolve_checkpoint(config)
    if checkpoint is not None:
        load_checkpoint(
            network,
            checkpoint,
            key=config.model.checkpoint_key,
            trust=config.model.trust_checkpoint,
            folders=source_folders(config),
        )
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
    """A loaded network, what its tensors are called, and what its messages need.

    inputs: in the order in which `forward` takes them. output_names: the user's own names for the
    outputs; empty takes the network's.
    """

    module: torch.nn.Module
    name: str
    file: Path | None
    inputs: tuple[InputConfig, ...]
    output_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Config) -> Network:
        """Load the network of a config; raises what `load_module` raises."""
        module = load_module(config)
        name = config.model.class_name or type(module).__name__
        model = config.model
        return cls(module, name, source_file(config), model.input_configs, tuple(model.outputs))

    def run(self, inputs: Arrays) -> Arrays:
        """All outputs by name.

        Raises:
            OxidizedVisionError: `model` when the network raises, or returns what is no tensor.
        """
        found = self._leaves(inputs)
        if not found:
            raise OxidizedVisionError(Kind.MODEL, f"{self.name} returns no tensor", _RETURN_TENSORS)
        names = self._names([path for path, _ in found])
        return {name: self._array(name, v) for name, (_, v) in zip(names, found, strict=True)}

    def returns_flat(self, inputs: Arrays) -> bool:
        """Whether `forward` gives a tensor or a tuple or list of tensors, and nothing nested."""
        return all(
            len(path) <= 1 and not isinstance((*path, 0)[0], str)
            for path, _ in self._leaves(inputs)
        )

    def _leaves(self, inputs: Arrays) -> list[tuple[OutputPath, Any]]:
        import torch

        # Copies: the network may work in place, and the arrays are the caller's.
        arrays = [np.array(inputs[item.name], order="C") for item in self.inputs]
        try:
            with torch.no_grad():
                return list(leaves(self.module(*map(torch.from_numpy, arrays))))
        except (Exception, SystemExit) as error:
            shapes = ", ".join(
                f"{item.name} {list(inputs[item.name].shape)}" for item in self.inputs
            )
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} does not take {shapes}: {describe(error, self.file)}",
                self._advice(error),
            ) from error

    def _advice(self, error: BaseException) -> str:
        text = str(error)
        if "Half" in text or "BFloat16" in text:
            return (
                "The network's weights are half precision: call .float() on it, or give "
                "model.inputs a dtype of f16."
            )
        if isinstance(error, TypeError) and "positional argument" in text:
            return "List every input of forward in model.inputs, in its order."
        return "Check the shapes in model.input_shape or model.inputs, and the network's forward."

    def _names(self, paths: list[OutputPath]) -> list[str]:
        if not self.output_names:
            return names_of(paths, [item.name for item in self.inputs])
        if len(self.output_names) != len(paths):
            own = ", ".join(names_of(paths, [item.name for item in self.inputs]))
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} returns {len(paths)} tensors ({own}), model.outputs names "
                f"{len(self.output_names)}",
                "Name every output in model.outputs, or leave it out.",
            )
        return list(self.output_names)

    def checked(self, inputs: Arrays) -> Arrays:
        """As `run`, and the outputs are finite and come out the same a second time.

        Raises:
            OxidizedVisionError: `model` when they are not, besides what `run` raises.
        """
        outputs = self.run(inputs)
        for (name, first), second in zip(outputs.items(), self.run(inputs).values(), strict=True):
            if not np.isfinite(first).all():
                bad = int(np.count_nonzero(~np.isfinite(first)))
                raise OxidizedVisionError(
                    Kind.MODEL,
                    f"{name} of {self.name} has {bad} values of {first.size} that are "
                    "NaN or infinite",
                    "Check the checkpoint for NaN, and the network for a division by zero.",
                )
            if first.shape != second.shape or not np.allclose(first, second, rtol=1e-3, atol=1e-5):
                raise OxidizedVisionError(
                    Kind.MODEL,
                    f"{name} of {self.name} differs between two runs on the same input",
                    "Something stays random in eval mode: give F.dropout training=self.training.",
                )
        return outputs

    def changes_its_input(self, inputs: Arrays) -> list[str]:
        """The inputs that `forward` writes into."""
        import torch

        tensors = [torch.from_numpy(np.array(inputs[item.name], order="C")) for item in self.inputs]
        with torch.no_grad():
            self.module(*tensors)
        return [
            item.name
            for item, tensor in zip(self.inputs, tensors, strict=True)
            if not np.array_equal(tensor.numpy(), inputs[item.name])
        ]

    def _array(self, name: str, value: object) -> Array:
        import torch

        if not isinstance(value, torch.Tensor):
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} returns a {type(value).__name__} as {name}, where a tensor is wanted",
                _RETURN_TENSORS,
            )
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype not in DTYPE_OF_NUMPY:
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{self.name} returns {dtype} as {name}, which the engines do not pass",
                f"Return one of {', '.join(DTYPE_OF_NUMPY)}.",
            )
        array: Array = value.detach().cpu().numpy()
        return array

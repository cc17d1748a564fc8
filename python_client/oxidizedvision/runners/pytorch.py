"""The network itself, live: what every other engine is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.request import fixed_specs
from oxidizedvision.runners.torch_runner import TorchModel, TorchRunner, torch_device

if TYPE_CHECKING:
    from oxidizedvision.config import Config


def input_specs(config: Config) -> tuple[TensorSpec, ...]:
    """The network's inputs as the config describes them, with the named axes as symbols."""
    dims = config.input_dims()
    return tuple(
        TensorSpec(item.name, item.dtype, dims[item.name]) for item in config.model.input_configs
    )


def load(runner_config: RunnerConfig, config: Config | None) -> Runner:
    """Build the network of a config, with its checkpoint; eager code has no graph to optimise.

    Raises:
        OxidizedVisionError: `usage` without a config, and whatever keeps the network from loading.
    """
    if config is None:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"pytorch runs the network of a config, not {runner_config.model_name}",
            "Give the config.yml.",
        )
    require("torch", "the runner pytorch")
    from oxidizedvision.convert import load_module

    device = torch_device("pytorch", runner_config)
    name = config.model.class_name or config.model.path
    inputs = fixed_specs(input_specs(config), runner_config.input_shapes, name)
    shapes = {**config.model.shapes, **runner_config.input_shapes}
    module = load_module(config).to(device)
    names = tuple(config.model.outputs)
    model = TorchModel(name, "pytorch", inputs, shapes, output_names=names)
    return TorchRunner(module, model, runner_config)

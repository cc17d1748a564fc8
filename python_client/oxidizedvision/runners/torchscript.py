"""TorchScript files (`.pt`) on libtorch, through Python."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.manifest import find_manifest, load_manifest
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.request import checked_file, fixed_specs
from oxidizedvision.runners.torch_runner import TorchModel, TorchRunner, torch_device

if TYPE_CHECKING:
    import torch


def load(config: RunnerConfig) -> Runner:
    """Load a TorchScript file.

    Such a file knows no shapes: they come from its manifest, or from `config.input_shapes`.

    Raises:
        OxidizedVisionError: with the kind that fits.
    """
    require("torch", "the runner torchscript")
    device = torch_device("torchscript", config)
    model = _described(config)
    return TorchRunner(_module(config, device), model, config)


def _module(config: RunnerConfig, device: str) -> torch.nn.Module:
    import torch

    is_file = isinstance(config.model, Path)
    source = str(config.model) if is_file else io.BytesIO(config.model)  # type: ignore[arg-type]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=".*torch.jit.load.*deprecated", category=DeprecationWarning
            )
            module: torch.nn.Module = torch.jit.load(source, map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, EOFError, UnicodeDecodeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{config.model_name} is not a TorchScript file: {reason}",
            "`oxidizedvision convert` writes one; a checkpoint (state dict) is not a model.",
        ) from error
    return module.eval()


def _described(config: RunnerConfig) -> TorchModel:
    name = config.model_name
    if isinstance(config.model, Path):
        path = find_manifest(checked_file(config.model))
        if path is not None:
            manifest = load_manifest(path)
            inputs = tuple(spec.spec() for spec in manifest.inputs)
            shapes = {n: tuple(shape) for n, shape in manifest.input_shapes.items()}
            return TorchModel(
                model=name,
                backend="torchscript",
                inputs=fixed_specs(inputs, config.input_shapes, name),
                example_shapes={**shapes, **config.input_shapes},
                outputs=tuple(spec.spec() for spec in manifest.outputs),
            )
    if not config.input_shapes:
        raise OxidizedVisionError(
            Kind.INVALID_OPTION,
            f"{name} is TorchScript, which knows no shapes, and no manifest beside it lists it",
            "Keep it beside its .oxv.json, or give input_shapes.",
        )
    shapes = {n: tuple(shape) for n, shape in config.input_shapes.items()}
    inputs = tuple(TensorSpec(n, "f32", shape) for n, shape in shapes.items())
    return TorchModel(name, "torchscript", inputs, shapes)

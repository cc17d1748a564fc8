"""TorchScript files (`.pt`) on libtorch, through Python."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.manifest import SCHEMA_VERSION, Spec, find_manifest, load_manifest
from oxidizedvision.core.tensors import AxisRange, TensorSpec
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.request import checked_file, fixed_specs
from oxidizedvision.runners.torch_runner import TorchModel, TorchRunner, torch_device

if TYPE_CHECKING:
    import torch


DESCRIPTION = "oxv.json"
"""The extra file of the archive that says what TorchScript itself does not know."""


class Description(BaseModel):
    """Inputs and outputs of a TorchScript file, inside the file.

    input_shapes: a shape for each input; the network accepts it.
    axes: the lengths that were declared for its axes; the Rust engine refuses others.
    """

    schema_version: int = SCHEMA_VERSION
    inputs: list[Spec]
    outputs: list[Spec]
    input_shapes: dict[str, list[int]]
    axes: dict[str, AxisRange] = Field(default_factory=dict)


def load(config: RunnerConfig) -> Runner:
    """Load a TorchScript file.

    Such a file knows no shapes: they come from the extra file that `convert` puts into it, else
    from its manifest, else from `config.input_shapes`.

    Raises:
        OxidizedVisionError: with the kind that fits.
    """
    require("torch", "the runner torchscript")
    device = torch_device("torchscript", config)
    if isinstance(config.model, Path):
        checked_file(config.model)
    module, description = _module(config, device)
    return TorchRunner(module, _described(config, description), config)


def _module(config: RunnerConfig, device: str) -> tuple[torch.nn.Module, bytes]:
    """The module, and its description; empty where it has none."""
    import torch

    is_file = isinstance(config.model, Path)
    source = str(config.model) if is_file else io.BytesIO(config.model)  # type: ignore[arg-type]
    extra: dict[str, bytes] = {DESCRIPTION: b""}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=".*torch.jit.load.*deprecated", category=DeprecationWarning
            )
            module: torch.nn.Module = torch.jit.load(  # type: ignore[no-untyped-call]
                source, map_location=device, _extra_files=extra
            )
    except (RuntimeError, ValueError, EOFError, UnicodeDecodeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{config.model_name} is not a TorchScript file: {reason}",
            "`oxidizedvision convert` writes one; a checkpoint (state dict) is not a model.",
        ) from error
    return module.eval(), extra[DESCRIPTION]


def _described(config: RunnerConfig, content: bytes) -> TorchModel:
    name = config.model_name
    found = _parsed(name, content) if content else _beside(config)
    if found is not None:
        shapes = {n: tuple(shape) for n, shape in found.input_shapes.items()}
        return TorchModel(
            model=name,
            backend="torchscript",
            inputs=fixed_specs(
                tuple(spec.spec() for spec in found.inputs), config.input_shapes, name
            ),
            example_shapes={**shapes, **config.input_shapes},
            outputs=tuple(spec.spec() for spec in found.outputs),
        )
    if not config.input_shapes:
        raise OxidizedVisionError(
            Kind.INVALID_OPTION,
            f"{name} does not say what its inputs are, and no manifest beside it lists it",
            "Run `oxidizedvision convert` again, which writes it into the file, or give "
            "input_shapes.",
        )
    shapes = {n: tuple(shape) for n, shape in config.input_shapes.items()}
    inputs = tuple(TensorSpec(n, "f32", shape) for n, shape in shapes.items())
    return TorchModel(name, "torchscript", inputs, shapes)


def _parsed(name: str, content: bytes) -> Description:
    try:
        found = Description.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        reason = f"{where}: {first['msg']}"
    else:
        if found.schema_version == SCHEMA_VERSION:
            return found
        reason = f"schema_version {found.schema_version}, this version reads {SCHEMA_VERSION}"
    raise OxidizedVisionError(
        Kind.CORRUPT,
        f"{name}: its {DESCRIPTION} cannot be used: {reason}",
        "Run `oxidizedvision convert` again.",
    )


def _beside(config: RunnerConfig) -> Description | None:
    """What the manifest in the model's folder says."""
    path = find_manifest(config.model) if isinstance(config.model, Path) else None
    if path is None:
        return None
    manifest = load_manifest(path)
    return Description(
        inputs=manifest.inputs, outputs=manifest.outputs, input_shapes=manifest.input_shapes
    )

"""The keys of `config.yml`, their types and their defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from oxidizedvision.config.axes import (
    INPUT_NAME,
    Axes,
    DynamicAxis,
    InputConfig,
    Shape,
    checked_axes,
    fits_in_memory,
)
from oxidizedvision.config.nearest import nearest
from oxidizedvision.config.optimization import BudgetConfig, CalibrationConfig, OptimizeConfig
from oxidizedvision.config.part import Part
from oxidizedvision.config.pictures import Postprocess, Preprocess
from oxidizedvision.config.validation import ValidationConfig
from oxidizedvision.core.engines import RUNNER_NAMES

MODULE_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
"""`package.module:attribute`."""

Exporter = Literal["auto", "dynamo", "torchscript", "script"]
EXPORTERS: tuple[str, ...] = get_args(Exporter)

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DEVICE = re.compile(r"cpu|cuda(:\d+)?")


class ModelConfig(Part):
    """The network: where its class is, what it takes and where its weights are."""

    path: Annotated[str, Field(min_length=1)] = Field(
        description="Python file, looked for beside the config and then in the current folder, "
        "or package.module:attribute, where the attribute is a class, a function that builds the "
        "network, or the network."
    )
    class_name: str | None = Field(
        default=None,
        validate_default=True,
        description="nn.Module class in the file, or a function in it that builds the network; "
        "may be left out with package.module:attribute.",
    )
    input_shape: Shape | None = Field(
        default=None,
        description="Shape of the only input, usually [batch, channels, height, width]; its name "
        f"is {INPUT_NAME!r}.",
    )
    inputs: list[InputConfig] = Field(
        default_factory=list,
        description="In place of input_shape: name, shape and dtype of every input, in the order "
        "of forward.",
    )
    outputs: list[str] = Field(
        default_factory=list,
        description="Names of the outputs, in their order; empty keeps the network's own.",
    )
    checkpoint: str | None = Field(
        default=None,
        description="Weights: safetensors, or a state dict or training checkpoint of torch.save, "
        "or TorchScript; null keeps the initial weights.",
    )
    checkpoint_key: str | None = Field(
        default=None,
        min_length=1,
        description="Dotted keys of the state dict to take, such as ema or ema.module; null takes "
        "the trained weights.",
    )
    trust_checkpoint: bool = Field(
        default=False,
        description="Let a pickle run its code, in a process of its own; only tensors come back.",
    )
    init_args: dict[str, Any] = Field(
        default_factory=dict, description="Keyword arguments of the class or function."
    )

    @property
    def module_reference(self) -> tuple[str, str] | None:
        """Module and attribute where `path` is `package.module:attribute`; None for a file."""
        if not MODULE_REFERENCE.fullmatch(self.path):
            return None
        module, _, attribute = self.path.partition(":")
        return module, attribute

    @property
    def input_configs(self) -> tuple[InputConfig, ...]:
        """Every input, whichever way it was written."""
        if self.input_shape is None:
            return tuple(self.inputs)
        return (InputConfig(name=INPUT_NAME, shape=self.input_shape),)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The example's shapes by input."""
        return {item.name: tuple(item.shape) for item in self.input_configs}

    @field_validator("input_shape")
    @classmethod
    def _fits_in_memory(cls, value: list[int] | None) -> list[int] | None:
        return None if value is None else fits_in_memory(value)

    @field_validator("outputs")
    @classmethod
    def _outputs_are_names(cls, value: list[str]) -> list[str]:
        for name in value:
            if not name.isidentifier():
                raise ValueError(f"{name!r} is no name of letters, digits and '_'")
        if len(set(value)) != len(value):
            raise ValueError("expected a different name for each output")
        return value

    @model_validator(mode="after")
    def _inputs_are_told_once(self) -> Self:
        if (self.input_shape is None) == (not self.inputs):
            raise ValueError(
                "input_shape: missing; give it, or inputs for a network that takes several"
                if self.input_shape is None
                else "inputs: expected either input_shape or inputs"
            )
        names = [item.name for item in self.input_configs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"inputs: {twice[0]!r} is there twice")
        shared = sorted({*names} & {*self.outputs})
        if shared:
            raise ValueError(f"outputs: {shared[0]!r} is an input's name")
        return self

    @field_validator("class_name")
    @classmethod
    def _class_is_named(cls, value: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("path")
        if value is None and path is not None and not MODULE_REFERENCE.fullmatch(path):
            raise ValueError("missing; expected the name of the nn.Module class in model.path")
        if value is not None and not value.isidentifier():
            raise ValueError("expected the name of a Python class")
        return value


class ExportConfig(Part):
    """What `convert` writes, and where."""

    opset_version: int = Field(
        default=14,
        ge=1,
        description="ONNX opset. Written here it is met or refused; the default may be raised.",
    )
    do_constant_folding: bool = Field(
        default=True, description="Compute constant parts of the graph while exporting."
    )
    output_dir: Annotated[str, Field(min_length=1)] = Field(
        default="out", description="Folder for every file, relative to the current folder."
    )
    model_name: str = Field(default="model", description="First part of every file's name.")
    exporter: Exporter = Field(
        default="auto",
        description="Which exporter of PyTorch writes the ONNX file: torch.export (dynamo), a "
        "trace (torchscript) or torch.jit.script (script). auto tries them and compares.",
    )
    dynamic_axes: Axes = Field(
        default_factory=dict,
        description="Axes whose length may change, by input, each with a name, or with a range: "
        "{input: {0: batch, 2: {name: height, min: 32, max: 512, multiple_of: 32}}}.",
    )
    pt2: bool = Field(default=False, description="Write torch.export's own .pt2 file as well.")
    timeout_s: int = Field(default=600, ge=1, description="Seconds that one exporter may take.")

    @field_validator("model_name")
    @classmethod
    def _is_file_name(cls, value: str) -> str:
        if not _FILE_NAME.fullmatch(value):
            raise ValueError(
                "expected a file name of at most 128 letters, digits, '.', '_' and '-'"
            )
        return value


class RunnerEntry(Part):
    """An engine that `validate` and `benchmark` use."""

    name: str = Field(description=f"One of {', '.join(RUNNER_NAMES)}.")
    optimize: bool = Field(
        default=True, description="The engine's own graph optimisation; off runs it as loaded."
    )
    use_cuda: bool = Field(default=False, description="Run on the first CUDA device.")

    @field_validator("name")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in RUNNER_NAMES:
            raise ValueError(f"unknown runner{nearest(value, RUNNER_NAMES)}")
        return value


class BenchmarkConfig(Part):
    """How `benchmark` measures."""

    iters: int = Field(
        default=100,
        ge=1,
        description="Timed runs of each runner: exactly where written, else at least.",
    )
    batch_size: int = Field(default=1, ge=1, description="Inputs in one run.")
    warmup_iters: int = Field(
        default=10,
        ge=0,
        description="Runs before timing: exactly where written, else at least.",
    )
    device: str = Field(default="cpu", description="'cpu', 'cuda' or 'cuda:N'.")

    @field_validator("device")
    @classmethod
    def _is_device(cls, value: str) -> str:
        if not _DEVICE.fullmatch(value):
            raise ValueError("expected 'cpu', 'cuda' or 'cuda:N'")
        return value


class Config(Part):
    """A whole `config.yml`.

    `config.export.model_fields_set` tells which keys the user wrote.
    """

    schema_version: Literal[1] = Field(default=1, description="Version of this schema.")
    model: ModelConfig
    export: ExportConfig = Field(default_factory=ExportConfig)
    runners: list[RunnerEntry] = Field(
        default_factory=list,
        description="Engines to validate and benchmark; empty means every CPU engine that is "
        "ready.",
    )
    validation: ValidationConfig = Field(default_factory=ValidationConfig)
    optimize: OptimizeConfig = Field(default_factory=OptimizeConfig)
    calibration: CalibrationConfig = Field(default_factory=CalibrationConfig)
    benchmark: BenchmarkConfig = Field(default_factory=BenchmarkConfig)
    budget: BudgetConfig = Field(default_factory=BudgetConfig)
    preprocess: Preprocess | None = Field(
        default=None, description="From a picture to the input, or null."
    )
    postprocess: Postprocess | None = Field(
        default=None, description="From the output to a result, or null."
    )
    _path: Path | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path | None:
        """The file that this came from; None where it was made in Python."""
        return self._path

    def replaced(self, part: str, **values: Any) -> Config:
        """The same config with other values in a block, as if the file had them."""
        written = self.model_dump(exclude_unset=True)
        written[part] = {**written.get(part, {}), **values}
        changed = Config.model_validate(written)
        changed._path = self._path
        return changed

    @property
    def axes(self) -> dict[str, DynamicAxis]:
        """The named axes with their ranges, by name."""
        return checked_axes(self.export.dynamic_axes, self._lists())

    def input_dims(self) -> dict[str, tuple[int | str, ...]]:
        """The axes of every input: a length, or the name of one that may change."""
        named = self.export.dynamic_axes
        return {
            name: tuple(
                named[name][axis].name if axis in named.get(name, {}) else length
                for axis, length in enumerate(shape)
            )
            for name, shape in self.model.shapes.items()
        }

    def _lists(self) -> dict[str, list[int]]:
        return {name: list(shape) for name, shape in self.model.shapes.items()}

    @model_validator(mode="after")
    def _axes_exist(self) -> Self:
        checked_axes(self.export.dynamic_axes, self._lists())
        return self

"""The keys of `config.yml`, their types and their defaults."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.engines import RUNNER_NAMES

INPUT_NAME = "input"
"""The name that a network's only input is exported under."""

MODULE_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
"""`package.module:attribute`."""

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DEVICE = re.compile(r"cpu|cuda(:\d+)?")

MAX_VALUES = 1 << 31
"""Of one input: 8 GiB as f32, far above any picture."""

Length = Annotated[int, Field(gt=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Color = Literal["rgb", "bgr", "gray"]
Layout = Literal["nchw", "nhwc"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelConfig(_Part):
    """The network: where its class is, what it takes and where its weights are."""

    path: Annotated[str, Field(min_length=1)] = Field(
        description="Python file, looked for beside the config and then in the current folder, "
        "or package.module:attribute, where the attribute is a class or a factory."
    )
    class_name: str | None = Field(
        default=None,
        validate_default=True,
        description="nn.Module class in the file; may be left out with package.module:attribute.",
    )
    input_shape: list[Length] = Field(
        min_length=1, description="Shape of the input, usually [batch, channels, height, width]."
    )
    checkpoint: str | None = Field(
        default=None,
        description="Weights: a state dict as .safetensors, .pt or .pth; null keeps the initial "
        "weights.",
    )
    init_args: dict[str, Any] = Field(
        default_factory=dict, description="Keyword arguments of the class."
    )

    @property
    def module_reference(self) -> tuple[str, str] | None:
        """Module and attribute where `path` is `package.module:attribute`; None for a file."""
        if not MODULE_REFERENCE.fullmatch(self.path):
            return None
        module, _, attribute = self.path.partition(":")
        return module, attribute

    @field_validator("input_shape")
    @classmethod
    def _fits_in_memory(cls, value: list[int]) -> list[int]:
        if math.prod(value) > MAX_VALUES:
            raise ValueError(f"expected at most {MAX_VALUES} values in all")
        return value

    @field_validator("class_name")
    @classmethod
    def _class_is_named(cls, value: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("path")
        if value is None and path is not None and not MODULE_REFERENCE.fullmatch(path):
            raise ValueError("missing; expected the name of the nn.Module class in model.path")
        if value is not None and not value.isidentifier():
            raise ValueError("expected the name of a Python class")
        return value


class ExportConfig(_Part):
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
    exporter: Literal["auto", "torchscript"] = Field(
        default="auto", description="Which exporter of PyTorch writes the ONNX file."
    )
    dynamic_axes: dict[str, dict[Annotated[int, Field(ge=0)], str]] = Field(
        default_factory=dict,
        description="Axes whose length may change: {input: {2: height, 3: width}}.",
    )

    @field_validator("model_name")
    @classmethod
    def _is_file_name(cls, value: str) -> str:
        if not _FILE_NAME.fullmatch(value):
            raise ValueError(
                "expected a file name of at most 128 letters, digits, '.', '_' and '-'"
            )
        return value

    @field_validator("dynamic_axes")
    @classmethod
    def _axes_have_names(cls, value: dict[str, dict[int, str]]) -> dict[str, dict[int, str]]:
        for name, axes in value.items():
            if name != INPUT_NAME:
                raise ValueError(f"unknown input {name!r}; the network's input is {INPUT_NAME!r}")
            for axis, symbol in axes.items():
                if not symbol.isidentifier():
                    raise ValueError(f"axis {axis} of {name}: {symbol!r} cannot name an axis")
        return value


class RunnerEntry(_Part):
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


class ValidationConfig(_Part):
    """When an output counts as equal to PyTorch's."""

    num_tests: int = Field(default=1, ge=1, description="How many seeded random inputs are tried.")
    tolerance_mae: Finite = Field(
        default=1e-5, ge=0, description="Largest mean absolute error that passes."
    )
    tolerance_cos_sim: Finite = Field(
        default=0.999, ge=-1, le=1, description="Smallest cosine similarity that passes."
    )


class OptimizeConfig(_Part):
    """What `optimize` does to the ONNX graph."""

    simplify: bool = Field(default=True, description="Remove and fuse nodes.")
    quantize: Literal["int8", "fp16"] | None = Field(
        default=None, description="Smaller number type for the weights, or null."
    )
    constant_folding: bool = Field(default=True, description="Compute constant parts once.")


class BenchmarkConfig(_Part):
    """How `benchmark` measures."""

    iters: int = Field(default=100, ge=1, description="Timed runs of each runner.")
    batch_size: int = Field(default=1, ge=1, description="Inputs in one run.")
    warmup_iters: int = Field(default=10, ge=0, description="Runs before timing starts.")
    device: str = Field(default="cpu", description="'cpu', 'cuda' or 'cuda:N'.")

    @field_validator("device")
    @classmethod
    def _is_device(cls, value: str) -> str:
        if not _DEVICE.fullmatch(value):
            raise ValueError("expected 'cpu', 'cuda' or 'cuda:N'")
        return value


class Resize(_Part):
    """How a picture is brought to the network's size before anything else."""

    width: Length = Field(description="Width in pixels.")
    height: Length = Field(description="Height in pixels.")
    mode: Literal["stretch", "fit", "center-crop"] = Field(
        default="stretch",
        description="fit keeps the aspect and pads with black; center-crop keeps it and cuts.",
    )
    filter: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = Field(
        default="bilinear", description="Pillow's filter of the same name."
    )
    antialias: bool = Field(default=True, description="Widen the filter when shrinking.")


class _PixelScale(_Part):
    color: Color = Field(default="rgb", description="Order of the channels.")
    scale: Finite = Field(default=1 / 255, gt=0, description="Factor on pixels of 0 to 255.")
    mean: list[Finite] = Field(
        default=[0.0], description="Subtracted after scaling: one number, or one a channel."
    )
    std: list[Annotated[Finite, Field(gt=0)]] = Field(
        default=[1.0], description="Divided by last: one number, or one a channel."
    )
    layout: Layout = Field(default="nchw", description="Order of the tensor's axes.")

    @field_validator("mean", "std")
    @classmethod
    def _one_a_channel(cls, value: list[float], info: ValidationInfo) -> list[float]:
        channels = 1 if info.data.get("color") == "gray" else 3
        if len(value) not in (1, channels):
            wanted = "1 number" if channels == 1 else "1 or 3 numbers"
            raise ValueError(f"expected {wanted} for color {info.data.get('color')}")
        return value


class Preprocess(_PixelScale):
    """From a picture to the input tensor: (pixel * scale - mean) / std."""

    resize: Resize | None = Field(default=None, description="Null keeps the picture's size.")


class ImagePostprocess(_PixelScale):
    """From the output tensor to a picture: (value * std + mean) / scale, rounded and clamped."""

    kind: Literal["image"] = Field(description="The output is a picture.")


class RawPostprocess(_Part):
    """The output tensor as it is."""

    kind: Literal["raw"] = Field(description="The output is a tensor.")


Postprocess = Annotated[ImagePostprocess | RawPostprocess, Field(discriminator="kind")]


class Config(_Part):
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
    benchmark: BenchmarkConfig = Field(default_factory=BenchmarkConfig)
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

    @model_validator(mode="after")
    def _axes_exist(self) -> Self:
        rank = len(self.model.input_shape)
        for name, axes in self.export.dynamic_axes.items():
            for axis in axes:
                if axis >= rank:
                    raise ValueError(
                        f"export.dynamic_axes.{name}: there is no axis {axis} in an input_shape "
                        f"of {rank} axes"
                    )
        return self

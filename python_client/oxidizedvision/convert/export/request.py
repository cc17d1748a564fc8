"""What the process of an exporter is asked for, and what it answers; both cross as JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from oxidizedvision.config.axes import DynamicAxis

Route = Literal["dynamo", "torchscript", "script"]
"""`torch.export`, `torch.jit.trace` and `torch.jit.script`."""


class Cause(StrEnum):
    """Why an export failed, or is not to be trusted."""

    BRANCH = "data_dependent_branch"
    BAKED = "baked_axis"
    VALUE = "baked_value"
    OPERATOR = "unsupported_operator"
    OPSET_TOO_LOW = "opset_too_low"
    OPSET_OUT_OF_RANGE = "opset_out_of_range"
    OUTPUT = "non_tensor_output"
    NOT_SCRIPTABLE = "not_scriptable"
    NOT_TRACEABLE = "not_traceable"
    DIFFERS = "differs_from_pytorch"
    ENGINES = "engines_refuse"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    OTHER = "exporter_failed"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Failure(_Part):
    """What failed, why, and what to do.

    opset: that the operator needs, where the exporter says so. operator: the one that is missing.
    source: the user's file and line.
    """

    cause: Cause
    message: str
    hint: str = ""
    source: str = ""
    opset: int | None = None
    operator: str = ""


class Place(_Part):
    """A value that the tracer saw and fixed. `kind` is `branch`, `integer` or `other`."""

    kind: Literal["branch", "integer", "other"]
    source: str


class ExportRequest(_Part):
    """One export.

    opset: None writes no ONNX. config, config_path: the network's. weights: what `torch.save`
    wrote of its state dict. example: safetensors of its inputs, by name. inputs, outputs: names
    in order. axes: ranges of named axes, by input and axis. output_axes: names of output axes.
    flat: whether forward returns what the exporters take as it is. description: the extra file
    of the TorchScript archive. onnx, torchscript, pt2: files to write.
    """

    route: Route
    opset: int | None
    config: str
    config_path: str | None
    weights: str
    example: str
    inputs: list[str]
    outputs: list[str]
    axes: dict[str, dict[int, DynamicAxis]] = Field(default_factory=dict)
    output_axes: dict[str, dict[int, str]] = Field(default_factory=dict)
    flat: bool = True
    constant_folding: bool = True
    description: str = ""
    onnx: str | None = None
    torchscript: str | None = None
    pt2: str | None = None


class ExportAnswer(_Part):
    """What came of it.

    opset: read back from the file. failure: of the ONNX file, torchscript_failure of the
    TorchScript file, pt2_failure of the .pt2; None where it was written. places: what the tracer
    fixed.
    """

    opset: int | None = None
    failure: Failure | None = None
    torchscript_failure: Failure | None = None
    pt2_failure: Failure | None = None
    places: list[Place] = Field(default_factory=list)

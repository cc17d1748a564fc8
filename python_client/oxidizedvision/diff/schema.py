"""What `diff` needs of the documents that it reads; whatever else they hold is passed over."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=1000)]
Milliseconds = Annotated[float, Field(ge=1e-9, le=1e12)]
Amount = Annotated[float, Field(ge=0, le=1e30)]
Windows = Annotated[list[Milliseconds], Field(max_length=10_000)]
Windowed = Annotated[list[Windows], Field(max_length=1_000)]
Single = Annotated[list[Amount], Field(max_length=1_000)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1, lt=2**31)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class ResultPart(_Part):
    """A row of a benchmark; version 1 had no name, no device and one value of each."""

    name: Text | None = None
    runner: Text
    threads: Count
    batch_size: Count
    engine_version: Text
    device: Text = "cpu"
    p50_ms: Milliseconds
    load_ms: Amount | None = None
    first_ms: Amount | None = None
    first_result_ms: Amount | None = None
    peak_rss_mib: Amount | None = None
    model_bytes: Bytes
    windows_ms: Windowed = Field(default_factory=list)
    loads_ms: Single = Field(default_factory=list)
    first_results_ms: Single = Field(default_factory=list)


class FailurePart(_Part):
    """A row that could not be measured."""

    runner: Text
    message: str


class NoisePart(_Part):
    """The A/A measurement."""

    floor: Amount


class MachinePart(_Part):
    """The fingerprint of a machine."""

    cpu: Text | None = None
    architecture: Text | None = None
    threads_granted: int | None = None
    flags: list[Text] | None = None
    versions: dict[str, Text] = Field(default_factory=dict)


class BenchmarkPart(_Part):
    """A benchmark: of `benchmark --json`, of a manifest, or inside a report.json."""

    model: Text | None = None
    model_sha256: Text | None = None
    machine: MachinePart = Field(default_factory=MachinePart)
    results: list[ResultPart] = Field(max_length=1_000)
    failures: list[FailurePart] = Field(default_factory=list)
    noise: NoisePart | None = None
    errors: dict[str, Amount] = Field(default_factory=dict)


class CheckPart(_Part):
    """A row of a validation."""

    runner: Text
    output: Text
    passed: bool
    mae: Amount | None = None
    max_error: Amount | None = None
    reason: str = ""


class ValidationPart(_Part):
    """A validation: of a manifest, or inside a report.json."""

    tolerance_mae: Amount | None = None
    tolerance_cos_sim: float | None = None
    results: list[CheckPart] = Field(default_factory=list)


class SpecPart(_Part):
    """An input or output."""

    name: Text
    dtype: Text
    dims: list[Any]


class ModelPart(_Part):
    """The model that a report.json is about."""

    name: Text
    inputs: list[SpecPart] = Field(default_factory=list)
    outputs: list[SpecPart] = Field(default_factory=list)


class FilePart(_Part):
    """A file that a report.json lists."""

    name: Text
    bytes: Bytes


class ReportPart(_Part):
    """A report.json."""

    model: ModelPart
    benchmark: BenchmarkPart
    validation: ValidationPart
    files: list[FilePart] = Field(default_factory=list)

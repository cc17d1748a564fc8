"""ONNX Runtime's quantiser in a process of its own, by typed calls."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oxidizedvision.calibration import Sample
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.processes import PYTHON_MODULE, error_from_dict, how_it_ended
from oxidizedvision.runners.frames import BrokenMessageError, Message
from oxidizedvision.runners.worker import Worker

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array
    from oxidizedvision.quantize.graphs import Stored

_WORKER = "oxidizedvision.quantize.worker"

MOST_OBSERVED = 32
"""Inputs that weights are rounded by."""


@dataclass(frozen=True)
class Layer:
    """A node that multiplies by weights.

    module: the path of its nn.Module, where known. sort: which kernel it needs,
    such as `convolution`, `pointwise`, `depthwise`, `product`.
    """

    name: str
    op_type: str
    module: str
    weight_bytes: int
    sort: str = ""

    @property
    def label(self) -> str:
        """By the module, where there is one, and the node."""
        return f"{self.module} ({self.name})" if self.module else self.name


@dataclass(frozen=True)
class Ranges:
    """How the ranges of tensors are taken: a method, with its percentile."""

    method: str
    percentile: float | None = None

    @property
    def name(self) -> str:
        """In tables."""
        return self.method if self.percentile is None else f"{self.method} {self.percentile:g}"


class Quantizer:
    """A model in the process that quantises it. Use it as a context manager.

    Args:
        model: The FP32 model's content.
        per_channel: A scale for each output channel of a weight.
        reduce_range: Weights of 7 bits: processors without 8-bit dot products overflow else.
        stored: What makes weights float that are only stored in 8 bits.

    Raises:
        OxidizedVisionError: from every call: `unsupported` for what cannot be quantised, `input`
            for weights that are not finite, `dependency_missing` without ONNX Runtime.
    """

    def __init__(
        self,
        model: bytes,
        *,
        per_channel: bool,
        reduce_range: bool,
        stored: Stored = "dequantized",
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="oxidizedvision-quantize-", ignore_cleanup_errors=True
        )
        self._worker = Worker((*PYTHON_MODULE, _WORKER))
        self._collected: set[str] = set()
        self._written: set[str] = set()
        self._observed = False
        body = {
            "per_channel": per_channel,
            "reduce_range": reduce_range,
            "stored": stored,
            "folder": self._folder.name,
        }
        try:
            self._ask(body, {"model": np.frombuffer(model, np.uint8)})
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        try:
            self._worker.kill()
        finally:
            self._folder.cleanup()

    def layers(self) -> tuple[Layer, ...]:
        """Nodes that can be quantised, in the graph's order."""
        return tuple(Layer(**fields) for fields in self._ask({"do": "layers"}).body["layers"])

    def calibrate(self, ranges: Ranges, samples: Sequence[Sample]) -> None:
        """Run the samples and keep the ranges; a method that did is not run again."""
        if ranges.method not in self._collected:
            for sample in samples:
                self._ask({"do": "collect", "method": ranges.method}, sample.inputs)
            self._collected.add(ranges.method)
        if ranges.name not in self._written:
            body = {"do": "ranges", "method": ranges.method, "percentile": ranges.percentile}
            self._ask({**body, "ranges": ranges.name})
            self._written.add(ranges.name)

    def observe(self, samples: Sequence[Sample]) -> None:
        """Run the samples, by which weights that are only stored in 8 bits are then rounded."""
        if not self._observed:
            for sample in samples[:MOST_OBSERVED]:
                self._ask({"do": "observe"}, sample.inputs)
            self._observed = True

    def static(
        self,
        ranges: Ranges,
        operators: Sequence[str],
        exclude: Sequence[str] = (),
        *,
        small_weights: bool = True,
    ) -> bytes:
        """The model in QDQ form; nodes that are excluded compute in float.

        small_weights: whether these have 8-bit weights all the same.
        """
        body: dict[str, Any] = {"do": "static", "method": ranges.method, "ranges": ranges.name}
        body["small_weights"] = small_weights
        return self._model({**body, "operators": list(operators), "exclude": list(exclude)})

    def dynamic(self, operators: Sequence[str], exclude: Sequence[str] = ()) -> bytes:
        """The model with 8-bit weights, and activations that are quantised as they come."""
        body = {"do": "dynamic", "operators": list(operators), "exclude": list(exclude)}
        return self._model(body)

    def weights(self, precision: str, *, stored: Stored | None = None) -> bytes:
        """The model with small weights that engines make float again.

        stored: what makes them float, where it is not what is set for all.
        """
        return self._model({"do": "weights", "precision": precision, "stored": stored})

    def fp16(self, exclude: Sequence[str] = ()) -> bytes:
        """The model that computes in FP16, but for the nodes that are excluded."""
        return self._model({"do": "fp16", "exclude": list(exclude)})

    def largest(self, sample: Sample) -> dict[str, float]:
        """The largest magnitude that each node takes or gives on an input, by node."""
        found: dict[str, float] = self._ask({"do": "largest"}, sample.inputs).body["largest"]
        return found

    def computed_as(self, model: bytes, engine: str) -> int | None:
        """How many nodes of a model an engine runs in INT8; None where it does not tell."""
        arrays = {"model": np.frombuffer(model, np.uint8)}
        found: int | None = self._ask({"do": "computed_as", "engine": engine}, arrays).body["int8"]
        return found

    def _model(self, body: Mapping[str, Any]) -> bytes:
        return self._ask(body).arrays["model"].tobytes()

    def _ask(self, body: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> Message:
        try:
            answer = self._worker.ask(Message(body, arrays or {}))
        except EOFError as error:
            code, said = self._worker.ended()
            raise OxidizedVisionError(
                Kind.PANICKED,
                f"The process that quantises ended {how_it_ended(code)}: {said[-300:]}",
                "Use fewer calibration.samples, or smaller pictures, where memory ran out.",
            ) from error
        except BrokenMessageError as error:
            raise OxidizedVisionError(
                Kind.INTERNAL,
                f"The quantiser's answer is not understood: {error}",
                "Report it with what --verbose shows.",
            ) from error
        if "error" in answer.body:
            raise error_from_dict(answer.body["error"])
        return answer

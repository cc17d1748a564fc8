"""The process that quantises: ONNX Runtime's quantiser works on a model that somebody gave.

The first message brings the model and a folder, which the parent removes; the others ask
for what `_Job` does, by its name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.processes import error_to_dict
from oxidizedvision.quantize import graphs, half
from oxidizedvision.quantize.rounding import Observer
from oxidizedvision.runners.apart_worker import serve
from oxidizedvision.runners.frames import Message

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_LIBRARY_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
    MemoryError,
    OSError,
)
_BINS = 2048


class _Job:
    """One model, the ranges that were collected on it, and what is made of it."""

    def __init__(self, request: Message) -> None:
        import onnx

        logging.disable(logging.WARNING)
        self._folder = Path(request.body["folder"])
        model = onnx.load_model_from_string(request.arrays["model"].tobytes())
        self._per_channel = bool(request.body["per_channel"])
        self._reduce_range = bool(request.body["reduce_range"])
        self._stored = request.body["stored"]
        self._before = graphs.with_names(model)
        self._path = self._folder / "model.onnx"
        onnx.save(self._before, self._path)
        self._calibrators: dict[str, Any] = {}
        self._observer: Observer | None = None

    def layers(self, _: Message) -> Message:
        """What can be quantised, in the graph's order."""
        return Message({"layers": graphs.layers(self._before)})

    def collect(self, request: Message) -> Message:
        """Run an input and keep the ranges of what it makes."""
        method = str(request.body["method"])
        if method not in self._calibrators:
            self._calibrators[method] = self._calibrator(method)
        inputs = {name: np.array(array) for name, array in request.arrays.items()}
        self._calibrators[method].collect_data(_Once(inputs))
        return Message()

    def observe(self, request: Message) -> Message:
        """Run an input and keep what rounding the weights needs."""
        if self._observer is None:
            self._observer = Observer(self._path, graphs.constant_layers(self._before))
        self._observer.observe({name: np.array(a) for name, a in request.arrays.items()})
        return Message()

    def ranges(self, request: Message) -> Message:
        """Write the ranges of a method under a name."""
        from onnxruntime.quantization.calibrate import save_tensors_data

        calibrator = self._calibrators[str(request.body["method"])]
        percentile = request.body.get("percentile")
        if percentile is not None:
            calibrator.collector.percentile = float(percentile)
        save_tensors_data(calibrator.compute_data(), self._ranges(request))
        return Message()

    def static(self, request: Message) -> Message:
        """The model in QDQ form, with the nodes that are excluded in float."""
        import onnx
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

        made = self._folder / "static.onnx"
        quantize_static(
            str(self._path),
            str(made),
            None,
            calibration_cache_path=self._ranges(request),
            quant_format=QuantFormat.QDQ,
            calibrate_method=_method(str(request.body["method"])),
            per_channel=self._per_channel,
            reduce_range=self._reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(request.body["operators"]),
            nodes_to_exclude=list(request.body["exclude"]),
            extra_options={"QDQKeepRemovableActivations": False},
        )
        model = onnx.load(made)
        if request.body["small_weights"]:
            # What computes in float need not be stored so.
            only = set(request.body["exclude"])
            graphs.store_int8(model, only, self._observer, stored=self._stored)
        return _answer(self._before, model, "int8")

    def dynamic(self, request: Message) -> Message:
        """The model with activations that are quantised as they come."""
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic

        made = self._folder / "dynamic.onnx"
        quantize_dynamic(
            str(self._path),
            str(made),
            per_channel=self._per_channel,
            reduce_range=self._reduce_range,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(request.body["operators"]),
            nodes_to_exclude=list(request.body["exclude"]),
        )
        return _answer(self._before, onnx.load(made), "int8")

    def weights(self, request: Message) -> Message:
        """The model with small weights that are made float again where they are used."""
        model = graphs.copy_of(self._before)
        if request.body["precision"] == "int8":
            stored = request.body["stored"] or self._stored
            graphs.store_int8(model, observer=self._observer, stored=stored)
        else:
            half.store_fp16(model)
        return _answer(self._before, model, str(request.body["precision"]))

    def fp16(self, request: Message) -> Message:
        """The model that computes in FP16, but for the nodes that are excluded."""
        model = half.compute_fp16(graphs.copy_of(self._before), list(request.body["exclude"]))
        return _answer(self._before, model, "fp16")

    def largest(self, request: Message) -> Message:
        """The largest magnitude that each node gives on an input, by node."""
        return Message({"largest": half.largest_values(self._path, request.arrays)})

    def computed_as(self, request: Message) -> Message:
        """How many of the layers an engine computes in INT8, as its own graph tells."""
        content = request.arrays["model"].tobytes()
        engine = str(request.body["engine"])
        return Message({"int8": graphs.computed_in_int8(content, engine, self._folder)})

    def _ranges(self, request: Message) -> Path:
        return self._folder / f"{request.body['ranges']}.json"

    def _calibrator(self, method: str) -> Any:
        from onnxruntime.quantization.calibrate import create_calibrator

        bins = {"percentile": {"num_bins": _BINS, "symmetric": False}}
        return create_calibrator(
            self._path,
            list(graphs.OPERATORS_WIDE),
            str(self._folder / f"{method}.augmented.onnx"),
            calibrate_method=_method(method),
            extra_options=bins.get(method, {}),
        )


class _Once:
    """One input, as a calibrator reads them."""

    def __init__(self, inputs: Mapping[str, Array]) -> None:
        self._left = [dict(inputs)]

    def get_next(self) -> dict[str, Array] | None:
        return self._left.pop() if self._left else None


def _method(name: str) -> Any:
    from onnxruntime.quantization import CalibrationMethod

    names = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
    return CalibrationMethod[names[name]]


def _answer(before: Any, after: Any, precision: str) -> Message:
    graphs.finish(before, after, precision)
    content = np.frombuffer(after.SerializeToString(), np.uint8)
    return Message(arrays={"model": content})


class _Service:
    """What answers the messages: the first one opens the job."""

    def __init__(self) -> None:
        self._job: _Job | None = None

    def answer(self, request: Message) -> Message:
        """What was asked for, or the error."""
        try:
            return self._answer(request)
        except OxidizedVisionError as error:
            return Message({"error": error_to_dict(error)})
        except _LIBRARY_ERRORS as error:
            doing = request.body.get("do", "reading the model")
            text = " ".join(str(error).split())[:400]
            failed = OxidizedVisionError(
                Kind.UNSUPPORTED,
                f"The quantiser cannot do this model ({doing}): {type(error).__name__}: {text}",
                "Simplify it first, or leave quantize out.",
            )
            return Message({"error": error_to_dict(failed)})

    def _answer(self, request: Message) -> Message:
        if self._job is None:
            self._job = _Job(request)
            return Message()
        does: Callable[[Message], Message] = getattr(self._job, str(request.body["do"]))
        return does(request)


if __name__ == "__main__":
    serve(_Service().answer)

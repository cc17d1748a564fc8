"""ONNX Runtime, the reference engine for ONNX, through Python."""

from __future__ import annotations

import ctypes
import io
import json
import math
import os
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.tensors import (
    AXES_KEY,
    DTYPES,
    AxisRange,
    Dim,
    ModelInfo,
    TensorSpec,
    axis,
    axis_ranges,
)
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.external_data import check_external_data
from oxidizedvision.runners.native import HINTS
from oxidizedvision.runners.request import (
    checked_file,
    cuda_index,
    fixed_specs,
    granted_threads,
    no_device,
    refuse_unknown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxidizedvision.core.tensors import Array

_DTYPES = {
    "tensor(float)": "f32",
    "tensor(float16)": "f16",
    "tensor(double)": "f64",
    "tensor(int8)": "i8",
    "tensor(uint8)": "u8",
    "tensor(int32)": "i32",
    "tensor(int64)": "i64",
    "tensor(bool)": "bool",
}
_FATAL_ONLY = 4
"""Errors come back to the caller, who decides whether to print them."""

_CUDA = "CUDAExecutionProvider"
_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"

_CUDA_FAILURE = re.compile(
    r"(?:CUDA|CUDNN|CUBLAS) failure [^;]*|Invalid device ID[^;]*"
    r"|Failed to allocate memory for requested buffer of size \d+"
)
"""What went wrong on the device: it stands between places in the engine's sources."""

_UNSUPPORTED_SIGNS = (
    "is not a registered function/op",
    "NOT_IMPLEMENTED",
    "No Op registered",
    "Could not find an implementation for",
    "Unsupported model IR version",
    "ONNX Runtime only *guarantees* support",
)


class OnnxRuntimeRunner(Runner):
    """One session. Sessions may be run from several threads at once."""

    def __init__(self, config: RunnerConfig) -> None:
        self._ort = require("onnxruntime", "the runner onnxruntime")
        refuse_unknown("onnxruntime", config)
        threads = config.threads or granted_threads()
        index = cuda_index(config.device)
        self._session = self._opened(config, self._session_options(config, threads))
        inputs = tuple(_spec(value) for value in self._session.get_inputs())
        outputs = tuple(_spec(value) for value in self._session.get_outputs())
        for side, specs in (("input", inputs), ("output", outputs)):
            _refuse_impossible(config.model_name, side, specs)
        self._info = ModelInfo(
            model=config.model_name,
            backend="onnxruntime",
            backend_version=str(self._ort.__version__),
            inputs=fixed_specs(inputs, config.input_shapes, config.model_name),
            outputs=outputs,
            threads=threads,
            device="cpu" if index is None else f"cuda:{index}",
            axes=_axes(config.model_name, self._session.get_modelmeta().custom_metadata_map),
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def _run(self, inputs: dict[str, Array]) -> dict[str, Array]:
        names = [spec.name for spec in self._info.outputs]
        try:
            values = self._session.run(names, inputs)
        except self._errors() as error:
            raise OxidizedVisionError(
                Kind.ENGINE_FAILED,
                f"{self._info.model}: onnxruntime failed: {error}",
                "Give an input of the size that the model was converted with.",
            ) from error
        return dict(zip(names, values, strict=True))

    def _session_options(self, config: RunnerConfig, threads: int) -> Any:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _FATAL_ONLY
        level = self._ort.GraphOptimizationLevel
        options.graph_optimization_level = (
            level.ORT_ENABLE_ALL if config.optimize else level.ORT_DISABLE_ALL
        )
        return options

    def _opened(self, config: RunnerConfig, options: Any) -> Any:
        providers = self._providers(config)
        model = config.model
        source = _text_of(checked_file(model)) if isinstance(model, Path) else model
        check_external_data(model, config.model_name)
        try:
            # Without this the engine moves to the CPU, and prints so, when its provider fails.
            session = self._ort.InferenceSession(
                source, options, providers=providers, enable_fallback=False
            )
        except self._errors() as error:
            failure = _CUDA_FAILURE.search(str(error))
            if config.device != "cpu" and failure:
                raise no_device("onnxruntime", config.device, failure[0].strip()) from error
            raise _load_error(config.model_name, str(error)) from error
        # A provider whose libraries do not load is dropped by the engine with a mere warning.
        wanted = providers[0] if isinstance(providers[0], str) else providers[0][0]
        if session.get_providers()[0] != wanted:
            reason = (
                f"{wanted} did not start; it needs CUDA and cuDNN: "
                "pip install 'onnxruntime-gpu[cuda,cudnn]'"
            )
            raise no_device("onnxruntime", config.device, reason)
        return session

    def _providers(self, config: RunnerConfig) -> list[Any]:
        index = cuda_index(config.device)
        if index is None:
            return ["CPUExecutionProvider"]
        if _CUDA not in self._ort.get_available_providers():
            raise no_device("onnxruntime", config.device, "this build has no CUDA provider")
        if not _has_driver():
            raise no_device("onnxruntime", config.device, f"there is no NVIDIA driver ({_DRIVER})")
        self._load_cuda()
        # TF32, the provider's own default, is no single precision. Its search for algorithms, made
        # whenever a run has another shape than the one before, takes half a second for some shapes
        # of a ResNet-50; HEURISTIC takes about a hundred milliseconds for all of them.
        options = {
            "device_id": index,
            "use_tf32": "0",
            "cudnn_conv_algo_search": "HEURISTIC",
        }
        return [(_CUDA, options), "CPUExecutionProvider"]

    def _load_cuda(self) -> None:
        """Load CUDA and cuDNN from their Python packages, where the loader does not look."""
        # It prints what is missing, and the session says so too.
        with redirect_stdout(io.StringIO()):
            self._ort.preload_dlls()

    def _errors(self) -> tuple[type[Exception], ...]:
        state = self._ort.capi.onnxruntime_pybind11_state
        names = [
            "EPFail",
            "Fail",
            "InvalidArgument",
            "InvalidGraph",
            "InvalidProtobuf",
            "NoModel",
            "NoSuchFile",
            "NotImplemented",
            "RuntimeException",
        ]
        return (RuntimeError, ValueError, *(getattr(state, name) for name in names))


def _axes(model: str, metadata: Mapping[str, str]) -> dict[str, AxisRange]:
    """The lengths for which the model's axes were proved."""
    try:
        return axis_ranges(json.loads(metadata.get(AXES_KEY, "{}")))
    except (ValueError, TypeError, AttributeError) as error:
        raise _impossible(model, f"its metadata {AXES_KEY} is damaged: {error}") from error


def _text_of(path: Path) -> str:
    """The path as the text that the engine wants."""
    try:
        return os.fsencode(path).decode()
    except UnicodeDecodeError as error:
        raise OxidizedVisionError(
            Kind.UNREADABLE,
            f"The path {str(path)!r} is not UTF-8, which onnxruntime needs",
            "Rename the file or its folder, or use the runner ort.",
        ) from error


def load(config: RunnerConfig) -> Runner:
    """Load an ONNX model.

    Raises:
        OxidizedVisionError: with the kind that fits.
    """
    return OnnxRuntimeRunner(config)


def devices() -> tuple[str, ...]:
    """The devices that this build of ONNX Runtime can drive here; imports it."""
    providers = require("onnxruntime", "listing devices").get_available_providers()
    return ("cpu", "cuda") if _CUDA in providers and _has_driver() else ("cpu",)


def _has_driver() -> bool:
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True


def _spec(value: Any) -> TensorSpec:
    dtype = _DTYPES.get(value.type)
    if dtype is None:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{value.name!r} is a {value.type}, which runners do not pass",
            f"Inputs and outputs are one of: {', '.join(_DTYPES.values())}.",
        )
    return TensorSpec(value.name, dtype, _dims(value.name, value.shape))


def _dims(name: str, shape: list[Any]) -> tuple[Dim, ...]:
    return tuple(axis(name, index, dim) for index, dim in enumerate(shape))


def _refuse_impossible(model: str, side: str, specs: tuple[TensorSpec, ...]) -> None:
    """Refuse what the engines behind the Rust contract refuse and ONNX Runtime lets pass."""
    names = [spec.name for spec in specs]
    for spec in specs:
        if not spec.name or names.count(spec.name) > 1:
            raise _impossible(model, f"{side} {spec.name!r} has no name or is declared twice")
        lengths = (dim for dim in spec.dims if isinstance(dim, int))
        if math.prod(lengths, start=np.dtype(DTYPES[spec.dtype]).itemsize) > sys.maxsize:
            reason = f"{spec.name!r} is declared as {spec.dims_text()}: larger than any memory"
            raise _impossible(model, reason)


def _impossible(model: str, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(Kind.CORRUPT, f"{model}: {reason}", HINTS[Kind.CORRUPT])


def _load_error(model: str, reason: str) -> OxidizedVisionError:
    unsupported = any(sign in reason for sign in _UNSUPPORTED_SIGNS)
    return OxidizedVisionError(
        Kind.UNSUPPORTED if unsupported else Kind.CORRUPT,
        f"{model}: onnxruntime cannot load it: {reason}",
        "Use another runner, or export at another opset."
        if unsupported
        else "Run `oxidizedvision convert` again, or check the file.",
    )

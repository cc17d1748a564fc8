"""The names of all engines: the one list that configs, reports and the table of runners share."""

from __future__ import annotations

from dataclasses import dataclass

NATIVE_MODULE = "oxidizedvision_native"


@dataclass(frozen=True)
class NativeEngine:
    """An engine behind the Rust contract.

    file_format: ending of the files that it reads. module: the extension module that holds it.
    default_device: where it runs when nobody says.
    """

    name: str
    file_format: str
    module: str = NATIVE_MODULE
    default_device: str = "cpu"


NATIVE_ENGINES = (
    NativeEngine("tract", "onnx"),
    NativeEngine("rten", "onnx"),
    NativeEngine("ort", "onnx"),
    NativeEngine("openvino", "onnx"),
    NativeEngine("tch", "pt", module="oxidizedvision_native_tch"),
    NativeEngine("tensorrt", "onnx", default_device="cuda"),
)

RUNNER_NAMES = (
    "pytorch",
    "torchscript",
    "onnxruntime",
    *(engine.name for engine in NATIVE_ENGINES),
    "program",
)
"""Every engine that may be named, ready on this machine or not."""

"""The names of all engines: the one list that configs, reports and the table of runners share."""

from __future__ import annotations

from dataclasses import dataclass

NATIVE_MODULE = "oxidizedvision_native"


@dataclass(frozen=True)
class NativeEngine:
    """An engine behind the Rust contract.

    file_format: ending of the files that it reads. module: the extension module that holds it.
    default_device: where it runs when nobody says. forks: whether a process that is forked after
    the engine was used can use it too; threads that belong to the process are not copied.
    computes_here: whether it computes in the process that loads it, and can end that process.
    prepared: endings of the files that it can prepare a model as, the usual one first; it reads
    them too. maps: whether it has the option `mmap`. one_threaded: whether it runs a model on one
    thread whatever it is told.
    """

    name: str
    file_format: str
    module: str = NATIVE_MODULE
    default_device: str = "cpu"
    forks: bool = True
    computes_here: bool = True
    prepared: tuple[str, ...] = ()
    maps: bool = False
    one_threaded: bool = False


NATIVE_ENGINES = (
    NativeEngine("tract", "onnx", prepared=("nnef.tar", "nnef.tgz"), one_threaded=True),
    NativeEngine("rten", "onnx", forks=False, prepared=("onnx",), maps=True),
    NativeEngine("ort", "onnx", prepared=("ort",), maps=True),
    NativeEngine("openvino", "onnx"),
    NativeEngine("tch", "pt", module="oxidizedvision_native_tch", forks=False),
    NativeEngine("tensorrt", "onnx", default_device="cuda", computes_here=False),
)

ONNX_ENGINES = tuple(
    engine.name
    for engine in NATIVE_ENGINES
    if engine.file_format == "onnx" and engine.computes_here
)
"""Those that run ONNX files in the process that loads them."""


@dataclass(frozen=True)
class WasmEngine:
    """An engine compiled to WebAssembly, as browsers run it. module: the folder of its build."""

    name: str
    module: str


WASM_ENGINES = (WasmEngine("wasm-tract", "tract"), WasmEngine("wasm-rten", "rten"))

RUNNER_NAMES = (
    "pytorch",
    "torchscript",
    "onnxruntime",
    *(engine.name for engine in NATIVE_ENGINES),
    *(engine.name for engine in WASM_ENGINES),
    "program",
)
"""Every engine that may be named, ready on this machine or not."""

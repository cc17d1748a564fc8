"""The benchmark's worker with engines called bare, as their own documentation shows it.

None of our checks, copies or wrappers is between the clock and the engine: what a user would have
who writes it by hand, with the settings that serve one picture at a time best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from oxidizedvision.benchmark import worker
from oxidizedvision.benchmark.worker import MeasureRequest
from oxidizedvision.convert import load_module
from oxidizedvision.core import lazy
from oxidizedvision.core.tensors import ModelInfo, TensorSpec
from oxidizedvision.runners.base import Runner

if TYPE_CHECKING:
    from oxidizedvision.config import Config
    from oxidizedvision.core.tensors import Array

Call = Callable[[Mapping[str, "Array"]], Any]


class Bare(Runner):
    """An engine's own call, where the benchmark expects a runner."""

    def __init__(self, request: MeasureRequest, version: str, call: Call) -> None:
        inputs = tuple(
            TensorSpec(name, "f32", tuple(shape)) for name, shape in request.shapes.items()
        )
        self._info = ModelInfo(
            "model", request.runner, version, inputs, (), request.threads, request.device
        )
        self._call = call

    @property
    def info(self) -> ModelInfo:
        return self._info

    def run_named(self, inputs: Mapping[str, Array]) -> Any:
        return self._call(inputs)

    def _run(self, inputs: dict[str, Array]) -> Any:
        return self._call(inputs)


def load(request: MeasureRequest) -> Runner:
    """The engine of a request, bare."""
    return _LOADERS[request.runner](request)


def _eager(request: MeasureRequest) -> Runner:
    import torch

    torch.set_num_threads(request.threads)
    config: Config | None = request.live_config()
    if config is None:
        raise ValueError("PyTorch runs the network of a config")
    module: Any = load_module(config)
    return _torch(request, torch.compile(module) if request.compiled else module)


def _torchscript(request: MeasureRequest) -> Runner:
    import torch

    torch.set_num_threads(request.threads)
    script = torch.jit.load(request.model).eval()
    return _torch(request, torch.jit.optimize_for_inference(script))


def _torch(request: MeasureRequest, module: Any) -> Runner:
    import torch

    def call(inputs: Mapping[str, Array]) -> Any:
        with torch.inference_mode():
            return module(*map(torch.from_numpy, inputs.values())).numpy()

    return Bare(request, str(torch.__version__), call)


def _onnxruntime(request: MeasureRequest) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        request.model, options, providers=["CPUExecutionProvider"]
    )
    return Bare(request, onnxruntime.__version__, lambda inputs: session.run(None, dict(inputs)))


def _openvino(request: MeasureRequest) -> Runner:
    openvino = lazy.openvino()
    settings = {
        "INFERENCE_NUM_THREADS": request.threads,
        "PERFORMANCE_HINT": "LATENCY",
        # Else it computes in bf16 where the processor can, which the others do not.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    ready = openvino.Core().compile_model(request.model, "CPU", settings).create_infer_request()
    version = openvino.__version__.partition("-")[0]
    return Bare(
        request,
        version,
        lambda inputs: ready.infer(dict(inputs), share_inputs=True, share_outputs=True),
    )


_LOADERS: dict[str, Callable[[MeasureRequest], Runner]] = {
    "pytorch": _eager,
    "torchscript": _torchscript,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}


if __name__ == "__main__":
    worker.serve(load)

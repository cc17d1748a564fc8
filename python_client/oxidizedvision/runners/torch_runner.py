"""A module of PyTorch, eager or scripted, behind the runner contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.tensors import DTYPES, AxisRange, ModelInfo, TensorSpec, dtype_name
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.request import cuda_index, granted_threads, no_device, refuse_unknown
from oxidizedvision.runners.torch_outputs import Path, leaves, names_of

if TYPE_CHECKING:
    import torch

    from oxidizedvision.core.tensors import Array


@dataclass(frozen=True)
class TorchModel:
    """What a `TorchRunner` needs to know beside the module.

    example_shapes: a shape for each input; the network accepts it.
    outputs: None where nothing tells; they are then measured when they are first asked for.
    output_names: what to call them, in their order; empty takes the network's own names.
    """

    model: str
    backend: str
    inputs: tuple[TensorSpec, ...]
    example_shapes: Mapping[str, tuple[int, ...]]
    outputs: tuple[TensorSpec, ...] | None = None
    output_names: tuple[str, ...] = ()


class TorchRunner(Runner):
    """Runs a module in eval mode without gradients, on copies of its inputs.

    The number of threads is the process's: a run sets it and puts it back, so runs of several
    torch runners in several threads at once share one number.
    """

    def __init__(self, module: torch.nn.Module, model: TorchModel, config: RunnerConfig) -> None:
        self._module = module
        self._model = model
        self._device = torch_device(model.backend, config)
        self._threads = config.threads or granted_threads()
        self._optimize = config.optimize
        self._outputs = model.outputs

    @property
    def model_name(self) -> str:
        return self._model.model

    @property
    def input_specs(self) -> tuple[TensorSpec, ...]:
        return self._model.inputs

    @property
    def axes(self) -> Mapping[str, AxisRange]:
        """None: the network itself is what ranges are proved with."""
        return {}

    @property
    def info(self) -> ModelInfo:
        import torch

        if self._outputs is None:
            self._outputs = self._measured_outputs()
        return ModelInfo(
            model=self._model.model,
            backend=self._model.backend,
            backend_version=str(torch.__version__),
            inputs=self._model.inputs,
            outputs=self._outputs,
            threads=self._threads,
            device=self._device,
        )

    def compile(self) -> None:
        """Run through torch.compile from now on; the next run, or the first of a shape, compiles.

        Raises:
            OxidizedVisionError: `unsupported` where torch.compile cannot be had here.
        """
        import torch

        try:
            self._module = torch.compile(self._module)  # type: ignore[assignment]
        except RuntimeError as error:
            raise OxidizedVisionError(
                Kind.UNSUPPORTED, f"torch.compile: {error}", "Use the runner pytorch."
            ) from error

    def _run(self, inputs: dict[str, Array]) -> dict[str, Array]:
        import torch

        # A copy: the network may work in place, and the arrays are the caller's.
        tensors = [torch.from_numpy(np.array(array, order="C")) for array in inputs.values()]
        with self._scope():
            try:
                result = self._module(*(tensor.to(self._device) for tensor in tensors))
            except Exception as error:
                raise self._failed(f"{type(error).__name__}: {error}") from error
        found = list(leaves(result))
        names = self._names([path for path, _ in found])
        return {
            name: self._array(name, value) for name, (_, value) in zip(names, found, strict=True)
        }

    def _names(self, paths: list[Path]) -> list[str]:
        known = [spec.name for spec in self._outputs or ()] or list(self._model.output_names)
        names = known or names_of(paths, [spec.name for spec in self.input_specs])
        if len(names) != len(paths):
            raise self._failed(f"{len(paths)} outputs came back, expected {len(names)}")
        return names

    @contextmanager
    def _scope(self) -> Iterator[None]:
        import torch

        before = torch.get_num_threads()
        if before != self._threads:
            torch.set_num_threads(self._threads)
        try:
            with torch.no_grad(), torch.jit.optimized_execution(self._optimize):  # type: ignore[attr-defined]
                yield
        finally:
            if before != self._threads:
                torch.set_num_threads(before)

    def _array(self, name: str, tensor: Any) -> Array:
        import torch

        if not isinstance(tensor, torch.Tensor):
            raise self._failed(f"{name} is a {type(tensor).__name__} and not a tensor")
        try:
            array: Array = tensor.detach().cpu().numpy()
        except TypeError as error:  # a type that NumPy lacks, such as bfloat16
            raise self._failed(f"{name} is {tensor.dtype}, which NumPy cannot hold") from error
        return array

    def _failed(self, message: str) -> OxidizedVisionError:
        eager = self._model.backend == "pytorch"
        return OxidizedVisionError(
            Kind.MODEL if eager else Kind.ENGINE_FAILED,
            f"{self._model.model}: {self._model.backend} failed: {message}",
            "Check the network's forward and model.input_shape."
            if eager
            else "Give an input of the size that the model was converted with.",
        )

    def _measured_outputs(self) -> tuple[TensorSpec, ...]:
        """Run at the example's size and, where axes have names, at another one, and compare."""
        first = self._zeros(self._model.example_shapes)
        measured = self._run(first)
        symbols = sorted({d for s in self.input_specs for d in s.dims if isinstance(d, str)})
        if not symbols:
            return tuple(TensorSpec(n, dtype_name(a), a.shape) for n, a in measured.items())
        larger = self._run(self._zeros(larger_shapes(self.input_specs, self._model.example_shapes)))
        return tuple(_compared(name, measured[name], larger[name]) for name in measured)

    def _zeros(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
        return {s.name: np.zeros(shapes[s.name], DTYPES[s.dtype]) for s in self.input_specs}


def larger_shapes(
    specs: tuple[TensorSpec, ...], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """Shapes whose named axes are multiplied: the first name's by 2, the next one's by 3.

    Multiples keep what a network with strides can divide; different ones tell axes apart.
    """
    factors: dict[str, int] = {}
    for spec in specs:
        for dim in spec.dims:
            if isinstance(dim, str):
                factors.setdefault(dim, 2 + len(factors) % 2)
    return {
        spec.name: tuple(
            length * factors.get(dim, 1) if isinstance(dim, str) else length
            for dim, length in zip(spec.dims, shapes[spec.name], strict=True)
        )
        for spec in specs
    }


def torch_device(engine: str, config: RunnerConfig) -> str:
    """The device as torch names it, when it is there.

    Raises:
        OxidizedVisionError: `device_unavailable`; also what `refuse_unknown` raises.
    """
    refuse_unknown(engine, config)
    index = cuda_index(config.device)
    if index is None:
        return "cpu"
    torch = require("torch", engine)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index >= count:
        raise no_device(engine, config.device, f"PyTorch sees {count} CUDA devices")
    return f"cuda:{index}"


def torch_devices() -> tuple[str, ...]:
    """The devices that torch sees now; imports torch."""
    torch = require("torch", "listing devices")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ("cpu", *(f"cuda:{index}" for index in range(count)))


def _compared(name: str, small: Array, large: Array) -> TensorSpec:
    dims = tuple(
        length if length == other else f"{name}_{axis}"
        for axis, (length, other) in enumerate(zip(small.shape, large.shape, strict=True))
    )
    return TensorSpec(name, dtype_name(small), dims)

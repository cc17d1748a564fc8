"""What is particular to each engine that runs in Python."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners import RunnerConfig, load, load_runner
from oxidizedvision.runners.torch_runner import TorchModel, TorchRunner, larger_shapes


def _torch_runner(module: torch.nn.Module, backend: str = "pytorch") -> TorchRunner:
    inputs = (TensorSpec("input", "f32", ("batch", 4)),)
    model = TorchModel("Test", backend, inputs, {"input": (1, 4)})
    return TorchRunner(module.eval(), model, RunnerConfig(b"", threads=1))


class _InPlace(torch.nn.Module):
    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.add_(1)


class _Three(torch.nn.Module):
    def forward(self, tensor: torch.Tensor) -> object:
        return tensor, tensor.sum(1), tensor > 0


class _Raises(torch.nn.Module):
    def forward(self, _: torch.Tensor) -> torch.Tensor:
        raise KeyError("lost")


class _NoTensor(torch.nn.Module):
    def forward(self, _: torch.Tensor) -> object:
        return "text"


class _Half(torch.nn.Module):
    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.bfloat16()


def test_a_network_that_works_in_place_leaves_the_callers_array_alone() -> None:
    array = np.zeros((1, 4), np.float32)
    array.flags.writeable = False
    runner = _torch_runner(_InPlace())
    assert runner.run(array).tolist() == [[1, 1, 1, 1]]
    assert runner.run(array).tolist() == [[1, 1, 1, 1]]


def test_outputs_are_named_in_order_and_their_axes_measured() -> None:
    runner = _torch_runner(_Three())
    assert [(s.name, s.dtype, s.dims) for s in runner.info.outputs] == [
        ("output_0", "f32", ("output_0_0", 4)),
        ("output_1", "f32", ("output_1_0",)),
        ("output_2", "bool", ("output_2_0", 4)),
    ]
    assert set(runner.run_named({"input": np.ones((3, 4), np.float32)})) == {
        "output_0",
        "output_1",
        "output_2",
    }


@pytest.mark.parametrize(
    ("module", "says"),
    [(_Raises(), "KeyError"), (_NoTensor(), "not a tensor"), (_Half(), "bfloat16")],
)
def test_a_network_that_fails_says_why(module: torch.nn.Module, says: str) -> None:
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        _torch_runner(module).run_named({"input": np.ones((1, 4), np.float32)})
    assert caught.value.kind is Kind.MODEL
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_the_process_keeps_its_number_of_threads() -> None:
    before = torch.get_num_threads()
    _torch_runner(_InPlace()).run(np.zeros((1, 4), np.float32))
    assert torch.get_num_threads() == before


def test_larger_shapes_differ_from_axis_to_axis() -> None:
    specs = (TensorSpec("input", "f32", ("batch", 3, "height", "width")),)
    assert larger_shapes(specs, {"input": (1, 3, 8, 8)}) == {"input": (2, 3, 24, 16)}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_of_other_tools_has_a_manifest_or_wants_shapes(tiny: Artifact) -> None:
    torch.jit.save(torch.jit.load(tiny.torchscript), tiny.torchscript)  # type: ignore[no-untyped-call]
    listed = load(tiny.torchscript, runner="torchscript")
    assert listed.info.inputs[0].dims == ("batch", 3, "height", "width")
    tiny.manifest.unlink()
    with pytest.raises(OxidizedVisionError, match="no manifest beside it"):
        load(tiny.torchscript, runner="torchscript")
    shapes = {"input": (1, 3, 8, 8)}
    runner = load_runner("torchscript", RunnerConfig(tiny.torchscript, input_shapes=shapes))
    assert runner.run(np.zeros((1, 3, 8, 8), np.float32)).shape == (1, 3, 8, 8)
    content = tiny.torchscript.read_bytes()
    from_bytes = load_runner("torchscript", RunnerConfig(content, input_shapes=shapes))
    assert from_bytes.info.outputs[0].dims == (1, 3, 8, 8)


def test_a_checkpoint_is_no_torchscript(tiny: Artifact) -> None:
    torch.save({"weight": torch.zeros(3)}, tiny.torchscript)
    with pytest.raises(OxidizedVisionError, match="not a TorchScript file") as caught:
        load(tiny.torchscript, runner="torchscript")
    assert caught.value.kind is Kind.CORRUPT


def test_inputs_are_checked_before_the_engine_sees_them(tiny_shared: Artifact) -> None:
    runner = load(tiny_shared.onnx, runner="onnxruntime")
    good = np.zeros((1, 3, 8, 12), np.float32)
    for inputs, kind in [
        ({}, Kind.MISSING_INPUT),
        ({"input": good, "other": good}, Kind.UNKNOWN_INPUT),
        ({"input": good.astype(np.float64)}, Kind.DTYPE_MISMATCH),
        ({"input": good[0]}, Kind.SHAPE_MISMATCH),
        ({"input": good[:, :2]}, Kind.SHAPE_MISMATCH),
        ({"input": good[:0]}, Kind.SHAPE_MISMATCH),
    ]:
        with pytest.raises(OxidizedVisionError) as caught:
            runner.run_named(inputs)
        assert caught.value.kind is kind


def test_a_model_of_two_outputs_is_run_by_name(pair_shared: Artifact) -> None:
    runner = load(pair_shared.onnx, runner="onnxruntime")
    array = np.ones((1, 3, 8, 12), np.float32)
    with pytest.raises(OxidizedVisionError) as caught:
        runner.run(array)
    assert caught.value.kind is Kind.NOT_SINGLE
    assert list(runner.run_named({"input": array})) == ["output_0", "output_1"]


def test_onnxruntime_runs_the_graph_as_loaded_when_asked(
    tiny_shared: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    seen = []
    real = onnxruntime.InferenceSession

    def spy(source: object, options: object, **more: object) -> object:
        seen.append((options.graph_optimization_level, options.intra_op_num_threads))
        return real(source, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    load(tiny_shared.onnx, runner="onnxruntime", optimize=False, threads=1)
    load(tiny_shared.onnx, runner="onnxruntime", optimize=True, threads=2)
    level = onnxruntime.GraphOptimizationLevel
    assert seen == [(level.ORT_DISABLE_ALL, 1), (level.ORT_ENABLE_ALL, 2)]


@pytest.fixture
def cuda_build(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """ONNX Runtime as where its CUDA build and a driver are installed."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr("oxidizedvision.runners.onnxruntime._has_driver", lambda: True)
    return monkeypatch


def test_a_provider_that_does_not_start_is_an_error_and_no_fall_back(
    tiny_shared: Artifact, cuda_build: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cuda_build.setattr("onnxruntime.preload_dlls", lambda: print("Failed to load libcublas"))
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(OxidizedVisionError, match=r"did not start.*onnxruntime-gpu\[cuda") as caught,
    ):
        load(tiny_shared.onnx, runner="onnxruntime", device="cuda")
    assert caught.value.kind is Kind.DEVICE_UNAVAILABLE
    assert capsys.readouterr().out == ""


def test_without_a_driver_there_is_no_cuda(
    tiny_shared: Artifact, cuda_build: pytest.MonkeyPatch
) -> None:
    from oxidizedvision.runners.onnxruntime import devices

    assert devices() == ("cpu", "cuda")
    cuda_build.setattr("oxidizedvision.runners.onnxruntime._has_driver", lambda: False)
    assert devices() == ("cpu",)
    with pytest.raises(OxidizedVisionError, match="no NVIDIA driver") as caught:
        load(tiny_shared.onnx, runner="onnxruntime", device="cuda")
    assert caught.value.kind is Kind.DEVICE_UNAVAILABLE


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("/a.cc:1 f() CUDA failure 2: out of memory ; GPU=0 ; file=/a.cc", "out of memory"),
        ("/a.cc:1 f() Invalid device ID: 7, must be between 0 and 1", "Invalid device ID: 7"),
        (
            "/a.cc:1 f() Failed to allocate memory for requested buffer of size 9437184 /b.cc:2",
            "Failed to allocate memory for requested buffer of size 9437184",
        ),
    ],
)
def test_what_fails_on_the_device_is_told_without_places_in_sources(
    tiny_shared: Artifact, cuda_build: pytest.MonkeyPatch, message: str, reason: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError(message)

    cuda_build.setattr("onnxruntime.InferenceSession", refuse)
    with pytest.raises(OxidizedVisionError, match=reason) as caught:
        load(tiny_shared.onnx, runner="onnxruntime", device="cuda:7")
    assert caught.value.kind is Kind.DEVICE_UNAVAILABLE
    assert ".cc" not in str(caught.value)


def test_cuda_is_single_precision_on_the_device_that_was_asked_for(
    tiny_shared: Artifact, cuda_build: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    seen = []

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        """On the CPU, whatever it says."""

        def __init__(self, *args: object, providers: list[object], **more: object) -> None:
            seen.append(providers[0])
            super().__init__(*args, providers=["CPUExecutionProvider"], **more)

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider"]

    cuda_build.setattr(onnxruntime, "InferenceSession", Session)
    runner = load(tiny_shared.onnx, runner="onnxruntime", device="cuda")
    assert runner.info.device == "cuda:0"
    options = {"device_id": 0, "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
    assert seen == [("CUDAExecutionProvider", options)]


def test_a_provider_that_fails_in_a_run_is_an_error_and_no_fall_back(
    tiny_shared: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

    class Failing:
        def run(self, *_: object) -> None:
            raise EPFail("the device is lost")

        def __getattr__(self, name: str) -> object:
            return getattr(session, name)

    runner = load_runner("onnxruntime", RunnerConfig(tiny_shared.onnx))
    session = runner._session._sess  # type: ignore[attr-defined]
    runner._session._sess = Failing()  # type: ignore[attr-defined]
    with pytest.raises(OxidizedVisionError, match="the device is lost") as caught:
        runner.run(np.zeros((1, 3, 8, 8), np.float32))
    assert caught.value.kind is Kind.ENGINE_FAILED
    assert capsys.readouterr().out == ""


def test_onnxruntime_takes_bytes_and_fixes_shapes(tiny_shared: Artifact) -> None:
    content = tiny_shared.onnx.read_bytes()
    shapes = {"input": (1, 3, 8, 8)}
    runner = load_runner("onnxruntime", RunnerConfig(content, input_shapes=shapes))
    assert runner.info.inputs[0].dims == (1, 3, 8, 8)
    with pytest.raises(OxidizedVisionError):
        runner.run(np.zeros((1, 3, 8, 12), np.float32))


def test_an_operator_that_onnxruntime_lacks_is_unsupported(tiny: Artifact) -> None:
    model = onnx.load(tiny.onnx)
    model.graph.node[0].op_type = "Frobnicate"
    onnx.save(model, tiny.onnx)
    with pytest.raises(OxidizedVisionError, match="Frobnicate") as caught:
        load(tiny.onnx, runner="onnxruntime")
    assert caught.value.kind is Kind.UNSUPPORTED

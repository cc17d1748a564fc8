"""The Rust engines give PyTorch's and ONNX Runtime's answers, and refuse what does not fit."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from oxidizedvision.core import lazy
from oxidizedvision.core.engines import NATIVE_MODULE
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPES, TensorSpec
from oxidizedvision.runners import native
from oxidizedvision.runners.base import Runner, RunnerConfig

pytest.importorskip("oxidizedvision_native", reason="`make native` builds it")

ENGINES = ("tract", "rten")
TESTDATA = Path(__file__).parents[3] / "testdata"
MODELS = TESTDATA / "models"
LACKING = {("rten", "f64")}

Arrays = dict[str, NDArray[Any]]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cases(model: str) -> list[tuple[Arrays, Arrays]]:
    """Inputs and PyTorch's outputs of every golden case of a model."""
    golden = load_file(MODELS / f"{model}.safetensors")
    names = sorted({key.split("/")[0] for key in golden})

    def side(case: str, which: str) -> Arrays:
        prefix = f"{case}/{which}/"
        return {
            key.removeprefix(prefix): array
            for key, array in golden.items()
            if key.startswith(prefix)
        }

    return [(side(name, "input"), side(name, "output")) for name in names]


def open_model(engine: str, model: str, **settings: Any) -> Runner:
    return native.load(engine, RunnerConfig(MODELS / f"{model}.onnx", **settings))


def refused(engine: str, config: RunnerConfig) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        native.load(engine, config)
    return caught.value


def assert_close(got: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]]) -> None:
    assert set(got) == set(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_allclose(got[name], array, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", ["residual", "dynamic", "pair", "bare", "external"])
def test_the_answers_are_pytorchs(engine: str, model: str) -> None:
    with open_model(engine, model) as runner:
        for inputs, outputs in cases(model):
            assert_close(runner.run_named(inputs), outputs)


@pytest.mark.parametrize("model", ["residual", "dynamic", "pair"])
def test_the_answers_are_onnxruntimes_on_inputs_of_any_shape(engine: str, model: str) -> None:
    reference = pytest.importorskip("onnxruntime").InferenceSession(
        MODELS / f"{model}.onnx", providers=["CPUExecutionProvider"]
    )
    random = np.random.default_rng(20)
    lengths = {"batch": 3, "height": 11, "width": 6, "rows": 5}
    with open_model(engine, model) as runner:
        inputs = {
            spec.name: random.standard_normal(
                [dim if isinstance(dim, int) else lengths[dim] for dim in spec.dims]
            ).astype(np.float32)
            for spec in runner.info.inputs
        }
        names = [spec.name for spec in runner.info.outputs]
        expected = dict(zip(names, reference.run(names, inputs), strict=True))
        assert_close(runner.run_named(inputs), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_element_type_goes_in_and_comes_out(engine: str, dtype: str) -> None:
    if (engine, dtype) in LACKING:
        error = refused(engine, RunnerConfig(MODELS / f"dtype_{dtype}.onnx"))
        assert error.kind is Kind.UNSUPPORTED
        return
    [(inputs, outputs)] = cases(f"dtype_{dtype}")
    assert outputs["y"].dtype == np.dtype(DTYPES[dtype])
    with open_model(engine, f"dtype_{dtype}") as runner:
        assert runner.info.inputs[0].dtype == dtype
        assert_close(runner.run_named(inputs), outputs)


def test_info_is_known_at_load(engine: str) -> None:
    with open_model(engine, "dynamic") as runner:
        info = runner.info
    assert info.inputs == (TensorSpec("x", "f32", ("batch", 3, "height", "width")),)
    assert info.outputs == (TensorSpec("y", "f32", ("batch", 3, "height", "width")),)
    assert (info.model, info.backend, info.device) == ("dynamic.onnx", engine, "cpu")
    assert info.backend_version == native.check(engine).version
    with open_model(engine, "dynamic", input_shapes={"x": (1, 3, 8, 8)}) as runner:
        assert runner.info.outputs[0].dims == (1, 3, 8, 8)


def test_bytes_are_as_good_as_a_file(engine: str) -> None:
    content = (MODELS / "residual.onnx").read_bytes()
    [(inputs, outputs)] = cases("residual")
    with native.load(engine, RunnerConfig(content)) as runner:
        assert runner.info.model == "model"
        assert_close({"y": runner.run(inputs["x"])}, outputs)


def test_threads_and_optimisation_are_settings(engine: str) -> None:
    [(inputs, outputs)] = cases("residual")
    with open_model(engine, "residual", threads=1, optimize=False) as runner:
        assert runner.info.threads == 1
        assert_close(runner.run_named(inputs), outputs)


def test_layout_and_byte_order_do_not_matter(engine: str) -> None:
    [(inputs, outputs)] = cases("residual")
    picture = inputs["x"]
    padded = np.zeros((1, 3, 8, 16), np.float32)
    padded[..., ::2] = picture
    fixed = picture.copy()
    fixed.flags.writeable = False
    views = [
        np.asfortranarray(picture),
        padded[..., ::2],
        picture[..., ::-1].copy()[..., ::-1],
        picture.astype(picture.dtype.newbyteorder()),
        fixed,
    ]
    with open_model(engine, "residual") as runner:
        for view in views:
            assert_close({"y": runner.run(view)}, outputs)


def test_outputs_belong_to_the_caller(engine: str) -> None:
    [(inputs, _)] = cases("residual")
    with open_model(engine, "residual") as runner:
        first = runner.run(inputs["x"])
        kept = first.copy()
        assert first.flags.writeable
        first[:] = 0
        np.testing.assert_array_equal(runner.run(inputs["x"]), kept)


def test_what_does_not_fit_is_refused_by_kind(engine: str) -> None:
    good = np.zeros((1, 3, 8, 8), np.float32)
    bad: list[tuple[Kind, Arrays]] = [
        (Kind.MISSING_INPUT, {}),
        (Kind.UNKNOWN_INPUT, {"x": good, "z": good}),
        (Kind.DTYPE_MISMATCH, {"x": good.astype(np.float64)}),
        (Kind.DTYPE_MISMATCH, {"x": good.astype(np.uint16)}),
        (Kind.SHAPE_MISMATCH, {"x": good[0]}),
        (Kind.SHAPE_MISMATCH, {"x": good[:, :2]}),
        (Kind.SHAPE_MISMATCH, {"x": good[:0]}),
    ]
    with open_model(engine, "residual") as runner:
        for kind, inputs in bad:
            with pytest.raises(OxidizedVisionError) as caught:
                runner.run_named(inputs)
            assert caught.value.kind is kind
        assert runner.run(good).shape == good.shape
    with open_model(engine, "pair") as runner, pytest.raises(OxidizedVisionError) as caught:
        runner.run(good)
    assert caught.value.kind is Kind.NOT_SINGLE


def test_the_module_checks_by_itself(engine: str) -> None:
    import oxidizedvision_native as module

    runner = module.NativeRunner(engine, MODELS / "residual.onnx")
    for inputs, kind in [
        ({}, "missing_input"),
        ({"x": np.zeros((1, 3, 8, 8))}, "dtype_mismatch"),
        ({"x": np.zeros((1, 3, 8, 8), np.complex64)}, "dtype_mismatch"),
        ({"x": np.zeros((1, 3), np.float32)}, "shape_mismatch"),
    ]:
        with pytest.raises(module.NativeError) as caught:
            runner.run(inputs)
        assert caught.value.kind == kind
        assert caught.value.message == str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("empty", Kind.CORRUPT),
        ("random", Kind.CORRUPT),
        ("truncated", Kind.CORRUPT),
        ("cycle", Kind.CORRUPT),
        ("unknown_operator", Kind.UNSUPPORTED),
        ("outside_parent", Kind.CORRUPT),
        ("outside_absolute", Kind.CORRUPT),
        ("no_such_file", Kind.NOT_FOUND),
    ],
)
def test_a_hostile_file_is_a_typed_error_with_a_hint(engine: str, name: str, kind: Kind) -> None:
    error = refused(engine, RunnerConfig(TESTDATA / "hostile" / f"{name}.onnx"))
    assert error.kind is kind
    assert f"{name}.onnx" in error.message
    assert error.hint


def test_an_unsupported_operator_is_named(engine: str) -> None:
    error = refused(engine, RunnerConfig(TESTDATA / "hostile" / "unknown_operator.onnx"))
    assert "Frobnicate" in error.message


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"device": "cuda"}, Kind.DEVICE_UNAVAILABLE),
        ({"device": "abacus"}, Kind.INVALID_OPTION),
        ({"threads": 0}, Kind.INVALID_OPTION),
        ({"threads": -3}, Kind.INVALID_OPTION),
        ({"precision": "fp16"}, Kind.INVALID_OPTION),
        ({"precision": "fp7"}, Kind.INVALID_OPTION),
        ({"options": {"warp_speed": "9"}}, Kind.INVALID_OPTION),
        ({"input_shapes": {"x": (1, 3, 9, 9)}}, Kind.SHAPE_MISMATCH),
        ({"input_shapes": {"x": (1, 3, -8, 8)}}, Kind.SHAPE_MISMATCH),
        ({"input_shapes": {"z": (1,)}}, Kind.SHAPE_MISMATCH),
    ],
)
def test_a_setting_that_cannot_be_had_is_refused(
    engine: str, settings: dict[str, Any], kind: Kind
) -> None:
    error = refused(engine, RunnerConfig(MODELS / "residual.onnx", **settings))
    assert error.kind is kind
    assert error.hint


def test_eight_threads_get_equal_answers_from_one_runner(engine: str) -> None:
    goldens = cases("dynamic") * 16
    with open_model(engine, "dynamic") as runner:
        alone = [runner.run(inputs["x"]) for inputs, _ in goldens[:2]]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda golden: runner.run(golden[0]["x"]), goldens))
    for index, answer in enumerate(answers):
        np.testing.assert_array_equal(answer, alone[index % 2])


def test_every_kind_of_the_module_is_a_kind_here(engine: str) -> None:
    source = Path(__file__).parents[3] / "rust_runtime/crates/runner_core/src/error.rs"
    names = [
        line.split('"')[1]
        for line in source.read_text(encoding="utf-8").splitlines()
        if "Self::" in line and '=> "' in line
    ]
    assert len(names) == 18
    assert {Kind(name) for name in names} == set(native.HINTS)


def test_a_missing_module_is_missing_with_the_way_to_install_it(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, NATIVE_MODULE, None)
    state = native.check(engine)
    assert state.status == "missing"
    assert "make native" in state.hint
    assert native.devices(engine) == ()
    error = refused(engine, RunnerConfig(MODELS / "residual.onnx"))
    assert error.kind is Kind.DEPENDENCY_MISSING
    assert lazy.INSTALL[NATIVE_MODULE] in error.hint


def test_the_engines_need_neither_onnxruntime_nor_torch() -> None:
    program = f"""
        import sys
        for name in ("onnxruntime", "torch", "onnx"):
            sys.modules[name] = None
        import numpy as np
        from pathlib import Path
        from oxidizedvision.runners import native
        from oxidizedvision.runners.base import RunnerConfig
        config = RunnerConfig(Path({str(MODELS / "residual.onnx")!r}))
        for engine in {ENGINES!r}:
            with native.load(engine, config) as runner:
                print(runner.info.backend, runner.run(np.ones((1, 3, 8, 8), np.float32)).shape)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [f"{engine} (1, 3, 8, 8)" for engine in ENGINES]

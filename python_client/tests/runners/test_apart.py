"""An engine in a process of its own answers as it does in this one, and ends nothing but itself."""

from __future__ import annotations

import multiprocessing
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hostile_models
import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPES
from oxidizedvision.runners import Runner, RunnerConfig, apart, availability, load, load_runner
from oxidizedvision.runners.frames import Message
from oxidizedvision.runners.worker import Worker

TESTDATA = Path(__file__).parents[3] / "testdata"
MODELS = TESTDATA / "models"
READY = [
    name
    for name in ("onnxruntime", *(engine.name for engine in NATIVE_ENGINES))
    if name != "tensorrt" and availability(name).ready
]
ONES = np.ones((1, 3), np.float32)


def ending(engine: str) -> str:
    return "pt" if engine == "tch" else "onnx"


def golden_input(model: str) -> dict[str, Any]:
    tensors = load_file(MODELS / f"{model}.safetensors")
    case = min(name.split("/")[0] for name in tensors)
    prefix = f"{case}/input/"
    return {n.removeprefix(prefix): a for n, a in tensors.items() if n.startswith(prefix)}


def told(work: Callable[[], object]) -> tuple[str, str, str] | None:
    """The error of some work; None where there is none."""
    try:
        work()
    except OxidizedVisionError as error:
        return error.kind, error.message, error.hint
    return None


def processes() -> list[psutil.Process]:
    """The processes of this one's engines."""
    found = []
    for child in psutil.Process().children():
        try:
            if any("apart_worker" in part for part in child.cmdline()):
                found.append(child)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


@pytest.mark.parametrize("engine", READY)
@pytest.mark.parametrize("model", ["residual", "dynamic", "pair"])
def test_the_answers_are_those_of_the_engine_in_this_process(engine: str, model: str) -> None:
    path = MODELS / f"{model}.{ending(engine)}"
    inputs = golden_input(model)
    with load(path, runner=engine, threads=1) as here:
        expected, info = here.run_named(inputs), here.info
    with load(path, runner=engine, threads=1, apart=True) as there:
        got = there.run_named(inputs)
        assert there.info == info
        assert there.input_specs == info.inputs
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)
        assert got[name].flags.writeable


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_element_type_crosses(dtype: str) -> None:
    inputs = golden_input(f"dtype_{dtype}")
    path = MODELS / f"dtype_{dtype}.onnx"
    expected = load(path, runner="onnxruntime").run_named(inputs)
    with load(path, runner="onnxruntime", apart=True) as runner:
        np.testing.assert_array_equal(runner.run_named(inputs)["y"], expected["y"])


@pytest.mark.parametrize("engine", READY)
def test_bytes_and_settings_cross(engine: str) -> None:
    config = RunnerConfig(
        (MODELS / f"dynamic.{ending(engine)}").read_bytes(),
        input_shapes={"x": (1, 3, np.int64(8), 8)},  # type: ignore[dict-item]
        threads=1,
        optimize=False,
        options={"plan_cache": "2"} if engine == "tract" else {},
    )
    here = load_runner(engine, config)
    with load_runner(engine, config, apart=True) as there:
        assert there.info == here.info
        assert (there.info.threads, there.info.model) == (1, "model")
        assert there.info.inputs[0].dims == (1, 3, 8, 8)


def test_only_engines_that_compute_here_are_moved() -> None:
    runner = load(MODELS / "residual.pt", runner="torchscript", apart=True)
    assert not isinstance(runner, apart.IsolatedRunner)
    assert runner.run(golden_input("residual")["x"]).shape == (1, 3, 8, 8)


SETTINGS: list[dict[str, Any]] = [
    {"device": "cuda:7"},
    {"device": "abacus"},
    {"threads": 0},
    {"threads": 1 << 70},
    {"precision": "fp7"},
    {"options": {"warp_speed": "9"}},
    {"options": {"warp_speed": 9}},
    {"input_shapes": {"x": (1, 3, 9, 9)}},
    {"input_shapes": {"z": (1,)}},
]


@pytest.mark.parametrize("engine", READY)
def test_refusals_are_the_same(engine: str, tmp_path: Path) -> None:
    hostile = ["random", "state_dict", "cycle", "unknown_operator", "outside_parent"]
    paths = [TESTDATA / "hostile" / f"{name}.{ending(engine)}" for name in hostile]
    files = [*filter(Path.exists, paths), tmp_path / "none.onnx"]
    configs = [RunnerConfig(path) for path in files]
    configs += [RunnerConfig(MODELS / f"residual.{ending(engine)}", **more) for more in SETTINGS]
    configs.append(RunnerConfig(b"no model"))
    refused = 0
    for config in configs:
        here = told(lambda config=config: load_runner(engine, config))  # type: ignore[misc]
        there = told(lambda config=config: load_runner(engine, config, apart=True).close())  # type: ignore[misc]
        assert there == here
        refused += here is not None
    assert refused > 8
    assert processes() == []


def test_a_run_that_fails_is_the_same_error_and_the_next_one_works(tmp_path: Path) -> None:
    model = hostile_models.save_filled(tmp_path / "filled.onnx")
    bad, good = np.array([-2, 3], np.int64), np.array([2, 3], np.int64)
    expected = told(lambda: load(model, runner="onnxruntime").run(bad))
    with load(model, runner="onnxruntime", apart=True) as runner:
        (before,) = processes()
        assert told(lambda: runner.run(bad)) == expected
        assert expected is not None
        assert expected[0] == Kind.ENGINE_FAILED
        assert runner.run(good).item() == 1
        assert processes() == [before]


def refused_to_death(error: OxidizedVisionError, engine: str, doing: str, model: Path) -> None:
    assert error.kind is Kind.UNSUPPORTED
    assert error.exit_code is ExitCode.BAD_INPUT
    start = f"{engine} ended its process by signal 6 (Aborted) while {doing} {model.name}: "
    assert error.message.startswith(start)
    assert error.message.endswith(" bytes failed")
    assert f"`oxidizedvision backends --model {model}`" in error.hint


@pytest.mark.skipif("rten" not in READY, reason="`make native` builds it")
def test_a_model_that_kills_the_engine_at_load_is_an_error(tmp_path: Path) -> None:
    model = hostile_models.save(tmp_path / "m.onnx", hostile_models.constant_of_shape)
    with pytest.raises(OxidizedVisionError) as caught:
        load(model, runner="rten", apart=True)
    refused_to_death(caught.value, "rten", "loading", model)
    assert processes() == []


@pytest.mark.parametrize("engine", [name for name in ("tract", "rten") if name in READY])
def test_a_model_that_kills_the_engine_at_run_is_an_error_each_time(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = hostile_models.save(tmp_path / "m.onnx", hostile_models.resize)
    with load(model, runner=engine, apart=True) as runner:
        for _ in range(2):
            with pytest.raises(OxidizedVisionError) as caught:
                runner.run(ONES)
            refused_to_death(caught.value, engine, "running", model)
    assert processes() == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif("rten" not in READY, reason="`make native` builds it")
def test_an_input_that_kills_the_engine_does_not_stop_the_next_one(tmp_path: Path) -> None:
    model = hostile_models.save_filled(tmp_path / "filled.onnx")
    good = np.array([2, 3], np.int64)
    with load(model, runner="rten", apart=True) as runner:
        assert runner.run(good).item() == 1
        with pytest.raises(OxidizedVisionError, match="ended its process"):
            runner.run(np.array([1 << 23, 1 << 23], np.int64))
        assert runner.run(good).item() == 1


def test_threads_wait_for_each_other() -> None:
    inputs = golden_input("dynamic")
    with load(MODELS / "dynamic.onnx", runner="onnxruntime", apart=True) as runner:
        alone = runner.run_named(inputs)["y"]
        with ThreadPoolExecutor(8) as pool:
            for answer in pool.map(lambda _: runner.run_named(inputs)["y"], range(64)):
                np.testing.assert_array_equal(answer, alone)


def ended(process: psutil.Process) -> bool:
    """Whether a process ends soon; one that nobody waited for has ended, too."""
    for _ in range(1000):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


def test_a_runner_that_is_closed_or_forgotten_has_no_process() -> None:
    runner = load(MODELS / "residual.onnx", runner="onnxruntime", apart=True)
    (process,) = processes()
    runner.close()
    assert ended(process)
    runner.close()
    with pytest.raises(OxidizedVisionError, match="is closed") as caught:
        runner.run(golden_input("residual")["x"])
    assert caught.value.hint
    load(MODELS / "residual.onnx", runner="onnxruntime", apart=True)
    assert processes() == []


def _in_a_fork(runner: Runner, answers: Any) -> None:
    try:
        runner.run(golden_input("residual")["x"])
    except OxidizedVisionError as error:
        answers.put(error.kind)
    runner.close()


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork"
)
def test_a_fork_leaves_the_process_to_its_owner() -> None:
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    with load(MODELS / "residual.onnx", runner="onnxruntime", apart=True) as runner:
        child = fork.Process(target=_in_a_fork, args=(runner, answers))
        child.start()
        child.join(30)
        assert child.exitcode == 0
        assert answers.get() == Kind.BACKEND_UNAVAILABLE
        assert runner.run(golden_input("residual")["x"]).shape == (1, 3, 8, 8)


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put code of the test in the place of the engine's process."""

    def put(code: str) -> None:
        start = "import os, sys, time\nfrom oxidizedvision.runners.frames import *\n"
        (tmp_path / "planted_apart_worker.py").write_text(start + textwrap.dedent(code))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(apart, "_WORKER", "planted_apart_worker")

    return put


ANSWER = "send(sys.stdout.buffer, Message({!r})); time.sleep(60)"


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("print('hello')", Kind.INTERNAL, "ended its process with 0 while loading residual.onnx"),
        ("print('no message at all'); time.sleep(60)", Kind.INTERNAL, "is not understood"),
        (ANSWER.format({}), Kind.INTERNAL, "is not understood"),
        (ANSWER.format({"info": {"model": "m"}}), Kind.INTERNAL, "is not understood"),
        (ANSWER.format({"error": {"kind": "odd"}}), Kind.INTERNAL, "is not understood"),
        (ANSWER.format({"error": "text"}), Kind.INTERNAL, "is not understood"),
        (
            "raise SystemExit('last words')",
            Kind.INTERNAL,
            "ended its process with 1 .*: last words",
        ),
        ("os.close(1); time.sleep(60)", Kind.UNSUPPORTED, r"by signal 9 \(Killed\)"),
        (
            "os.kill(os.getpid(), 11)",
            Kind.UNSUPPORTED,
            r"by signal 11 \(Segmentation fault\) while",
        ),
        (
            "print('one\\ntwo\\nnote: three', file=sys.stderr); os.abort()",
            Kind.UNSUPPORTED,
            "loading residual.onnx: two$",
        ),
    ],
)
def test_whatever_the_process_does_is_an_error(
    plant: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    kind: Kind,
    says: str,
) -> None:
    plant(code)
    monkeypatch.setattr("oxidizedvision.runners.worker._PATIENCE_S", 1.0)
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        load(MODELS / "residual.onnx", runner="onnxruntime", apart=True)
    assert caught.value.kind is kind
    assert ("Memory may have run out" in caught.value.hint) is ("signal 9" in says)
    assert processes() == []


def test_want_of_memory_is_told_as_such(plant: Callable[[str], None]) -> None:
    plant(ANSWER.format({"memory": "4 TiB for an array"}))
    with pytest.raises(MemoryError, match="4 TiB"):
        load(MODELS / "residual.onnx", runner="onnxruntime", apart=True)
    assert processes() == []


def test_what_an_engine_says_is_told_when_it_is_closed(
    plant: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    plant(
        """
        import runpy
        print("\\x1b[1;31mtoo old a card\\x1b[m", file=sys.stderr)
        print("using the processor", file=sys.stderr)
        runpy.run_module("oxidizedvision.runners.apart_worker", run_name="__main__")
        """
    )
    runner = load(MODELS / "residual.onnx", runner="onnxruntime", apart=True)
    assert capfd.readouterr() == ("", "")
    with pytest.warns(UserWarning, match="^onnxruntime: too old a card\nusing the processor$"):
        runner.close()


def test_the_process_imports_its_engine_and_no_other(plant: Callable[[str], None]) -> None:
    heavy = ("torch", "onnx", "onnxruntime", "pydantic", "ruamel", "PIL", "rich")
    plant(
        f"""
        import runpy
        real = os._exit
        def leave(code):
            print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr, flush=True)
            real(code)
        os._exit = leave
        runpy.run_module("oxidizedvision.runners.apart_worker", run_name="__main__")
        """
    )
    runner = load(MODELS / "residual.onnx", runner="onnxruntime", apart=True)
    assert runner.run(golden_input("residual")["x"]).shape == (1, 3, 8, 8)
    held = runner._worker
    held._requests.close()
    assert held.ended() == (0, "onnxruntime")


def test_a_process_that_ended_long_ago_is_told_again() -> None:
    worker = Worker([sys.executable, "-c", "raise SystemExit(7)"])
    for _ in range(2):
        with pytest.raises(EOFError):
            worker.ask(Message({"do": "anything"}))
        assert worker.ended()[0] == 7

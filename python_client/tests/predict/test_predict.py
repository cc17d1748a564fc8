"""Files go through a model as they would through the engine itself, and bad ones end in words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from fake_program import write_program
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tiny_network import Artifact, write_project

from oxidizedvision import auto, load, predict
from oxidizedvision.config import ImagePostprocess
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.postprocess import picture_of
from oxidizedvision.predict import EngineSettings, Step, tensor_files, verb
from oxidizedvision.preprocess import preprocess, read_picture, write_picture
from oxidizedvision.runners import RunnerConfig

Pixels = NDArray[np.uint8]


def refused(kind: Kind, call: Callable[[], object]) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        call()
    assert caught.value.kind == kind
    assert caught.value.hint
    return caught.value


def random_input() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((1, 3, 8, 12)).astype(np.float32)


def expected_picture(model: Path, pixels: Pixels) -> Pixels:
    with load(model, runner="onnxruntime") as runner:
        return picture_of(runner.run(preprocess(pixels, {})), ImagePostprocess(kind="image"))


@pytest.mark.parametrize("runner", ["onnxruntime", "tract", "rten"])
def test_a_tensor_gives_what_the_engine_gives(
    tiny_shared: Artifact, tmp_path: Path, runner: str
) -> None:
    array = random_input()
    np.save("x.npy", array)
    report = predict(tiny_shared.onnx, "x.npy", runner=runner, output="there/y.npy")
    with load(tiny_shared.onnx, runner=runner) as engine:
        np.testing.assert_array_equal(np.load("there/y.npy"), engine.run(array))
    assert (report.runner, report.exit_code) == (runner, ExitCode.DONE)
    (row,) = report.results
    assert (row.output, row.written) == (Path("there/y.npy"), "tensors")
    assert row.run_ms > 0


def test_named_arrays_go_in_and_out(pair_shared: Artifact) -> None:
    array = random_input()
    save_file({"input": array}, "x.safetensors")
    np.savez("y.npz", input=array)
    predict(pair_shared.onnx, ["x.safetensors", "y.npz"], runner="onnxruntime")
    with load(pair_shared.onnx, runner="onnxruntime") as engine:
        wanted = engine.run_named({"input": array})
    for got in (load_file("predictions/x.safetensors"), np.load("predictions/y.npz")):
        assert sorted(got) == ["output_0", "output_1"]
        for name, values in wanted.items():
            np.testing.assert_array_equal(got[name], values)


def test_one_array_of_a_model_of_two_outputs_becomes_npz(pair_shared: Artifact) -> None:
    np.save("x.npy", random_input())
    report = predict(pair_shared.onnx, "x.npy", runner="onnxruntime")
    assert report.results[0].output == Path("predictions/x.npz")

    def call() -> object:
        return predict(pair_shared.onnx, "x.npy", runner="onnxruntime", output="y.npy")

    assert "the model gives 2" in refused(Kind.NOT_SINGLE, call).message


@pytest.mark.parametrize("ending", [".png", ".webp", ".jpg"])
def test_a_picture_goes_through_the_contract_of_the_metadata(
    tiny: Artifact, picture: Path, pixels: Pixels, ending: str
) -> None:
    tiny.manifest.unlink()
    target = Path(f"result{ending}")
    report = predict(tiny.onnx, picture, runner="onnxruntime", output=target)
    got, wanted = read_picture(target), expected_picture(tiny.onnx, pixels)
    if ending == ".jpg":
        assert got.shape == wanted.shape
    else:
        np.testing.assert_array_equal(got, wanted)
    assert report.results[0].written == "picture"


def test_the_constants_of_the_metadata_count(tiny: Artifact, picture: Path, pixels: Pixels) -> None:
    model = onnx.load(tiny.onnx)
    changed = {"preprocess": {"color": "bgr", "mean": [0.5], "std": [0.25]}}
    for entry in model.metadata_props:
        for name, value in changed.items():
            if entry.key == f"oxv.{name}":
                entry.value = json.dumps(value)
    onnx.save(model, tiny.onnx)
    predict(tiny.onnx, picture, runner="onnxruntime", output="y.npy")
    with load(tiny.onnx, runner="onnxruntime") as engine:
        wanted = engine.run(preprocess(pixels, changed["preprocess"]))
    np.testing.assert_array_equal(np.load("y.npy"), wanted)


def test_torchscript_takes_the_contract_of_its_manifest(
    tiny_shared: Artifact, picture: Path, pixels: Pixels
) -> None:
    predict(tiny_shared.torchscript, picture, runner="torchscript", output="y.png")
    wanted = expected_picture(tiny_shared.onnx, pixels)
    assert np.abs(read_picture(Path("y.png")).astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("runner", ["pytorch", "torchscript", "rten"])
def test_a_config_runs_the_network_or_its_newest_file(
    tiny_shared: Artifact, picture: Path, pixels: Pixels, runner: str
) -> None:
    report = predict(tiny_shared.config, picture, runner=runner, output="y.png")
    wanted = expected_picture(tiny_shared.onnx, pixels)
    assert report.runner == runner
    assert np.abs(read_picture(Path("y.png")).astype(int) - wanted).max() <= 1


def test_the_live_network_needs_no_conversion(tmp_path: Path, picture: Path) -> None:
    project = write_project(tmp_path / "fresh")
    predict(project.config, picture, runner="pytorch", output="y.png")
    assert read_picture(Path("y.png")).shape == (8, 12, 3)
    error = refused(Kind.NOT_FOUND, lambda: predict(project.config, picture, runner="tract"))
    assert "is not converted" in error.message


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, RunnerConfig]]:
    """What would be loaded, in place of loading it: there may be no CUDA device here."""
    asked: list[tuple[str, RunnerConfig]] = []

    def load_runner(name: str, runner_config: RunnerConfig, **_: object) -> None:
        asked.append((name, runner_config))
        raise OxidizedVisionError(Kind.DEVICE_UNAVAILABLE, "no such device", "Not here.")

    monkeypatch.setattr(verb, "load_runner", load_runner)
    return asked


def on_cuda(project: Artifact, runner: str) -> Path:
    with project.config.open("a") as file:
        file.write(f"runners: [{{name: {runner}, use_cuda: true, optimize: false}}]\n")
    return project.config


@pytest.mark.parametrize("runner", ["pytorch", "torchscript", "ort"])
@pytest.mark.parametrize(("device", "expected"), [(None, "cuda"), ("cpu", "cpu")])
def test_the_entry_of_the_config_says_where_it_runs(
    tiny: Artifact,
    picture: Path,
    loaded: list[tuple[str, RunnerConfig]],
    runner: str,
    device: str | None,
    expected: str,
) -> None:
    config = on_cuda(tiny, runner)
    settings = EngineSettings(device=device)
    refused(
        Kind.DEVICE_UNAVAILABLE,
        lambda: predict(config, picture, runner=runner, settings=settings),
    )
    ((name, asked),) = loaded
    assert (name, asked.device, asked.optimize) == (runner, expected, False)


def test_another_precision_that_auto_chose_runs_where_the_config_says(
    tiny: Artifact,
    picture: Path,
    loaded: list[tuple[str, RunnerConfig]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = on_cuda(tiny, "ort")
    small = tiny.onnx.with_name("tiny.fp16.onnx")
    choice = SimpleNamespace(file=small.name, runner="ort", threads=3, line="")
    monkeypatch.setattr(auto, "choose", lambda *_, **__: choice)
    refused(Kind.DEVICE_UNAVAILABLE, lambda: predict(config, picture, runner="auto"))
    ((name, asked),) = loaded
    assert (name, asked.device, asked.model, asked.threads) == ("ort", "cuda", small, 3)
    assert not asked.optimize


def test_an_executable_runs_tensors(tmp_path: Path, picture: Path) -> None:
    program = write_program(tmp_path / "program", factor=3.0)
    np.save("x.npy", random_input())
    predict(program, "x.npy", runner="program", output="y.npy")
    np.testing.assert_array_equal(np.load("y.npy"), random_input() * 3)
    error = refused(Kind.INPUT, lambda: predict(program, picture, runner="program"))
    assert "takes no pictures" in error.message


def test_a_bad_picture_does_not_stop_the_others(tiny_shared: Artifact, folder: Path) -> None:
    told: list[str] = []
    report = predict(
        tiny_shared.onnx, folder, runner="onnxruntime", output="out", notify=told.append
    )
    assert [row.output for row in report.results] == [Path("out/a.png"), Path("out/c.webp")]
    assert [(row.input.name, row.kind) for row in report.failures] == [("b.png", Kind.INPUT)]
    assert [row.input.name for row in report.skipped] == ["notes.txt", "older"]
    assert report.exit_code == ExitCode.BAD_INPUT
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.webp"]
    steps = [(str(step), step.done, step.total) for step in told if isinstance(step, Step)]
    assert steps == [("a.png", 0, 3), ("b.png", 1, 3), ("c.webp", 2, 3)]


def test_a_single_bad_picture_is_the_error_itself(tiny_shared: Artifact, folder: Path) -> None:
    bad = folder / "b.png"
    refused(Kind.INPUT, lambda: predict(tiny_shared.onnx, bad, runner="onnxruntime"))
    assert not Path("predictions").exists()


def test_nothing_is_written_where_two_results_would_be_one(
    tiny: Artifact, picture: Path, pixels: Pixels
) -> None:
    other = Path("other")
    other.mkdir()
    (other / "PHOTO.png").write_bytes(picture.read_bytes())

    def both() -> object:
        return predict(tiny.onnx, [picture, other], runner="onnxruntime", output="out")

    assert "also the result of" in refused(Kind.USAGE, both).message
    assert not Path("out").exists()


def test_no_input_is_overwritten(tiny_shared: Artifact, folder: Path) -> None:
    before = (folder / "a.png").read_bytes()

    def onto() -> object:
        return predict(tiny_shared.onnx, folder, runner="onnxruntime", output=folder)

    assert "the input" in refused(Kind.USAGE, onto).message
    assert (folder / "a.png").read_bytes() == before


def test_a_model_that_takes_no_pictures_says_so(pair_shared: Artifact, picture: Path) -> None:

    def call() -> object:
        return predict(pair_shared.onnx, picture, runner="onnxruntime")

    assert "nothing says how a picture becomes" in refused(Kind.INPUT, call).message


def test_a_fixed_size_is_met_by_stretching_there_and_back(tmp_path: Path, pixels: Pixels) -> None:
    more = "preprocess: {color: rgb}\npostprocess: {kind: image}\n"
    project = write_project(tmp_path / "fixed", "Double", more)
    write_picture(Path("large.png"), np.full((16, 20, 3), 60, np.uint8))
    report = predict(project.config, "large.png", runner="pytorch", output="y.png")
    np.testing.assert_array_equal(read_picture(Path("y.png")), np.full((16, 20, 3), 120, np.uint8))
    assert "12 x 8" in report.results[0].note


@pytest.mark.parametrize(
    ("inputs", "output", "kind"),
    [
        ("missing.png", None, Kind.NOT_FOUND),
        ("notes.txt", None, Kind.INPUT),
        ("empty", None, Kind.INPUT),
        ("photo.png", "y.tiff", Kind.INPUT),
        (["photo.png", "photos"], "y.png", Kind.USAGE),
        (["photo.png", "photo.png"], None, Kind.USAGE),
        ([], None, Kind.INPUT),
    ],
)
def test_what_cannot_be_done_is_told_before_any_work(
    tiny_shared: Artifact,
    picture: Path,
    folder: Path,
    inputs: str | list[str],
    output: str | None,
    kind: Kind,
) -> None:
    Path("empty").mkdir()
    Path("notes.txt").write_text("hello")
    refused(kind, lambda: predict(tiny_shared.onnx, inputs, runner="tract", output=output))
    assert not Path("predictions").exists()


def test_a_runner_of_no_such_name_or_format(tiny_shared: Artifact, picture: Path) -> None:
    error = refused(Kind.USAGE, lambda: predict(tiny_shared.onnx, picture, runner="tracd"))
    assert "tract" in error.message
    refused(Kind.UNSUPPORTED, lambda: predict(tiny_shared.onnx, picture, runner="torchscript"))
    refused(Kind.BACKEND_UNAVAILABLE, lambda: predict(tiny_shared.onnx, picture, runner="tensorrt"))


@pytest.mark.parametrize("ending", [".npy", ".npz", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\xff" * 64])
def test_a_broken_tensor_file_is_bad_input(
    tiny_shared: Artifact, ending: str, content: bytes
) -> None:
    path = Path(f"x{ending}")
    path.write_bytes(content)
    refused(Kind.INPUT, lambda: predict(tiny_shared.onnx, path, runner="onnxruntime"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tiny_shared: Artifact, folder: Path) -> None:
    for name in ("x.npy", "x.png", "photos/d.png"):
        os.mkfifo(name)
    for name in ("x.npy", "x.png"):
        error = refused(
            Kind.INPUT, lambda name=name: predict(tiny_shared.onnx, name, runner="onnxruntime")
        )
        assert "pipe" in error.message
    report = predict(tiny_shared.onnx, folder, runner="onnxruntime")
    assert any(row.input.name == "d.png" and "pipe" in row.reason for row in report.skipped)


def test_arrays_of_objects_are_not_loaded(tiny_shared: Artifact) -> None:
    np.save("x.npy", np.array([{}]), allow_pickle=True)
    np.savez("y.npz", input=np.array([{}]))
    for name in ("x.npy", "y.npz"):
        error = refused(
            Kind.INPUT, lambda name=name: predict(tiny_shared.onnx, name, runner="onnxruntime")
        )
        assert "Object arrays" in error.message


def test_another_byte_order_is_turned(tiny_shared: Artifact) -> None:
    array = random_input()
    np.save("x.npy", array.astype(">f4"))
    with load(tiny_shared.onnx, runner="onnxruntime") as runner:
        (got,) = tensor_files.read_tensors(Path("x.npy"), runner.input_specs).values()
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, array)


def test_metadata_that_is_no_contract_is_corrupt(tiny: Artifact, picture: Path) -> None:
    model = onnx.load(tiny.onnx)
    for entry in model.metadata_props:
        if entry.key == "oxv.preprocess":
            entry.value = '{"resize": {"width": "wide"}}'
    onnx.save(model, tiny.onnx)
    error = refused(Kind.CORRUPT, lambda: predict(tiny.onnx, picture, runner="onnxruntime"))
    assert "resize" in error.message


def test_an_older_result_stays_when_writing_fails(
    tiny_shared: Artifact, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Path("y.npy")
    target.write_bytes(b"older")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensor_files, "_write_npy", full)

    def call() -> object:
        return predict(tiny_shared.onnx, picture, runner="onnxruntime", output=target)

    refused(Kind.FILE_SYSTEM, call)
    assert target.read_bytes() == b"older"
    assert not list(Path().glob(".y*"))

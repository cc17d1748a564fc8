"""Runners are found by exact name, and say what they are and what they lack."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_network import Artifact

from oxidizedvision.config import RUNNER_NAMES, load_config
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.runners import (
    NAMES,
    Availability,
    RunnerConfig,
    availability,
    backends,
    load,
    load_runner,
    table,
)


def test_the_config_knows_the_same_names() -> None:
    assert NAMES == RUNNER_NAMES


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(OxidizedVisionError, match="did you mean 'tract'") as caught:
        availability("trakt")
    assert caught.value.kind is Kind.USAGE


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_that_is_not_ready_is_an_error_with_a_way_out(
    name: str, tiny_shared: Artifact
) -> None:
    state = availability(name)
    if state.ready:
        assert state.version
        return
    model = tiny_shared.torchscript if name == "tch" else tiny_shared.onnx
    with pytest.raises(OxidizedVisionError, match=f"The runner {name} is") as caught:
        load(model, runner=name)
    assert caught.value.exit_code is ExitCode.MISSING_PART
    assert caught.value.hint == state.hint != ""


def test_backends_lists_every_engine_with_version_or_hint() -> None:
    rows = {row.name: row for row in backends()}
    assert tuple(rows) == NAMES
    assert rows["onnxruntime"].formats == ("onnx",)
    assert rows["program"].formats == ("executable",)
    for row in rows.values():
        assert bool(row.version) == (row.status == "ready"), row
        assert bool(row.hint) == (row.status != "ready"), row
        assert bool(row.devices) == (row.status == "ready"), row
        assert bool(row.dtypes) == (row.status == "ready"), row
        assert ("cpu" in row.devices) == (row.status == "ready" and row.name != "tensorrt"), row


def test_a_package_that_is_there_and_cannot_be_imported_is_a_missing_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> tuple[str, ...]:
        raise OxidizedVisionError(Kind.DEPENDENCY_MISSING, "torch is broken", "Install it again.")

    row = replace(table.engine_named("pytorch"), devices=broken)
    monkeypatch.setattr(table, "ENGINES", (row,))
    (found,) = backends()
    assert (found.status, found.version, found.devices) == ("missing", "", ())
    assert found.hint == "torch is broken. Install it again."


def test_a_file_for_another_engine_is_refused(tiny_shared: Artifact) -> None:
    with pytest.raises(OxidizedVisionError, match=r"does not read tiny\.pt") as caught:
        load(tiny_shared.torchscript, runner="onnxruntime")
    assert caught.value.kind is Kind.UNSUPPORTED
    assert "torchscript" in caught.value.hint


def test_an_engine_that_is_missing_is_never_replaced(
    tiny_shared: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Availability("missing", hint="install it")
    rows = tuple(
        table.Engine(e.name, e.formats, e.module, lambda: missing, e.devices, e.load)
        if e.name == "onnxruntime"
        else e
        for e in table.ENGINES
    )
    monkeypatch.setattr(table, "ENGINES", rows)
    with pytest.raises(OxidizedVisionError, match="onnxruntime is missing") as caught:
        load(tiny_shared.onnx, runner="onnxruntime")
    assert caught.value.kind is Kind.BACKEND_UNAVAILABLE


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"program", "tensorrt"}])
def test_each_engine_is_itself_and_gives_what_pytorch_gives(
    name: str, tiny_shared: Artifact
) -> None:
    if not availability(name).ready:
        pytest.skip(availability(name).hint)
    script = tiny_shared.torchscript
    files = {"pytorch": tiny_shared.config, "torchscript": script, "tch": script}
    array = np.random.default_rng(0).standard_normal((2, 3, 8, 10)).astype(np.float32)
    expected = load(tiny_shared.config, runner="pytorch").run(array)
    before = array.copy()
    with load(files.get(name, tiny_shared.onnx), runner=name, threads=1) as runner:
        got = runner.run(array)
        info = runner.info
    assert (info.backend, info.threads, info.device) == (name, 1, "cpu")
    assert info.backend_version
    assert [spec.name for spec in (*info.inputs, *info.outputs)] == ["input", "output"]
    assert info.inputs[0].dims == ("batch", 3, "height", "width")
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in {"pytorch", "program", "tensorrt"}]
)
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"options": {"plan_cash": "4"}}, Kind.INVALID_OPTION),
        ({"device": "cuda:7"}, Kind.DEVICE_UNAVAILABLE),
        ({"input_shapes": {"input": (1, 4, 8, 8)}}, Kind.SHAPE_MISMATCH),
    ],
)
def test_what_an_engine_cannot_do_is_refused(
    name: str, change: dict[str, object], kind: Kind, tiny_shared: Artifact
) -> None:
    if not availability(name).ready:
        pytest.skip(availability(name).hint)
    model = tiny_shared.torchscript if name in {"torchscript", "tch"} else tiny_shared.onnx
    with pytest.raises(OxidizedVisionError) as caught:
        load_runner(name, RunnerConfig(model, **change))  # type: ignore[arg-type]
    assert caught.value.kind is kind


@pytest.mark.parametrize("name", ["torchscript", "onnxruntime", "tract", "rten"])
@pytest.mark.parametrize("content", ["empty", "noise", "cut"])
def test_a_corrupt_model_is_a_typed_error(name: str, content: str, tiny: Artifact) -> None:
    if not availability(name).ready:
        pytest.skip(availability(name).hint)
    model = tiny.torchscript if name == "torchscript" else tiny.onnx
    whole = model.read_bytes()
    made = {"empty": b"", "noise": bytes(range(256)) * 8, "cut": whole[: len(whole) // 2]}
    model.write_bytes(made[content])
    with pytest.raises(OxidizedVisionError) as caught:
        load(model, runner=name)
    assert caught.value.kind is Kind.CORRUPT
    assert model.name in caught.value.message


def test_a_model_that_is_not_there(tiny: Artifact) -> None:
    for name, ending in (("onnxruntime", "onnx"), ("torchscript", "pt")):
        with pytest.raises(OxidizedVisionError) as caught:
            load(tiny.folder / f"none.{ending}", runner=name)
        assert caught.value.kind is Kind.NOT_FOUND
        with pytest.raises(OxidizedVisionError) as caught:
            load(tiny.folder, runner=name)
        assert caught.value.kind is Kind.UNREADABLE


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["onnxruntime", "torchscript"])
def test_a_pipe_is_no_model_and_not_waited_for(name: str, tmp_path: Path) -> None:
    pipe = tmp_path / ("pipe.pt" if name == "torchscript" else "pipe.onnx")
    os.mkfifo(pipe)
    with pytest.raises(OxidizedVisionError, match="pipe or a device") as caught:
        load(pipe, runner=name)
    assert caught.value.kind is Kind.UNREADABLE


def test_pytorch_wants_the_config(tiny_shared: Artifact) -> None:
    with pytest.raises(OxidizedVisionError, match="runs the network of a config"):
        load(b"", runner="pytorch")
    config = load_config(tiny_shared.config)
    assert load_runner("pytorch", RunnerConfig(tiny_shared.config), config=config).input_specs


_BLOCKED = """
    import sys

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {blocked!r}:
                raise ImportError("blocked: " + name)

    sys.meta_path.insert(0, Blocker())
    import numpy as np
    from oxidizedvision.runners import availability, load
    assert all(not availability(name).ready for name in {away!r})
    for name in {ready!r}:
        if availability(name).ready:
            with load({model!r}, runner=name) as runner:
                runner.run(np.zeros((1, 3, 8, 12), np.float32))
                print(name, runner.info.backend)
    assert not set({blocked!r}) & set(sys.modules)
"""


def test_tract_and_rten_run_without_onnxruntime_and_torch(tiny_shared: Artifact) -> None:
    script = textwrap.dedent(_BLOCKED).format(
        blocked=["onnxruntime", "torch"],
        away=["onnxruntime", "torchscript", "pytorch"],
        ready=["tract", "rten"],
        model=str(tiny_shared.onnx),
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ready = [name for name in ("tract", "rten") if availability(name).ready]
    assert done.stdout.split("\n")[:-1] == [f"{name} {name}" for name in ready]


def test_importing_the_table_imports_no_engine() -> None:
    script = (
        "import sys, oxidizedvision.runners, oxidizedvision.validate, oxidizedvision.benchmark\n"
        "print([n for n in ('torch', 'onnx', 'onnxruntime', 'oxidizedvision_native')"
        " if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr

"""`serve` finds the model, the engine and the module before anything is loaded."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny_network import Artifact

from oxidizedvision.auto import Choice, Question
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.registry import register, tag
from oxidizedvision.serve import (
    ServedModel,
    ServeOptions,
    ServeReport,
    ServerPlan,
    plan_server,
    run_server,
    serve,
)

RTEN = ServeOptions(runner="rten")


def refused(call: Callable[[], object]) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        call()
    assert caught.value.hint
    return caught.value


def paths(plan: ServerPlan) -> list[Path]:
    return [Path(model["path"]) for model in plan.flags["models"]]


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine is ready, whatever is built here."""
    from oxidizedvision.runners.base import Availability
    from oxidizedvision.serve import engines

    monkeypatch.setattr(engines, "availability", lambda _: Availability("ready", "1"))


def test_a_manifest_a_file_a_config_and_a_name(tiny: Artifact) -> None:
    register(tiny.manifest)
    tag("tiny", "live")
    wanted = {
        tiny.manifest: tiny.manifest,
        tiny.onnx: tiny.onnx,
        tiny.config: tiny.manifest,
        "tiny": tiny.manifest,
        "tiny@1": tiny.manifest,
        "live": tiny.manifest,
    }
    for given, expected in wanted.items():
        [path] = paths(plan_server(given, options=RTEN))
        assert path.samefile(expected), given


def test_what_nobody_gives_is_left_to_the_server(tiny: Artifact) -> None:
    [model] = plan_server(tiny.onnx, options=RTEN).flags["models"]
    assert set(model) == {"path", "runner", "device"}
    options = ServeOptions("rten", None, "::1", 0, "cpu", 3, 2, "fp32", {"a": "b"})
    plan = plan_server([tiny.onnx, tiny.manifest], options=options)
    assert (plan.flags["host"], plan.flags["port"]) == ("::1", 0)
    for model in plan.flags["models"]:
        assert (model["threads"], model["engines"], model["options"]) == (3, 2, {"a": "b"})


def test_what_is_no_model(tmp_path: Path, tiny: Artifact) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no model")
    expected = {
        tmp_path: Kind.USAGE,
        text: Kind.USAGE,
        tmp_path / "gone.onnx": Kind.NOT_FOUND,
        "nobody": Kind.NOT_FOUND,
    }
    for given, kind in expected.items():
        error = refused(lambda given=given: plan_server(given, options=RTEN))
        assert (error.kind, Path(str(given)).name in error.message) == (kind, True)


def test_a_registered_model_whose_files_are_gone(tiny: Artifact) -> None:
    register(tiny.manifest)
    shutil.rmtree(tiny.manifest.parent)
    error = refused(lambda: plan_server("tiny", options=RTEN))
    assert (error.kind, "tiny" in error.message) == (Kind.NOT_FOUND, True)


def test_no_engine_is_chosen_silently(tiny: Artifact) -> None:
    error = refused(lambda: plan_server(tiny.onnx))
    assert error.kind is Kind.USAGE
    assert "auto" in error.hint


@pytest.mark.parametrize("runner", ["pytorch", "onnxruntime", "program", "trakt"])
def test_an_engine_that_does_not_serve(tiny: Artifact, runner: str) -> None:
    error = refused(lambda: plan_server(tiny.onnx, options=ServeOptions(runner=runner)))
    assert (error.kind, runner in error.message) == (Kind.USAGE, True)


def test_an_engine_that_is_not_ready(tiny: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    from oxidizedvision.runners.base import Availability
    from oxidizedvision.serve import engines

    state = Availability("missing", hint="Install the library.")
    monkeypatch.setattr(engines, "availability", lambda _: state)
    error = refused(lambda: plan_server(tiny.onnx, options=RTEN))
    assert (error.kind, error.hint) == (Kind.BACKEND_UNAVAILABLE, "Install the library.")
    assert error.exit_code == ExitCode.MISSING_PART


def test_a_file_needs_an_engine_that_reads_it(tiny: Artifact) -> None:
    script, tch = tiny.manifest.parent / "tiny.pt", ServeOptions(runner="tch")
    for file, options, able in ((script, RTEN, "tch"), (tiny.onnx, tch, "rten")):
        error = refused(lambda file=file, options=options: plan_server(file, options=options))
        assert (error.kind, file.name in error.message) == (Kind.USAGE, True)
        assert able in error.hint
        assert "torchscript" not in error.hint
    plan = plan_server(script, options=tch)
    assert (plan.module, paths(plan)) == ("oxidizedvision_native_tch", [script])


def test_settings_of_models_want_models(tmp_path: Path) -> None:
    assert refused(plan_server).kind is Kind.USAGE
    file = tmp_path / "server.yml"
    missing = refused(lambda: plan_server(config=file))
    assert (missing.kind, str(file) in missing.message) == (Kind.NOT_FOUND, True)
    file.write_text("models: [{path: a.onnx, runner: rten}, {path: b.onnx, runner: ort}]\n")
    threads = ServeOptions(threads=2)
    assert refused(lambda: plan_server(config=file, options=threads)).kind is Kind.USAGE
    plan = plan_server(config=file, options=ServeOptions(port=9))
    assert (plan.flags, plan.runners) == ({"port": 9}, ("rten", "ort"))


def test_an_engine_beside_a_settings_file(tmp_path: Path, tiny: Artifact) -> None:
    """For its models that name none; models that are named here may leave the engine to it."""
    file = tmp_path / "server.yml"
    file.write_text("runner: ort\nmodels: [{path: a.onnx, runner: tract}]\nfolder: {path: x}\n")
    plan = plan_server(config=file, options=RTEN)
    assert (plan.flags, plan.runners) == ({"runner": "rten"}, ("rten", "ort", "tract"))
    plan = plan_server(tiny.onnx, config=file)
    assert (set(plan.flags["models"][0]), plan.runners) == ({"path"}, ("ort",))


def test_an_engine_that_the_environment_names(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves every model that names none; a flag wins over it."""
    monkeypatch.setenv("OXIDIZEDVISION_SERVER_RUNNER", "tch")
    plan = plan_server(tiny.onnx)
    assert (set(plan.flags["models"][0]), plan.runners) == ({"path"}, ("tch",))
    assert plan_server(tiny.onnx, options=RTEN).runners == ("rten",)


def test_settings_from_a_pipe_are_refused(tmp_path: Path) -> None:
    """They are read twice: what would be left of a pipe is a server without its token."""
    pipe = tmp_path / "settings"
    os.mkfifo(pipe)
    for file in (pipe, tmp_path):
        error = refused(lambda file=file: plan_server(config=file))
        assert (error.kind, str(file) in error.message) == (Kind.USAGE, True)


def test_engines_of_two_modules_do_not_share_a_server(tmp_path: Path) -> None:
    file = tmp_path / "server.yml"
    file.write_text("models: [{path: a.onnx, runner: rten}, {path: b.pt, runner: tch}]\n")
    error = refused(lambda: plan_server(config=file))
    assert (error.kind, "tch" in error.message) == (Kind.USAGE, True)


@pytest.mark.parametrize("text", ["models: {", "models: 3", "- 1", "models: [{runner: 3}]", "\0"])
def test_what_is_wrong_in_the_file_is_the_servers_to_tell(tmp_path: Path, text: str) -> None:
    file = tmp_path / "server.yml"
    file.write_text(text)
    assert plan_server(config=file).module == "oxidizedvision_native"


def kept(runner: str, file: str) -> Choice:
    """A choice as `choose` gives it."""
    question = Question("latency", "latency", "", (runner,), (1, 2), (1,), {}, None)
    values: dict[str, Any] = {
        "schema_version": 1,
        "model": "tiny",
        "goal": "latency",
        "runner": runner,
        "engine_version": "1",
        "threads": 2,
        "batch_size": 1,
        "precision": "int8",
        "file": file,
        "device": "cpu",
        "reason": "no other candidate is left",
        "rows": (),
        "dropped": (),
        "question": question,
        "files": {},
        "versions": {},
        "machine": {},
        "options": {},
        "at": "2026-11-26T00:00:00+00:00",
    }
    return Choice(**values)


def test_auto_gives_the_engine_its_threads_and_its_file(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def choose(target: Path, **settings: Any) -> Choice:
        asked.append((target, settings["goal"], settings["options"].threads))
        return kept("ort", "tiny.int8.onnx")

    monkeypatch.setattr("oxidizedvision.auto.choose", choose)
    options = ServeOptions(runner="auto", goal="throughput")
    plan = plan_server(tiny.manifest, options=options)
    assert asked == [(tiny.manifest, "throughput", None)]
    [model] = plan.flags["models"]
    assert (model["runner"], model["threads"]) == ("ort", 2)
    assert Path(model["path"]).name == "tiny.int8.onnx"
    assert plan.chosen[0].startswith("auto chose ort in INT8 with 2 threads")


def test_auto_takes_no_settings_of_one_engine(tiny: Artifact) -> None:
    for options in (
        ServeOptions(runner="auto", precision="int8"),
        ServeOptions(runner="auto", options={"a": "b"}),
    ):
        assert refused(lambda o=options: plan_server(tiny.onnx, options=o)).kind is Kind.USAGE
    named = ServeOptions(runner="rten", goal="latency")
    assert refused(lambda: plan_server(tiny.onnx, options=named)).kind is Kind.USAGE


class Stand:
    """A native module that says what it was given."""

    class NativeError(Exception):
        kind = "usage"
        message = "127.0.0.1:8000 is taken"
        hint = "Give another port."

    def __init__(self, work: Callable[[Stand, Any], None]) -> None:
        self.work = work
        self.settings: dict[str, Any] = {}

    def serve(self, settings: str, started: Callable[[str], None]) -> None:
        self.settings = json.loads(settings)
        self.work(self, started)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Stand]:
    def put(work: Callable[[Stand, Any], None]) -> Stand:
        module = Stand(work)
        monkeypatch.setitem(sys.modules, "oxidizedvision_native", module)  # type: ignore[arg-type]
        return module

    return put


def test_the_native_module_gets_the_settings_and_tells_when_it_listens(
    tiny: Artifact, stand_in: Callable[[Any], Stand]
) -> None:
    model = {
        "name": "tiny",
        "version": "1",
        "runner": "rten",
        "runner_version": "0.27",
        "threads": 2,
        "engines": 1,
        "batching": "on",
        "state": "READY",
        "reason": "",
    }
    document = json.dumps({"address": "http://127.0.0.1:9", "models": [model]})
    module = stand_in(lambda _, started: started(document))
    told: list[ServeReport] = []
    serve(tiny.onnx, options=RTEN, started=told.append)
    assert module.settings["file"] is None
    assert module.settings["flags"]["models"][0]["runner"] == "rten"
    served = ServedModel("tiny", "1", "rten", "0.27", 2, 1, "on", "READY")
    assert told == [ServeReport("http://127.0.0.1:9", (served,))]


def test_what_the_module_refuses_is_typed(tiny: Artifact, stand_in: Callable[[Any], Stand]) -> None:
    def refuse(module: Stand, started: object) -> None:
        raise module.NativeError

    stand_in(refuse)
    error = refused(lambda: serve(tiny.onnx, options=RTEN))
    assert (error.kind, error.message) == (Kind.USAGE, "127.0.0.1:8000 is taken")
    assert error.hint == "Give another port."


@pytest.mark.parametrize("module", [None, SimpleNamespace(__version__="0.0")])
def test_without_the_native_module_the_way_out_is_told(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    monkeypatch.setitem(sys.modules, "oxidizedvision_native", module)
    plan = plan_server(tiny.onnx, options=RTEN)
    error = refused(lambda: run_server(plan))
    assert (error.kind, error.exit_code) == (Kind.DEPENDENCY_MISSING, ExitCode.MISSING_PART)
    assert "make native" in error.hint

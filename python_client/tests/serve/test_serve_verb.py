"""`serve` as a user runs it: what it prints, how it ends, and every way that it does not start."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from served import MODELS, Reply, Served, serving

from oxidizedvision.cli.app import run_command, screen_for
from oxidizedvision.core.errors import ExitCode
from oxidizedvision.serve import ServedModel, ServeOptions, ServeReport, ServerPlan

RESIDUAL = MODELS / "residual.onnx"


@pytest.fixture
def verb(native_server: None, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `serve` to its end, for what does not start."""

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "oxidizedvision", "serve", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
        )

    return call


def error_of(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The error in the one document on stdout; nothing of a traceback is on stderr."""
    assert "Traceback" not in ended.stderr
    error: dict[str, Any] = json.loads(ended.stdout)["error"]
    assert error["hint"]
    return error


def test_flags_reach_the_function(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Any, ...]] = []
    model = ServedModel("a", "1", "rten", "0.27", 2, 1, "on", "UNAVAILABLE", "too small")
    report = ServeReport("http://127.0.0.1:9", (model,), ("auto chose rten",))

    def plan(models: Any, *, config: Any, options: Any, notify: Any) -> ServerPlan:
        asked.append((models, config, options))
        return ServerPlan(None, {}, (), "m")

    # The package's attribute of this name is the function.
    home = import_module("oxidizedvision.serve")
    monkeypatch.setattr(home, "plan_server", plan)
    monkeypatch.setattr(home, "run_server", lambda _, *, started: started(report))
    flags = "--runner auto --goal memory --config s.yml --host ::1 --port 9 --device cpu "
    flags += "--threads 2 --engines 3 --precision fp32 --option a=b=c"
    screen, rest = screen_for(["serve", "a.onnx", "b", *flags.split()])
    assert run_command(rest, screen) == ExitCode.DONE
    options = ServeOptions("auto", "memory", "::1", 9, "cpu", 2, 3, "fp32", {"a": "b=c"})
    assert asked == [(["a.onnx", "b"], Path("s.yml"), options)]
    out = capfd.readouterr().out
    for text in ("rten 0.27", "unavailable", "too small", "auto chose rten", report.address):
        assert text in out


def test_it_prints_its_address_once_it_listens(testdata_server: Served) -> None:
    document = testdata_server.document
    assert document["schema_version"] == 1
    names = {model["name"] for model in document["models"]}
    assert {"residual", "dynamic", "pair"} <= names
    assert all(model["state"] == "READY" for model in document["models"])
    ready = testdata_server.ask("/v2/health/ready")
    assert (ready.status, ready.json) == (200, {"live": True, "ready": True})


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, ExitCode.DONE), (signal.SIGINT, ExitCode.INTERRUPTED)],
)
def test_both_signals_let_it_end_in_order(
    native_server: None, tmp_path: Path, number: int, code: ExitCode
) -> None:
    settings = tmp_path / "server.yml"
    settings.write_text("limits: {drain: {delay: 100 ms}}\n")
    arguments = (RESIDUAL, "--runner", "rten", "--config", settings)
    with serving(*arguments, log=tmp_path / "log") as server:
        assert server.ask("/health").status == 200
        assert server.end(number) == code
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_second_signal_ends_it_at_once(native_server: None, tmp_path: Path) -> None:
    settings = tmp_path / "server.yml"
    settings.write_text("limits: {drain: {delay: 10 min, deadline: 20 min}}\n")
    arguments = (RESIDUAL, "--runner", "rten", "--config", settings)
    with serving(*arguments, log=tmp_path / "log") as server:
        server.process.send_signal(signal.SIGINT)
        while server.ask("/v2/health/ready").status == 200:
            pass
        assert server.end(signal.SIGINT) == ExitCode.INTERRUPTED


def test_a_port_that_is_taken(verb: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = verb(RESIDUAL, "--runner", "rten", "--port", port, "--json")
    assert ended.returncode == ExitCode.BAD_INPUT
    error = error_of(ended)
    assert (error["kind"], str(port) in error["message"]) == ("usage", True)
    assert "--port" in error["hint"]


def test_an_address_that_is_not_ours(verb: Callable[..., Any]) -> None:
    ended = verb(RESIDUAL, "--runner", "rten", "--host", "192.0.2.1", "--port", 0, "--json")
    assert ended.returncode == ExitCode.BAD_INPUT
    assert "192.0.2.1" in error_of(ended)["message"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("empty.onnx", "corrupt"), ("truncated.onnx", "corrupt"), ("unknown_operator.onnx", "")],
)
def test_a_model_that_does_not_load(verb: Callable[..., Any], name: str, kind: str) -> None:
    ended = verb(MODELS.parent / "hostile" / name, "--runner", "rten", "--port", 0, "--json")
    assert ended.returncode == ExitCode.BAD_INPUT
    error = error_of(ended)
    assert error["kind"] == (kind or "unsupported")
    assert Path(name).stem in error["message"]


def test_a_model_that_answers_otherwise_than_recorded(
    verb: Callable[..., Any], denoiser: Path, tmp_path: Path
) -> None:
    """Its golden file is another one's: of the same names and shapes, and other values."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    folder = tmp_path / "spoilt"
    folder.mkdir()
    for file in denoiser.parent.glob("denoiser*"):
        (folder / file.name).write_bytes(file.read_bytes())
    goldens = folder / "denoiser.golden.safetensors"
    with safe_open(goldens, "numpy") as file:
        metadata = file.metadata()
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dict
    spoilt = {key: array + (0.1 if "/output/" in key else 0) for key, array in arrays.items()}
    save_file({k: a.astype("float32") for k, a in spoilt.items()}, goldens, metadata)
    _renew_record(folder / denoiser.name, goldens)
    ended = verb(folder / denoiser.name, "--runner", "rten", "--port", 0, "--json")
    assert ended.returncode == ExitCode.CHECK_FAILED
    assert "denoiser" in error_of(ended)["message"]


def _renew_record(manifest: Path, goldens: Path) -> None:
    from oxidizedvision.core.manifest import FileRecord

    document = json.loads(manifest.read_text())
    document["goldens"] = FileRecord.of(goldens).model_dump()
    manifest.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("prot: 8000\n", "prot"),
        ("limits: {queue: {request: 3}}\n", "request"),
        ("limits: {request: {body: lots}}\n", "body"),
        ("port: many\n", "port"),
        ("models: [{path: a.onnx, runer: rten}]\n", "runer"),
        ("models: {\n", "server.yml"),
    ],
)
def test_a_settings_file_with_a_mistake(
    verb: Callable[..., Any], tmp_path: Path, text: str, word: str
) -> None:
    file = tmp_path / "server.yml"
    file.write_text(text)
    ended = verb("--config", file, "--json")
    assert ended.returncode == ExitCode.BAD_INPUT
    error = error_of(ended)
    assert error["kind"] == "config"
    assert word in error["message"]


def test_a_settings_file_of_its_own(native_server: None, tmp_path: Path) -> None:
    """Paths are beside it, names and versions are its own, and a flag wins over it."""
    (tmp_path / "model.onnx").write_bytes(RESIDUAL.read_bytes())
    file = tmp_path / "server.yml"
    file.write_text(
        "port: 1\nmodels:\n  - {path: model.onnx, name: mine, version: '7', runner: rten}\n"
    )
    with serving("--config", file, log=tmp_path / "log") as server:
        [model] = server.document["models"]
        assert (model["name"], model["version"]) == ("mine", "7")
        reply: Reply = server.ask("/v2/models/mine/versions/7/ready")
        assert reply.status == 200


def test_the_environment_is_heeded(native_server: None, tmp_path: Path) -> None:
    environment = {"OXIDIZEDVISION_SERVER_LIMITS__REQUEST__BODY": "1 KiB"}
    arguments = (RESIDUAL, "--runner", "rten")
    with serving(*arguments, log=tmp_path / "log", environment=environment) as server:
        assert server.ask("/predict", b"x" * 2000).status == 413

"""`NAME=MODEL` serves a model by another name than its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_network import Artifact

from oxidizedvision.registry import register
from oxidizedvision.runners.base import Availability
from oxidizedvision.serve import ServeOptions, plan_server

RTEN = ServeOptions(runner="rten")


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine is ready, whatever is built here."""
    from oxidizedvision.serve import engines

    monkeypatch.setattr(engines, "availability", lambda _: Availability("ready", "1"))


def served(*models: str | Path, options: ServeOptions = RTEN) -> list[tuple[str | None, Path]]:
    plan = plan_server(list(models), options=options)
    return [(model.get("name"), Path(model["path"])) for model in plan.flags["models"]]


def test_models_of_one_name_are_told_apart(tiny: Artifact) -> None:
    register(tiny.manifest)
    found = served(str(tiny.onnx), f"other={tiny.onnx}", "third=tiny")
    assert [name for name, _ in found] == [None, "other", "third"]
    assert found[1][1] == tiny.onnx
    assert found[2][1].samefile(tiny.manifest)


def test_a_file_with_an_equals_sign_is_a_file(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a=b.onnx"
    shutil.copy(tiny.onnx, file)
    assert served(file.name, file, str(file)) == [(None, file)] * 3


def test_what_auto_chose_keeps_the_name(tiny: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = SimpleNamespace(runner="rten", device="cpu", threads=1, file="", line="auto chose it")
    monkeypatch.setattr("oxidizedvision.auto.choose", lambda *_, **__: choice)
    [(name, _)] = served(f"live={tiny.manifest}", options=ServeOptions(runner="auto"))
    assert name == "live"

"""What cannot be proved is not packaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.package import crate, package
from oxidizedvision.runners import Availability, RunnerConfig


@pytest.mark.parametrize("file", ["onnx", "goldens"])
def test_a_file_that_changed_since_is_refused(tiny: Artifact, tmp_path: Path, file: str) -> None:
    path: Path = getattr(tiny, file)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(OxidizedVisionError) as caught:
        package(tiny.onnx, output=tmp_path / "crate", engine="rten")
    assert caught.value.kind is Kind.CHECK_FAILED
    assert path.name in caught.value.message
    assert not (tmp_path / "crate").exists()


KINDS = ["program", "library", "server"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_that_does_not_load_it_is_refused_with_those_that_do(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    loads = {"rten": False, "tract": True, "ort": True, "tch": True, "tensorrt": False}
    asked = []

    class Loaded:
        def close(self) -> None:
            pass

    def load_runner(engine: str, config: RunnerConfig, **_: object) -> Loaded:
        assert config.device == ("cuda" if engine == "tensorrt" else "cpu")
        asked.append((engine, Path(str(config.model)).suffix))
        if not loads[engine]:
            raise OxidizedVisionError(Kind.UNSUPPORTED, "no operator Frob", "")
        return Loaded()

    monkeypatch.setattr("oxidizedvision.runners.load_runner", load_runner)
    monkeypatch.setattr("oxidizedvision.runners.availability", lambda _: Availability("ready"))
    with pytest.raises(OxidizedVisionError, match="Frob") as caught:
        package(tiny.onnx, kind=kind, output=tmp_path / "crate", engine="rten")
    assert caught.value.kind is Kind.UNSUPPORTED
    assert caught.value.hint == "Package it for one that loads it: tract, ort, tch."
    assert ("tch", ".pt") in asked
    assert not (tmp_path / "crate").exists()


@pytest.mark.parametrize(
    ("kind", "engine", "able"),
    [
        ("program", "tensorrt", "tract, rten, ort, tch"),
        ("library", "tensorrt", "tract, rten, ort, tch"),
        ("server", "openvino", "tract, rten, ort, tch, tensorrt"),
    ],
)
def test_an_engine_without_crates_is_refused(
    tiny: Artifact, tmp_path: Path, kind: str, engine: str, able: str
) -> None:
    with pytest.raises(OxidizedVisionError, match=engine) as caught:
        package(tiny.onnx, kind=kind, output=tmp_path / "crate", engine=engine)
    assert caught.value.kind is Kind.USAGE
    assert caught.value.hint == f"Choose one of: {able}."


def test_each_engine_gets_the_file_that_it_runs(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crate, "lock_to_content", lambda _: None)
    monkeypatch.setattr(crate, "crates_of", lambda _: [])
    script = tiny.onnx.with_suffix(".pt")
    for model in (tiny.onnx, tiny.manifest, script):
        result = package(model, kind="library", output=tmp_path / "crate", engine="tch")
        assert (result.path / "model.pt").read_bytes() == script.read_bytes()
        assert not (result.path / "model.onnx").exists()
    assert package(script, output=tmp_path / "program").engine == "tch"
    with pytest.raises(OxidizedVisionError, match="TorchScript") as caught:
        package(script, output=tmp_path / "other", engine="rten")
    assert caught.value.kind is Kind.USAGE
    script.write_bytes(script.read_bytes() + b"0")
    with pytest.raises(OxidizedVisionError, match=script.name) as caught:
        package(tiny.onnx, output=tmp_path / "changed", engine="tch")
    assert caught.value.kind is Kind.CHECK_FAILED


def test_a_name_of_the_servers_own_is_no_name_of_a_model(tiny: Artifact, tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError, match="stats") as caught:
        package(tiny.onnx, kind="server", name="stats", output=tmp_path / "crate", engine="rten")
    assert caught.value.kind is Kind.USAGE

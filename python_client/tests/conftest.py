"""A tiny network, its config and what it becomes, shared by every area's tests."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tiny_network import DYNAMIC, Artifact, write_project


def pytest_configure() -> None:
    """Tests that a shell starts in the background ignore Ctrl-C; what they start must not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no TensorRT, whatever this machine has; those about it bring a stand-in."""
    monkeypatch.setenv("TRTEXEC", "/no/such/trtexec")


@pytest.fixture
def tiny_project(tmp_path: Path) -> Artifact:
    """The tiny network with its config, before `convert`."""
    return write_project(tmp_path / "project")


def _converted(folder: Path, class_name: str, more: str) -> Artifact:
    from oxidizedvision.convert import convert

    project = write_project(folder, class_name, more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
        convert(project.config)
    return project


@pytest.fixture(scope="session")
def tiny_shared(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The tiny network with named axes, converted once. Do not change its files."""
    return _converted(tmp_path_factory.mktemp("tiny"), "Tiny", DYNAMIC)


@pytest.fixture(scope="session")
def pair_shared(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A network of two outputs at a fixed shape, converted once. Do not change its files."""
    return _converted(tmp_path_factory.mktemp("pair"), "Pair", "")


@pytest.fixture
def tiny(tiny_shared: Artifact, tmp_path: Path) -> Artifact:
    """A copy of the converted tiny network to do with as the test likes."""
    return tiny_shared.copy_to(tmp_path / "tiny")


@pytest.fixture
def pair(pair_shared: Artifact, tmp_path: Path) -> Artifact:
    """A copy of the converted network of two outputs."""
    return pair_shared.copy_to(tmp_path / "pair")


@pytest.fixture(scope="session")
def double_shared(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A network that doubles its input, converted once. Do not change its files."""
    return _converted(tmp_path_factory.mktemp("double"), "Double", DYNAMIC)


@pytest.fixture
def double(double_shared: Artifact, tmp_path: Path) -> Artifact:
    """A copy of the converted network that doubles its input."""
    return double_shared.copy_to(tmp_path / "double")

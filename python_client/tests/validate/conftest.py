"""Networks of a few numbers, each converted once and copied for each test that asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made_networks import write_network
from tiny_network import Artifact


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Artifact]:
    """A converted network by its kind. Do not change its files."""
    from oxidizedvision.convert import convert

    known: dict[str, Artifact] = {}

    def get(kind: str) -> Artifact:
        if kind not in known:
            project = write_network(tmp_path_factory.mktemp(kind), kind)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("OXIDIZEDVISION_HOME", str(project.folder / "home"))
                convert(project.config)
            known[kind] = project
        return known[kind]

    return get


@pytest.fixture
def network(converted: Callable[[str], Artifact], tmp_path: Path) -> Callable[[str], Artifact]:
    """A copy of a converted network to do with as the test likes."""
    return lambda kind: converted(kind).copy_to(tmp_path / kind)

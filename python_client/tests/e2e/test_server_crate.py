"""A packaged server serves its model at once, proves it first, and gives what PyTorch gives."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oxidizedvision import package
from oxidizedvision.package import PackageResult
from oxidizedvision.pipeline import PipelineResult
from tests.e2e.conftest import REPOSITORY, cargo, same_picture
from tests.e2e.test_crate import change_one_weight

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def made(whole_run: PipelineResult, tmp_path_factory: pytest.TempPathFactory) -> PackageResult:
    model = whole_run.manifest.parent / "denoiser.optimized.onnx"
    folder = tmp_path_factory.mktemp("outside") / "served"
    return package(model, kind="server", output=folder, engine="rten", build=True)


@contextmanager
def serving(program: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """The program while it serves, and what it tells when it starts."""
    command = [program, "--port", "0", "--json", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(60) == 0


def ask(address: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address + path, body, named)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
        content: bytes = reply.read()
    return content


def test_a_picture_comes_back_as_pytorch_gives_it(
    made: PackageResult, photograph: Path, reference: np.ndarray[Any, Any]
) -> None:
    assert made.executable is not None
    with serving(made.executable, "--threads", "1", "--set", "model.engines=1") as told:
        (model,) = told["models"]
        assert (model["name"], model["runner"]) == ("denoiser", "rten")
        assert (model["threads"], model["engines"]) == (1, 1)
        picture = ask(
            told["address"],
            "/predict",
            photograph.read_bytes(),
            Content_Type="image/png",
            Accept="image/png",
        )
        metadata = json.loads(ask(told["address"], "/v2/models/denoiser"))
    same_picture(picture, reference)
    assert metadata["inputs"][0]["name"] == "input"


def test_its_own_tests_compare_it_with_pytorch(made: PackageResult) -> None:
    done = cargo("test", "--release", "--locked", "--offline", folder=made.path)
    assert done.returncode == 0, done.stderr
    assert "1 passed" in done.stdout


def test_a_changed_weight_is_not_served(made: PackageResult, tmp_path: Path) -> None:
    copy = shutil.copytree(made.path, tmp_path / "changed")
    change_one_weight(copy / "model.onnx")
    done = cargo("test", "--release", "--locked", "--offline", folder=copy)
    assert done.returncode != 0
    assert "not a file that its manifest lists" in done.stdout + done.stderr


def test_no_path_leads_back(made: PackageResult) -> None:
    for file in made.path.rglob("*"):
        if file.suffix in (".toml", ".rs", ".lock", ".md", ".json"):
            assert str(REPOSITORY) not in file.read_text(encoding="utf-8"), file

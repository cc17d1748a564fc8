"""A stage of `run` is skipped only where no file that the network comes from has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidizedvision.config import load_config
from oxidizedvision.fingerprint import Fingerprint
from oxidizedvision.pipeline import PipelineOptions

CODE = "from blocks.inner import Block\nimport helper\nclass Net: pass\n"


def write(folder: Path, path: str, content: str = "VALUE = 1\n") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def sources(folder: Path, reference: str) -> str:
    lines = ["model:", f"  path: {reference}", "  class_name: Net", "  input_shape: [1, 3, 8, 8]"]
    config = load_config(write(folder, "config.yml", "\n".join(lines) + "\n"))
    digest: str = Fingerprint(config, PipelineOptions()).convert()["sources"]
    return digest


@pytest.mark.parametrize(
    "changed", ["model.py", "helper.py", "blocks/inner.py", "blocks/deep/a.py"]
)
def test_a_file_that_the_network_imports_counts(tmp_path: Path, changed: str) -> None:
    write(tmp_path, "model.py", CODE)
    for path in ("helper.py", "blocks/inner.py", "blocks/deep/a.py", "unrelated/b.py"):
        write(tmp_path, path)
    before = sources(tmp_path, "model.py")
    write(tmp_path, "unrelated/b.py", "VALUE = 2\n")
    assert sources(tmp_path, "model.py") == before
    file = tmp_path / changed
    file.write_text(file.read_text() + "# more\n")
    assert sources(tmp_path, "model.py") != before


@pytest.mark.parametrize(
    ("reference", "changed"),
    [
        ("nets.first:Net", "nets/first.py"),
        ("nets.first:Net", "nets/parts/block.py"),
        ("bare.first:Net", "bare/first.py"),
        ("alone:Net", "alone.py"),
        ("alone:Net", "nets/first.py"),
    ],
)
def test_a_module_stands_on_its_package(tmp_path: Path, reference: str, changed: str) -> None:
    for path in ("nets/__init__.py", "nets/first.py", "nets/parts/block.py", "bare/first.py"):
        write(tmp_path, path)
    write(tmp_path, "alone.py", "def f():\n    from nets import first\n")
    before = sources(tmp_path, reference)
    write(tmp_path, changed, "VALUE = 2\n")
    assert sources(tmp_path, reference) != before

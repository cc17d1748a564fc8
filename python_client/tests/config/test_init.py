"""`config init` writes every key, and what it writes passes `config check`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from oxidizedvision.config import Config, load_config
from oxidizedvision.config.check import check_config
from oxidizedvision.config.classes import read_definitions
from oxidizedvision.config.init import config_text, init_config
from oxidizedvision.config.loader import config_schema
from oxidizedvision.core.errors import Kind, OxidizedVisionError

ONE = "from torch import nn\n\nclass Net(nn.Module):\n    pass\n\nclass Helper:\n    pass\n"
TWO = ONE + "\nclass Other(Net):\n    pass\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.py").write_text(ONE)
    (tmp_path / "two.py").write_text(TWO)
    return tmp_path


def test_output_passes_check_and_has_every_key_and_default(folder: Path) -> None:
    written = init_config("one.py", input_shape=(1, 3, 32, 32))
    assert check_config(written.config).class_name == "Net"
    config = load_config(written.config)
    expected = Config.model_validate(
        {"model": {"path": "one.py", "class_name": "Net", "input_shape": [1, 3, 32, 32]}}
    )
    assert config.model_dump() == expected.model_dump()
    text = Path("config.yml").read_text()
    assert "\n  # opset_version: 14\n" in text  # written out, it would be a demand
    data = YAML(typ="safe").load(text.replace("# opset_version", "opset_version"))
    assert list(data) == list(Config.model_fields)
    for section in ("model", "export", "validation", "optimize", "benchmark"):
        assert list(data[section]) == list(type(getattr(config, section)).model_fields)


def test_every_key_has_a_comment(folder: Path) -> None:
    init_config("one.py")
    lines = Path("config.yml").read_text().splitlines()
    for above, line in pairwise(lines):
        if line and not line.lstrip().startswith("#"):
            assert above.lstrip().startswith("#"), line


def test_commented_blocks_are_valid_when_uncommented(folder: Path) -> None:
    text = init_config("one.py").config.read_text()
    for name in ("preprocess", "postprocess"):
        before, _, block = text.partition(f"\n{name}: null\n")
        lines = block.partition("\n\n")[0].splitlines()
        (folder / "config.yml").write_text(
            before + "\n" + "\n".join(line.removeprefix("# ") for line in lines) + "\n"
        )
        assert getattr(load_config(folder / "config.yml"), name) is not None


def test_paths_are_relative_to_the_config(folder: Path) -> None:
    (folder / "weights.safetensors").touch()
    written = init_config("one.py", output="sub/my.yml", checkpoint="weights.safetensors")
    result = check_config(written.config)
    assert result.model is not None
    assert result.model.samefile("one.py")
    assert result.checkpoint is not None
    assert result.checkpoint.samefile("weights.safetensors")


def test_class_is_chosen_only_where_there_is_one(folder: Path) -> None:
    assert init_config("one.py").class_name == "Net"
    with pytest.raises(OxidizedVisionError, match="Net, Other") as caught:
        init_config("two.py", force=True)
    assert caught.value.kind is Kind.USAGE
    assert init_config("two.py", class_name="Other", force=True).class_name == "Other"
    with pytest.raises(OxidizedVisionError, match="did you mean 'Other'"):
        init_config("two.py", class_name="Othr", force=True)
    (folder / "none.py").write_text("x = 1\n")
    with pytest.raises(OxidizedVisionError, match=r"no class that derives from torch\.nn\.Module"):
        init_config("none.py")


def test_existing_config_is_kept_without_force(folder: Path) -> None:
    (folder / "config.yml").write_text("mine")
    with pytest.raises(OxidizedVisionError, match="exists"):
        init_config("one.py")
    assert (folder / "config.yml").read_text() == "mine"
    init_config("one.py", force=True)
    assert check_config("config.yml").class_name == "Net"


@pytest.mark.parametrize("shape", [(), (1, 0), (-1, 3)])
def test_impossible_shape_is_refused_before_writing(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        init_config("one.py", input_shape=shape)
    assert caught.value.kind is Kind.USAGE
    assert not (folder / "config.yml").exists()


def test_missing_model_and_checkpoint(folder: Path) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        init_config("no.py")
    assert caught.value.kind is Kind.NOT_FOUND
    with pytest.raises(OxidizedVisionError) as caught:
        init_config("one.py", checkpoint="no.pt")
    assert caught.value.kind is Kind.NOT_FOUND
    assert not (folder / "config.yml").exists()


@pytest.mark.parametrize("path", ["a b.py", "null", "ä: #x.py", "'q\".py", "true", "-x.py"])
def test_awkward_text_survives(tmp_path: Path, path: str) -> None:
    values = {"model": {"path": path, "class_name": "N", "input_shape": [1]}}
    (tmp_path / "c.yml").write_text(config_text(values), encoding="utf-8")
    assert load_config(tmp_path / "c.yml").model.path == path


@pytest.mark.parametrize(
    ("source", "networks"),
    [
        ("import torch\nclass A(torch.nn.Module): pass", ["A"]),
        ("import torch.nn as tn\nclass A(tn.Sequential): pass", ["A"]),
        ("from torch.nn import Module as M\nclass A(M): pass\nclass B(A): pass", ["A", "B"]),
        ("from torch import nn\nif True:\n    class A(nn.Module): pass", ["A"]),
        ("class Module: pass\nclass A(Module): pass", []),
        ("import torch\nclass A(torch.utils.data.Dataset): pass", []),
    ],
)
def test_networks_are_found_by_reading(tmp_path: Path, source: str, networks: list[str]) -> None:
    (tmp_path / "m.py").write_text(source)
    assert list(read_definitions(tmp_path / "m.py").networks) == networks


def test_check_reads_the_model_without_running_it(folder: Path) -> None:
    (folder / "one.py").write_text(ONE + "\nraise SystemExit('it ran')\n")
    assert init_config("one.py").class_name == "Net"


def test_check_names_what_is_wrong_with_the_model(folder: Path) -> None:
    config = init_config("one.py").config
    (folder / "one.py").write_text("def broken(:\n")
    with pytest.raises(OxidizedVisionError, match=r"one\.py, line 1: not valid Python") as caught:
        check_config(config)
    assert caught.value.kind is Kind.MODEL
    (folder / "one.py").write_text("class Nett: pass\n")
    with pytest.raises(OxidizedVisionError, match="no class Net; did you mean 'Nett'"):
        check_config(config)
    (folder / "one.py").unlink()
    with pytest.raises(OxidizedVisionError) as caught:
        check_config(config)
    assert caught.value.kind is Kind.NOT_FOUND


def test_check_follows_a_module_reference_without_importing(folder: Path) -> None:
    (folder / "pack").mkdir()
    (folder / "pack" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (folder / "pack" / "nets.py").write_text("def make(): ...\n")
    config = folder / "config.yml"
    config.write_text("model: {path: 'pack.nets:make', input_shape: [1]}\n")
    assert check_config(config).model == folder / "pack" / "nets.py"
    config.write_text("model: {path: 'pack.nets:mak', input_shape: [1]}\n")
    with pytest.raises(OxidizedVisionError, match="did you mean 'make'"):
        check_config(config)
    config.write_text("model: {path: 'pack.absent:make', input_shape: [1]}\n")
    with pytest.raises(OxidizedVisionError, match=r"no module pack\.absent"):
        check_config(config)


def test_schema_describes_every_key() -> None:
    schema = config_schema()
    assert list(schema["properties"]) == list(Config.model_fields)
    assert schema["additionalProperties"] is False
    for name, part in schema["$defs"].items():
        for key, value in part["properties"].items():
            assert "description" in value or "$ref" in value, f"{name}.{key}"

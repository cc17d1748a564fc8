"""Networks that fail to export, each in one known way: the right cause is named, or put right.

Each folder here is one: `model.py`, and `config.yml` with nothing in it that the failure does not
need. Where the cause is a line of `model.py`, `# cause` marks it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from failing_checkpoints import trained_weights, write_checkpoint
from safetensors.numpy import load_file

from oxidizedvision.convert import ConvertResult, convert
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning

HERE = Path(__file__).parent
TRACE, EXPORT, SCRIPT = "torchscript", "dynamo", "script"


@dataclass(frozen=True)
class Refused:
    """A fixture that ends in an error. exporter: the only one that is asked; None: the config's."""

    fixture: str
    kind: Kind
    words: str
    hint: str
    exporter: str | None = None


REFUSED = (
    Refused(
        "data_dependent_branch",
        Kind.EXPORT,
        "forward decides by a value, and only one way was recorded",
        "torch.where",
        TRACE,
    ),
    Refused(
        "data_dependent_branch",
        Kind.EXPORT,
        "forward decides by a value that is known only when it runs",
        "torch.where",
        EXPORT,
    ),
    Refused(
        "baked_batch", Kind.EXPORT, "the example's length is fixed in the graph", "shapes", TRACE
    ),
    Refused(
        "baked_batch",
        Kind.EXPORT,
        "forward fixes an axis that is declared dynamic",
        "dynamic_axes",
        EXPORT,
    ),
    Refused(
        "int_of_shape", Kind.EXPORT, "the example's length is fixed in the graph", "int()", TRACE
    ),
    Refused("value_as_number", Kind.EXPORT, "differs from PyTorch by up to", "", TRACE),
    Refused("unsupported_operator", Kind.EXPORT, "bessel_j0 has no ONNX form", "Replace", TRACE),
    Refused("opset_too_low", Kind.EXPORT, "grid_sampler needs opset 16", "16 or more", TRACE),
    Refused("opset_out_of_range", Kind.EXPORT, "Opset 99 cannot be exported", "7 to 20"),
    Refused("not_scriptable", Kind.EXPORT, "keyword-only arguments", "exporter"),
    Refused("dict_output_scripted", Kind.EXPORT, "dict or nested outputs", "tuple of tensors"),
    Refused("crashing_exporter", Kind.EXPORT, "signal 11", "another export.exporter"),
    Refused("endless_export", Kind.EXPORT, "did not end within 1 s", "export.timeout_s"),
    Refused("fixed_size", Kind.EXPORT, "axis 'height' cannot change", "dynamic_axes"),
    Refused("broken_promise", Kind.EXPORT, "promises height=9, which PyTorch", "multiple_of"),
    Refused("name_collision", Kind.CONFIG, "'input' is an input's name", "schema"),
    Refused("non_tensor_output", Kind.MODEL, "returns a str as output_1", "returns a tensor"),
    Refused("dropout_left_on", Kind.MODEL, "differs between two runs", "training=self.training"),
    Refused("wrong_input_shape", Kind.MODEL, "does not take input [1, 4, 8, 8]", "input_shape"),
    Refused("missing_input", Kind.MODEL, "missing 1 required positional argument", "every input"),
    Refused("not_a_number", Kind.MODEL, "192 values of 192 that are NaN", "division by zero"),
    Refused("half_precision", Kind.MODEL, "c10::Half", "half precision: call .float()"),
    Refused("custom_import_missing", Kind.MODEL, "No module named 'house_layers'", "house_layers"),
    Refused("pickled_whole_model", Kind.CHECKPOINT, "a whole network and not its", "state_dict()"),
    Refused("checkpoint_without_weights", Kind.CHECKPOINT, "holds no state dict", "state_dict()"),
    Refused("checkpoint_of_another_network", Kind.CHECKPOINT, "missing conv.bias", "class_name"),
)

TOLD = {
    "in_place_input": "forward of Net changes its input input in place",
    "checkpoint_with_prefix": "the prefix 'module.' was taken off",
    "half_precision_checkpoint": "2 tensors are float16 and become float32",
}
"""Fixtures that are converted all the same, with a warning."""

SILENT = ("custom_import", "checkpoint_with_optimizer")
"""Fixtures that are converted with nothing to be said."""


def placed(fixture: str, folder: Path) -> Path:
    """A copy of a fixture with its checkpoint; gives its config."""
    shutil.copytree(HERE / fixture, folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = folder / "config.yml"
    if "checkpoint:" in config.read_text():
        write_checkpoint(fixture, folder)
    return config


def cause_of(fixture: str) -> str:
    """Where `# cause` stands, as a message says it; empty where it does not."""
    for number, line in enumerate((HERE / fixture / "model.py").read_text().splitlines(), 1):
        if line.endswith("# cause"):
            return f"model.py, line {number}"
    return ""


@pytest.mark.parametrize(
    "case", REFUSED, ids=lambda c: "-".join(filter(None, (c.fixture, c.exporter)))
)
def test_the_cause_is_named(case: Refused, tmp_path: Path) -> None:
    config = placed(case.fixture, tmp_path / "project")
    with pytest.raises(OxidizedVisionError) as caught:
        convert(config, output_dir=tmp_path / "out", exporter=case.exporter)
    error = caught.value
    assert error.kind is case.kind
    assert error.exit_code == 2
    assert case.words in error.message
    if (case.fixture, case.exporter) != ("baked_batch", EXPORT):  # torch.export tells no line
        assert cause_of(case.fixture) in error.message
    assert case.hint in error.hint
    assert not list((tmp_path / "out").glob("*")), "something was left half written"


@pytest.mark.parametrize("fixture", TOLD)
def test_what_is_put_right_is_told(fixture: str, tmp_path: Path) -> None:
    config = placed(fixture, tmp_path / "project")
    with pytest.warns(OxidizedVisionWarning) as caught:
        result = convert(config, output_dir=tmp_path / "out", exporter=TRACE)
    assert [TOLD[fixture] in str(item.message) for item in caught] == [True]
    assert_answers(fixture, result)


@pytest.mark.parametrize("fixture", SILENT)
def test_what_needs_no_word_is_converted(fixture: str, tmp_path: Path) -> None:
    config = placed(fixture, tmp_path / "project")
    with warnings.catch_warnings():
        warnings.simplefilter("error", OxidizedVisionWarning)
        result = convert(config, output_dir=tmp_path / "out", exporter=TRACE)
    assert_answers(fixture, result)


def test_a_branch_takes_the_exporter_that_keeps_it(tmp_path: Path) -> None:
    config = placed("data_dependent_branch", tmp_path / "project")
    result = convert(config, output_dir=tmp_path / "out")
    assert result.exporter == SCRIPT
    told = {attempt.exporter: (attempt.cause, attempt.source) for attempt in result.attempts}
    cause = ("data_dependent_branch", cause_of("data_dependent_branch"))
    assert told == {TRACE: cause, EXPORT: cause, SCRIPT: ("", "")}


def test_the_command_line_says_so_and_ends_with_2(tmp_path: Path) -> None:
    config = placed("wrong_input_shape", tmp_path / "project")
    command = [sys.executable, "-m", "oxidizedvision", "convert", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert cause_of("wrong_input_shape") in " ".join(done.stderr.split())


def test_every_fixture_is_tried() -> None:
    tried = {case.fixture for case in REFUSED} | {*TOLD, *SILENT}
    assert tried == {path.parent.name for path in HERE.glob("*/model.py")}


def assert_answers(fixture: str, result: ConvertResult) -> None:
    """The goldens hold what the fixture computes, written here a second time."""
    arrays = load_file(result.goldens)
    inputs = {key.split("/")[0]: array for key, array in arrays.items() if "/input/" in key}
    assert inputs
    for case, picture in inputs.items():
        expected = _EXPECTED[fixture](torch.from_numpy(picture)).numpy()
        np.testing.assert_allclose(arrays[f"{case}/output/output"], expected, rtol=1e-3, atol=1e-4)


def _convolved(picture: torch.Tensor) -> torch.Tensor:
    weight, bias = trained_weights().values()
    return torch.nn.functional.conv2d(picture, weight, bias, padding=1)


def _convolved_by_rounded(picture: torch.Tensor) -> torch.Tensor:
    weight, bias = (tensor.half().float() for tensor in trained_weights().values())
    return torch.nn.functional.conv2d(picture, weight, bias, padding=1)


_EXPECTED = {
    "in_place_input": lambda picture: picture * 2 + 1,
    "custom_import": lambda picture: picture * 2,
    "checkpoint_with_prefix": _convolved,
    "checkpoint_with_optimizer": _convolved,
    "half_precision_checkpoint": _convolved_by_rounded,
}

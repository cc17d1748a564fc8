"""Limits come from the config's rows, and one that could never be broken is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from written_manifest import write_manifest

from oxidizedvision.config import load_config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import FileRecord, PackageRecord, Stage, load_manifest
from oxidizedvision.runners.target import Target
from oxidizedvision.validate.limits import LimitTable

CONFIG = """
model: {path: net.py, class_name: Net, input_shape: [1, 3, 8, 8]}
validation:
"""
ROWS = """
  tolerance_mae: 0.25
  tolerances:
    fp32:
      max_error: 1
      outputs:
        scores: {mae: 0.5, top1: 0.9}
      engines:
        rten: {mae: 0.75, cos_sim: -1}
    int8: {sqnr_db: 20}
"""


def _table(folder: Path, rows: str | None, stage: str = "", **known: Any) -> LimitTable:
    """The limits of a config, or of a manifest where there is none, of a model of a precision."""
    path = write_manifest(folder)
    manifest = load_manifest(path)
    if stage:
        (folder / "small.onnx").write_bytes(b"small")
        record = FileRecord.of(folder / "small.onnx")
        manifest.stages.append(Stage(name=stage, tool="t", output=record, seconds=0.0))
    config = None
    if rows is not None:
        (folder / "config.yml").write_text(CONFIG + (rows or "  num_tests: 1\n"))
        config = load_config(folder / "config.yml")
    model = folder / manifest.head("onnx").file
    where = Target("net", config, path, manifest, model, **known)
    return LimitTable(where, manifest)


def test_without_a_row_the_keys_of_old_and_the_defaults_hold(tmp_path: Path) -> None:
    table = _table(tmp_path, "")
    assert table.base("fp32") == {"mae": 1e-5, "cos_sim": 0.999}
    assert table.base("fp16") == {"cos_sim": 0.999}
    assert table.base("int8") == {"cos_sim": 0.99}
    assert table.seed_limits == (1e-5, 0.999)


def test_the_row_of_fp32_wins_over_the_keys_of_old(tmp_path: Path) -> None:
    def limits(rows: str) -> tuple[float, float]:
        table = _table(tmp_path, rows)
        config = table._where.config
        assert config is not None
        assert config.validation.fp32_limits == table.seed_limits
        return table.seed_limits

    assert limits("") == (1e-5, 0.999)
    assert limits("  {tolerance_mae: 0.5, tolerances: {int8: {mae: 1}}}\n") == (0.5, 0.999)
    both = "  {tolerance_mae: 0.5, tolerance_cos_sim: 0.9, tolerances: {fp32: {mae: 0}}}\n"
    assert limits(both) == (0, 0.9)
    assert limits("  {tolerances: {fp32: {cos_sim: 0.5}}}\n") == (1e-5, 0.5)


def test_an_engine_wins_over_an_output_and_that_over_the_precision(tmp_path: Path) -> None:
    table = _table(tmp_path, ROWS)
    whole = {"mae": 0.25, "cos_sim": 0.999, "max_error": 1}
    tract, rten = table.rules("tract"), table.rules("rten")
    assert tract.limits("other") == whole
    assert tract.limits("scores") == {**whole, "mae": 0.5, "top1": 0.9}
    loose = {"mae": 0.75, "cos_sim": -1, "max_error": 1}
    assert rten.limits("other") == loose
    assert rten.limits("scores") == {**loose, "top1": 0.9}
    assert tract.tolerances("other").cosine_similarity == 0.999


@pytest.mark.parametrize("stage", ["fp16", "int8"])
def test_the_row_is_that_of_the_file_and_of_the_network_fp32(tmp_path: Path, stage: str) -> None:
    table = _table(tmp_path, ROWS, stage)
    found = {name: table.rules(name).precision for name in ("pytorch", "torchscript", "tch")}
    assert set(found.values()) == {"fp32"}
    assert table.rules("onnxruntime").precision == stage
    extra = {"sqnr_db": 20} if stage == "int8" else {}
    assert table.rules("rten").limits("scores") == {**table.base(stage)}
    assert table.base(stage) == {"cos_sim": 0.99 if stage == "int8" else 0.999, **extra}


def test_a_program_has_the_precision_of_the_file_that_it_was_made_from(tmp_path: Path) -> None:
    program = tmp_path / "net"
    program.write_bytes(b"program")
    table = _table(tmp_path, "", "int8", program=program)
    assert table.rules("program").precision == "int8"
    manifest = table._manifest
    record = FileRecord.of(program)
    package = PackageRecord(
        path="crate", name="net", engine="tract", created="now", sha256="", bytes=0,
        model_sha256=manifest.stages[1].output.sha256, program=record,
    )  # fmt: skip
    manifest.packages.append(package)
    assert table.rules("program").precision == "fp32"


def test_a_manifest_has_its_own_tolerance_for_fp32_and_the_defaults(tmp_path: Path) -> None:
    table = _table(tmp_path, None, "int8")
    assert table.base("fp32") == {"mae": 1e-5, "cos_sim": 0.999}
    assert table.base("int8") == {"cos_sim": 0.99}


def test_null_inherits_as_if_nothing_were_written(tmp_path: Path) -> None:
    nothing = "{mae: null, cos_sim: null, outputs: {scores: {mae: null}}}"
    table = _table(tmp_path, f"  tolerances: {{fp32: {nothing}, int8: {nothing}}}\n")
    assert table.rules("rten").limits("scores") == {"mae": 1e-5, "cos_sim": 0.999}
    assert table.base("int8") == {"cos_sim": 0.99}


def test_a_config_with_every_default_written_out_has_the_same_limits(tmp_path: Path) -> None:
    from oxidizedvision.config.init import config_text

    text = config_text({"model": {"path": "n.py", "class_name": "N", "input_shape": [1, 3, 8, 8]}})
    (tmp_path / "whole.yml").write_text(text)
    whole = load_config(tmp_path / "whole.yml").validation
    (tmp_path / "config.yml").write_text(f"{CONFIG}  num_tests: 1\n")
    short = load_config(tmp_path / "config.yml").validation
    assert whole == short
    for precision, row in whole.tolerances:
        assert row.written == {}, precision


def test_flags_win_over_every_row(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(CONFIG + ROWS)
    config = load_config(tmp_path / "config.yml")
    validation = config.validation.overridden(tolerance_mae=3.0)
    assert (validation.tolerance_mae, validation.tolerance_cos_sim) == (3.0, 0.999)
    fp32, int8 = validation.tolerances.fp32, validation.tolerances.int8
    assert fp32.written == {"mae": 3.0, "max_error": 1}
    assert fp32.outputs["scores"].written == {"top1": 0.9}
    assert fp32.engines["rten"].written == {"cos_sim": -1}
    assert int8.written == {"mae": 3.0, "sqnr_db": 20}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("{fp32: {outputs: {scoers: {mae: 1}}}}", "no output 'scoers'; did you mean 'scores'"),
        ("{fp32: {outputs: {picture: {top1: 0.9}}}}", r"outputs.picture.top1 limits nothing"),
        ("{fp32: {iou: 0.9}}", r"fp32.iou limits nothing: .*scores \[2, 10\]"),
        ("{fp32: {engines: {rten: {top5: 0.9, iou: 0.5}}}}", "engines.rten.iou limits nothing"),
    ],
)
def test_a_limit_that_nothing_can_break_is_refused(tmp_path: Path, rows: str, says: str) -> None:
    table = _table(tmp_path, f"  tolerances: {rows}\n")
    outputs = {"scores": np.zeros((2, 10), np.float32), "picture": np.zeros(3, np.float32)}
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        table.check({"fp32"}, outputs)
    assert caught.value.kind is Kind.CONFIG
    table.check({"int8"}, outputs)
    table = _table(tmp_path, "  tolerances: {fp32: {top1: 0.9, outputs: {scores: {top5: 1}}}}\n")
    table.check({"fp32"}, outputs)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("{fp32: {engines: {rtn: {mae: 1}}}}", "line 4: .*unknown runner 'rtn'; did you mean"),
        ("{fp8: {mae: 1}}", "line 4: validation.tolerances.fp8: unknown key"),
        ("{fp32: {outputs: {a: {maee: 1}}}}", "maee: unknown key; did you mean 'mae'"),
        ("{fp16: {mae: -1}}", "expected at least 0"),
        ("{fp16: {top1: 99}}", "expected at most 1"),
        ("{fp16: {sqnr_db: .inf}}", "finite"),
    ],
)
def test_rows_that_make_no_sense_are_refused(tmp_path: Path, rows: str, says: str) -> None:
    (tmp_path / "config.yml").write_text(f"{CONFIG}  tolerances: {rows}\n")
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        load_config(tmp_path / "config.yml")
    assert caught.value.kind is Kind.CONFIG

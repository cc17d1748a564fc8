"""Each verb hands its flags to the function behind it, and shows what that returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import Calls, Ended
from made_report import report_of as benchmark_of
from made_report import three_rows
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.core.results import to_plain

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]

CONFIG = "model: {path: net.py, class_name: Net, input_shape: [1, 3, 8, 8]}\n"


def some(kind: type, **known: Any) -> Any:
    """A result with the given fields; what has no default is something of no interest."""
    needed = [f.name for f in dataclasses.fields(kind) if not _has_default(f)]
    return kind(**(dict.fromkeys(needed, 1) | known))


def _has_default(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def test_convert(invoke: Invoke, stand_in: StandIn, tmp_path: Path) -> None:
    from oxidizedvision import ConvertResult
    from oxidizedvision.core.manifest import AttemptRecord

    file = tmp_path / "a.onnx"
    file.write_bytes(b"12")
    files = dict.fromkeys(("manifest", "torchscript", "onnx", "goldens"), file)
    attempts = tuple(
        AttemptRecord(
            exporter=exporter,
            opset_version=17,
            status=status,
            chosen=chosen,
            message=why,
            source=at,
        )
        for exporter, status, chosen, why, at in (
            ("dynamo", "failed", False, "no form", "m.py, line 3"),
            ("torchscript", "passed", True, "", ""),
        )
    )
    told = {"parity": {"max_error": 2e-7}, "opset_version": 17, "reason": "the best of 2"}
    result = some(ConvertResult, **files, **told, attempts=attempts, pt2=None)
    calls = stand_in("convert.convert", result)
    flags = ("--exporter", "auto", "--thorough", "--trust-checkpoint")
    ended = invoke("convert", "c.yml", "--output-dir", "there", "--opset", 17, *flags)
    assert ended.code == ExitCode.DONE
    assert "a.onnx (2 B), opset 17" in ended.out
    assert "largest error 2e-07" in ended.out
    assert "the best of 2" in ended.out
    assert "torchscript (taken)" in ended.out
    assert "no form at m.py, line 3" in " ".join(ended.out.split())
    assert calls.arguments.pop("notify")
    assert calls.arguments == {
        "config": Path("c.yml"),
        "output_dir": Path("there"),
        "opset_version": 17,
        "exporter": "auto",
        "thorough": True,
        "trust_checkpoint": True,
    }
    document = invoke("convert", "c.yml", "--json").document
    assert document["opset_version"] == 17
    assert document["attempts"][0]["source"] == "m.py, line 3"


def report_of(passed: bool, missing: bool, skip: bool = False) -> Any:
    from oxidizedvision.runners.target import Unavailable
    from oxidizedvision.validate import IntegrityResult, ValidationReport, ValidationResult

    nan = float("nan")
    row = ValidationResult(
        runner="tract",
        engine_version="0.23",
        output="output",
        cases=2,
        worst_case="random-0",
        mae=1e-7 if passed else nan,
        rmse=1e-7 if passed else nan,
        max_error=1e-6 if passed else nan,
        cosine_similarity=1.0 if passed else nan,
        passed=passed,
        reason="" if passed else "the output has NaN",
    )
    return some(
        ValidationReport,
        passed=passed,
        model="net",
        tolerance_mae=1e-5,
        tolerance_cos_sim=0.999,
        results=(row,),
        unavailable=(Unavailable("tch", "not_built", "Build it."),) if missing else (),
        integrity=(IntegrityResult("net.onnx", True, ""),),
        skip_unavailable=skip,
    )


def test_validate_hands_every_flag_on(invoke: Invoke, stand_in: StandIn) -> None:
    calls = stand_in("validate.validate", report_of(passed=True, missing=False))
    arguments = "--runner tract --runner rten --num-tests 3 --picture a.png --picture b.png"
    more = "--program p --seed 7 --skip-unavailable"
    assert invoke("validate", "m.onnx", *arguments.split(), *more.split()).code == ExitCode.DONE
    assert calls.arguments.pop("notify")
    assert calls.arguments == {
        "target": Path("m.onnx"),
        "runners": ["tract", "rten"],
        "num_tests": 3,
        "pictures": [Path("a.png"), Path("b.png")],
        "program": Path("p"),
        "data": None,
        "skip_unavailable": True,
        "seed": 7,
    }
    invoke("validate", "c.yml")
    assert calls.arguments["runners"] is None
    assert calls.arguments["num_tests"] is None


@pytest.mark.parametrize(
    ("passed", "missing", "skip", "code"),
    [
        (True, False, False, ExitCode.DONE),
        (True, True, False, ExitCode.MISSING_PART),
        (True, True, True, ExitCode.DONE),
        (False, False, False, ExitCode.CHECK_FAILED),
        (False, True, False, ExitCode.CHECK_FAILED),
    ],
)
def test_validate_ends_with_what_was_found(
    invoke: Invoke, stand_in: StandIn, *, passed: bool, missing: bool, skip: bool, code: ExitCode
) -> None:
    stand_in("validate.validate", report_of(passed, missing, skip))
    ended = invoke("validate", "c.yml")
    assert ended.code == code
    assert ("FAIL" in ended.out) is not passed
    assert ("tract, output: the output has NaN" in ended.out) is not passed
    assert ("tch did not run (not built): Build it." in ended.out) is missing
    verdict = ended.out.splitlines()[-1]
    assert verdict.startswith("passed" if passed else "FAILED")
    assert ("1 runner did not run: tch" in verdict) is missing
    assert "MAE at most 1e-05, cosine at least 0.999" in verdict
    ended = invoke("validate", "c.yml", "--json")
    assert ended.code == code
    assert ended.document["passed"] is passed
    assert (ended.document["results"][0]["mae"] is None) is not passed


def test_tolerances_of_the_command_line_win(
    invoke: Invoke, stand_in: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "c.yml").write_text(CONFIG)
    calls = stand_in("validate.validate", report_of(passed=True, missing=False))
    invoke("validate", "c.yml", "--tolerance-mae", "0.5")
    validation = calls.arguments["target"].validation
    assert (validation.tolerance_mae, validation.tolerance_cos_sim) == (0.5, 0.999)
    assert calls.arguments["target"].path == Path("c.yml")
    ended = invoke("validate", "m.onnx", "--tolerance-mae", "0.5", "--json")
    assert ended.document["error"]["kind"] == Kind.USAGE
    ended = invoke("validate", "c.yml", "--tolerance-mae", "inf")
    assert ended.code == ExitCode.BAD_INPUT
    assert "--tolerance-mae cannot be inf" in ended.err
    assert invoke("validate", "c.yml", "--tolerance-mae", "nan").code == ExitCode.BAD_INPUT


def test_optimize(invoke: Invoke, stand_in: StandIn) -> None:
    from oxidizedvision import OptimizeResult

    result = some(
        OptimizeResult,
        output=Path("o.onnx"),
        nodes_before=9,
        nodes_after=5,
        operators_before={"Conv": 5, "Identity": 4},
        operators_after={"Conv": 5},
        kept=True,
    )
    calls = stand_in("optimize.optimize", result)
    flags = ["--output", "o.onnx", "--no-simplify", "--no-constant-folding", "--quantize", "int8"]
    flags += ["--engine", "ort", "--calibration", "pictures", "--samples", "8", "--metric", "iou"]
    flags += ["--max-drop", "0.1", "--force", "--dry-run", "--simplifier", "onnxsim"]
    ended = invoke("optimize", "m.onnx", *flags)
    assert "9 before, 5 after" in ended.out
    assert "Identity" in ended.out
    assert "Conv" not in ended.out
    assert calls.arguments.pop("notify")
    options = calls.arguments.pop("quantization")
    assert calls.arguments == {
        "model": Path("m.onnx"),
        "output": Path("o.onnx"),
        "simplify": False,
        "simplifier": "onnxsim",
        "constant_folding": False,
        "quantize": "int8",
        "dry_run": True,
    }
    assert (options.engine, options.force, options.threads) == ("ort", True, None)
    assert options.calibration.data == str(Path("pictures").absolute())
    assert (options.calibration.samples, options.calibration.method) == (8, "search")
    assert (options.budget.metric, options.budget.drop) == ("iou", 0.1)
    assert "(not written)" not in ended.out
    refused = dataclasses.replace(result, kept=False, reason="outputs differ")
    stand_in("optimize.optimize", refused)
    assert "no, the graph stays as it was: outputs differ" in invoke("optimize", "m.onnx").out
    assert invoke("optimize", "m.onnx", "--json").document["kept"] is False


def test_package(invoke: Invoke, stand_in: StandIn) -> None:
    from oxidizedvision import PackageResult

    result = some(
        PackageResult, path=Path("crate"), files=("a", "b"), engine="rten", executable=None
    )
    calls = stand_in("package.package", result)
    flags = ["--output", "crate", "--engine", "rten", "--name", "n", "--force", "--build"]
    ended = invoke("package", "m.onnx", *flags)
    assert "crate (2 files" in ended.out
    assert calls.arguments.pop("notify")
    assert calls.arguments == {
        "model": Path("m.onnx"),
        "output": Path("crate"),
        "engine": "rten",
        "name": "n",
        "force": True,
        "build": True,
        "kind": "program",
        "goal": None,
        "target": None,
    }


@pytest.mark.parametrize(
    ("passed", "missing", "flags", "code"),
    [
        (True, False, [], ExitCode.DONE),
        (False, True, [], ExitCode.CHECK_FAILED),
        (True, True, [], ExitCode.MISSING_PART),
        (True, True, ["--skip-unavailable"], ExitCode.DONE),
    ],
)
def test_run(
    invoke: Invoke,
    stand_in: StandIn,
    *,
    passed: bool,
    missing: bool,
    flags: list[str],
    code: ExitCode,
) -> None:
    from oxidizedvision import PipelineResult
    from oxidizedvision.pipeline import StageOutcome

    rows = ({"name": "tch", "status": "not_built", "hint": "Build it."},) if missing else ()
    report: dict[str, Any] = {
        "files": [{"name": "ONNX", "file": "net.onnx", "bytes": 1024}],
        "validation": {
            "results": [],
            "integrity": [],
            "unavailable": list(rows),
            "tolerance_mae": 1e-5,
            "tolerance_cos_sim": 0.999,
            "passed": passed,
        },
        "benchmark": to_plain(benchmark_of(*three_rows())),
    }
    result = some(
        PipelineResult,
        passed=passed,
        name="net",
        stages=(StageOutcome("convert", "skipped", 0.0),),
        unavailable=rows,
        report=report,
    )
    calls = stand_in("pipeline.run", result)
    more = ["--output-dir", "o", "--crate-dir", "k", "--engine", "rten", "--picture", "a.png"]
    ended = invoke("run", "c.yml", *more, "--fresh", "--no-build", *flags)
    assert ended.code == code
    assert "skipped" in ended.out
    assert "net.onnx" in ended.out
    assert "no significant difference" in ended.out
    assert ended.out.count("tch did not run") == missing
    assert ended.out.count("did not run: tch") == missing
    options = calls.arguments["options"]
    assert (options.output_dir, options.crate_dir) == (Path("o"), Path("k"))
    assert (options.engine, options.pictures) == ("rten", (Path("a.png"),))
    assert (options.fresh, options.build) == (True, False)
    failure = {"runner": "rten", "kind": "shape_mismatch", "message": "no batch of 4", "hint": ""}
    report["benchmark"]["failures"].append(failure)
    ended = invoke("run", "c.yml", *flags)
    assert ended.code == (ExitCode.BAD_INPUT if passed else ExitCode.CHECK_FAILED)
    assert "rten failed: no batch of 4" in ended.out


def test_backends(invoke: Invoke) -> None:
    document = invoke("backends", "--json").document
    rows = {row["name"]: row for row in document["backends"]}
    assert list(rows["onnxruntime"]) == [
        "name",
        "status",
        "version",
        "formats",
        "devices",
        "dtypes",
        "hint",
    ]
    assert rows["onnxruntime"]["status"] == "ready"
    assert rows["tensorrt"]["status"] == "missing"
    assert rows["tensorrt"]["hint"]
    assert "tensorrt" in invoke("backends").out


def test_list_and_info_of_a_converted_model(invoke: Invoke, tiny: Artifact) -> None:
    from oxidizedvision import register

    entry = register(tiny.manifest)
    shown = invoke("list")
    assert entry.id in shown.out
    assert "[batch, 3, height, width]" in shown.out
    (model,) = invoke("list", "--name", "tin", "--json").document["models"]
    assert model["id"] == entry.id
    assert "No model is registered whose name contains 'x'." in invoke("list", "--name", "x").out
    shown = invoke("info", "tiny")
    assert "torch.jit.trace" in shown.out or "torchscript" in shown.out
    assert "present" in shown.out
    tiny.onnx.unlink()
    assert "missing" in invoke("list").out
    lineage = invoke("info", tiny.manifest, "--json").document["lineage"]
    assert {item["role"]: item["status"] for item in lineage}["onnx"] == "missing"


def test_profile_of_a_converted_model(invoke: Invoke, tiny: Artifact) -> None:
    for target in (tiny.config, tiny.onnx):
        ended = invoke("profile", target)
        assert ended.code == ExitCode.DONE
        assert "MACs" in ended.out
        document = invoke("profile", target, "--json").document
        assert document["parameters"] == 3 * 4 * 9 + 4 + 4 * 3 * 9 + 3
        assert document["layers"]


def test_config_verbs(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from torch import nn\nclass Net(nn.Module): pass\n")
    ended = invoke("config", "init", "net.py")
    assert ended.code == ExitCode.DONE
    assert "input_shape is a guess, [1, 3, 256, 256]" in ended.err
    flags = ["--class", "Net", "--output", "b.yml", "--input-shape", "1,1,8,8"]
    ended = invoke("config", "init", "net.py", *flags, "--json")
    assert ended.err == ""
    assert ended.document["input_shape"] == [1, 1, 8, 8]
    assert invoke("config", "check", "b.yml").code == ExitCode.DONE
    assert invoke("config", "check", "b.yml", "--json").document["class_name"] == "Net"
    assert "properties" in invoke("config", "schema", "--json").document["schema"]
    ended = invoke("config", "init", "net.py", "--input-shape", "big", "--force")
    assert ended.code == ExitCode.BAD_INPUT
    assert "'big' is no shape" in ended.err

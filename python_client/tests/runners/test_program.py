"""The runner `program` starts that very executable, and says what went wrong in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_program import write_program

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.runners import RunnerConfig, load, load_runner

ARRAY = np.arange(24, dtype=np.float32).reshape(1, 3, 2, 4)


def test_it_runs_the_file_that_it_was_given(tmp_path: Path) -> None:
    path = write_program(tmp_path / "tiny", factor=2)
    runner = load(path, runner="program", threads=1)
    assert (runner.info.backend, runner.info.backend_version) == ("program", "tract 0.0")
    np.testing.assert_array_equal(runner.run(ARRAY), ARRAY * 2)
    write_program(path, factor=3)
    np.testing.assert_array_equal(runner.run(ARRAY), ARRAY * 3)
    path.unlink()
    with pytest.raises(OxidizedVisionError) as caught:
        runner.run(ARRAY)
    assert caught.value.kind is Kind.BACKEND_UNAVAILABLE


def test_without_the_executable_it_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for name in ("nothing", "text", "."):
        with pytest.raises(OxidizedVisionError, match="cannot be started") as caught:
            load(tmp_path / name, runner="program")
        assert caught.value.exit_code is ExitCode.MISSING_PART
        assert ("chmod +x" if name == "text" else "package") in caught.value.hint


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("dies", Kind.PANICKED, "signal 11"),
        ("refuses", Kind.INPUT, "upside down"),
        ("writes-nothing", Kind.ENGINE_FAILED, "wrote no array"),
    ],
)
def test_a_run_that_fails_is_typed(tmp_path: Path, fault: str, kind: Kind, says: str) -> None:
    runner = load(write_program(tmp_path / "tiny", fault=fault), runner="program")
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        runner.run(ARRAY)
    assert caught.value.kind is kind


def test_the_programs_own_hint_is_passed_on(tmp_path: Path) -> None:
    runner = load(write_program(tmp_path / "tiny", fault="refuses"), runner="program")
    with pytest.raises(OxidizedVisionError) as caught:
        runner.run(ARRAY)
    assert caught.value.hint == "turn it"


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    path = write_program(tmp_path / "tiny", fault="hangs")
    runner = load(path, runner="program", options={"timeout_s": "2"})
    with pytest.raises(OxidizedVisionError, match="did not end within 2 s"):
        runner.run(ARRAY)


def test_an_executable_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError, match="not a program that `package` made") as caught:
        load(write_program(tmp_path / "tiny", fault="no-info"), runner="program")
    assert caught.value.kind is Kind.CORRUPT


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"device": "cuda"}, Kind.DEVICE_UNAVAILABLE),
        ({"device": "gpu"}, Kind.INVALID_OPTION),
        ({"optimize": False}, Kind.INVALID_OPTION),
        ({"options": {"timeout_s": "soon"}}, Kind.INVALID_OPTION),
        ({"options": {"speed": "1"}}, Kind.INVALID_OPTION),
        ({"precision": "fp16"}, Kind.INVALID_OPTION),
        ({"threads": 0}, Kind.INVALID_OPTION),
    ],
)
def test_what_a_program_cannot_do_is_refused(
    tmp_path: Path, change: dict[str, object], kind: Kind
) -> None:
    path = write_program(tmp_path / "tiny")
    with pytest.raises(OxidizedVisionError) as caught:
        load_runner("program", RunnerConfig(path, **change))  # type: ignore[arg-type]
    assert caught.value.kind is kind

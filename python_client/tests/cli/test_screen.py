"""Stdout carries the result and nothing else; every ending has its code and its one message."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Calls, Ended

from oxidizedvision.cli.render import Facts, Screen, Table, number_text, size_text
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError, OxidizedVisionWarning

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]


def test_version(invoke: Invoke) -> None:
    import oxidizedvision

    assert invoke("--version").out == f"oxidizedvision {oxidizedvision.__version__}\n"


def test_no_verb_shows_the_help_and_is_a_usage_error(invoke: Invoke) -> None:
    for arguments in ([], ["config"]):
        ended = invoke(*arguments)
        assert ended.code == ExitCode.BAD_INPUT
        assert "Usage: oxidizedvision" in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["convert"], "Missing argument 'CONFIG'"),
        (["list", "--nmae", "x"], "No such option: --nmae"),
        (["benchmark", "c.yml", "--iters", "0"], "Invalid value for '--iters'"),
        (["benchmark", "c.yml", "--iters", "many"], "Invalid value for '--iters'"),
        (["info", "a", "b"], "Got unexpected extra argument"),
    ],
)
def test_usage_error(invoke: Invoke, arguments: list[str], message: str) -> None:
    ended = invoke(*arguments)
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.out == ""
    first, hint, see = ended.err.splitlines()
    assert first.startswith(f"error: {message}")
    assert hint.startswith("hint: `oxidizedvision")
    assert see == "see: docs/troubleshooting.md#usage"
    assert invoke(*arguments, "--json").document["error"]["kind"] == "usage"


def test_error_is_three_lines_on_stderr_and_a_document_with_json(
    invoke: Invoke, stand_in: StandIn
) -> None:
    stand_in("registry.find", None)
    stand_in("registry.describe", OxidizedVisionError(Kind.CORRUPT, "It is broken", "Mend it."))
    ended = invoke("info", "x")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.out == ""
    assert ended.err.splitlines() == [
        "error: It is broken",
        "hint: Mend it.",
        "see: docs/troubleshooting.md#corrupt",
    ]
    error = {"kind": "corrupt", "message": "It is broken", "hint": "Mend it."}
    assert invoke("info", "x", "--json").document["error"] == error


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_ends_with_its_code(invoke: Invoke, stand_in: StandIn, kind: Kind) -> None:
    error = OxidizedVisionError(kind, "m", "h")
    stand_in("registry.describe", error)
    assert invoke("info", "x").code == error.exit_code


def test_verbose_shows_the_traceback_before_or_after_the_verb(
    invoke: Invoke, stand_in: StandIn
) -> None:
    stand_in("registry.describe", OxidizedVisionError(Kind.CORRUPT, "It is broken"))
    for arguments in (["--verbose", "info", "x"], ["info", "x", "-v"]):
        assert "Traceback" in invoke(*arguments).err
    assert "Traceback" not in invoke("info", "x").err


def test_control_c_is_one_line_and_130(invoke: Invoke, stand_in: StandIn) -> None:
    stand_in("registry.describe", KeyboardInterrupt())
    ended = invoke("info", "x")
    assert ended.code == ExitCode.INTERRUPTED
    assert len(ended.err.splitlines()) == 1
    assert invoke("info", "x", "--json").document["error"]["kind"] == "interrupted"


def test_full_disk_under_a_library_is_a_file_system_error(
    invoke: Invoke, stand_in: StandIn
) -> None:
    stand_in("registry.describe", OSError(28, "No space left on device", "out/x.onnx"))
    ended = invoke("info", "x")
    assert ended.code == ExitCode.FILE_SYSTEM
    assert "error: out/x.onnx: No space left on device" in ended.err


def test_unexpected_exception_is_our_fault(invoke: Invoke, stand_in: StandIn) -> None:
    stand_in("registry.describe", ZeroDivisionError("x"))
    with pytest.raises(ZeroDivisionError):
        invoke("info", "x")


@pytest.mark.parametrize(("flags", "trace"), [([], False), (["--verbose"], True)])
def test_unexpected_exception_in_a_process(flags: list[str], trace: bool) -> None:
    code = (
        "import sys, oxidizedvision.registry as r; from oxidizedvision.cli import main\n"
        "def broken(*_): raise ZeroDivisionError('by nought')\n"
        "r.describe = broken; sys.argv[0] = 'oxidizedvision'; main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *flags, "info", "x", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == ExitCode.OUR_FAULT
    assert ("Traceback" in process.stderr) is trace
    assert "fault of OxidizedVision" in process.stderr
    assert Ended(1, process.stdout, "").document["error"]["kind"] == "internal"


def test_what_work_prints_stays_off_stdout(invoke: Invoke, stand_in: StandIn) -> None:
    def noisy() -> None:
        print("from Python")
        os.write(1, b"from C\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)

    error = OxidizedVisionError(Kind.CORRUPT, "m")
    stand_in("registry.describe", error, work=noisy)
    ended = invoke("info", "x", "--json")
    assert ended.document["error"]["message"] == "m"
    for source in ("Python", "C", "a child"):
        assert f"from {source}" in ended.err


def test_quiet_prints_errors_and_documents_only(invoke: Invoke) -> None:
    assert invoke("--quiet", "list") == Ended(0, "", "")
    assert invoke("list", "-q", "--json").document["models"] == []
    assert invoke("-q", "info", "nothing").err.startswith("error: ")


def test_no_escape_codes_and_no_progress_in_a_pipe(command: Invoke) -> None:
    ended = command("backends")
    assert "\x1b" not in ended.out
    assert ended.err == ""
    assert "onnxruntime" in ended.out


def test_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "oxidizedvision", "config", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["config", "schema"], ExitCode.FILE_SYSTEM),
        (["info", "nothing", "--json"], ExitCode.BAD_INPUT),
        (["backends", "--json"], ExitCode.FILE_SYSTEM),
        (["--version"], ExitCode.FILE_SYSTEM),
    ],
)
def test_what_cannot_be_printed_is_told_on_stderr(arguments: list[str], code: ExitCode) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "oxidizedvision", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == code
    first, *_ = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_own_warnings_are_one_line_and_others_wait_for_verbose(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        Screen().show_warnings()
        warnings.warn("take care", OxidizedVisionWarning, stacklevel=1)
        warnings.warn("old thing", UserWarning, stacklevel=1)
        assert capfd.readouterr().err == "warning: take care\n"
        Screen(verbose=True).show_warnings()
        warnings.warn("old thing", UserWarning, stacklevel=1)
        assert "UserWarning: old thing" in capfd.readouterr().err


def test_verbose_tells_each_step(capfd: pytest.CaptureFixture[str]) -> None:
    with Screen(verbose=True).working() as notify:
        notify("tracing")
    assert capfd.readouterr().err == "tracing\n"
    with Screen().working() as notify:
        notify("tracing")
    assert capfd.readouterr() == ("", "")


def test_completion_knows_the_verbs() -> None:
    environment = {
        **os.environ,
        "_OXIDIZEDVISION_COMPLETE": "complete_bash",
        "COMP_WORDS": "oxidizedvision bench",
        "COMP_CWORD": "1",
    }
    process = subprocess.run(
        [sys.executable, "-m", "oxidizedvision"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.strip() == "benchmark"


def test_numbers_and_sizes() -> None:
    assert number_text(None) == number_text(float("nan")) == "–"
    assert number_text(1.5e-7) == "1.5e-07"
    assert [size_text(n) for n in (0, 1023, 1536, 5 << 20)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 MiB",
    ]


def test_main_is_what_the_entry_point_names() -> None:
    from oxidizedvision.cli import main

    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'oxidizedvision = "oxidizedvision.cli:{main.__name__}"' in project


def test_progress_shows_on_a_terminal_and_stays_off_stdout() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "oxidizedvision", "backends", "--json"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        out = process.communicate(timeout=60)[0]
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"\x1b[" in shown
    assert Ended(0, out, "").document["backends"]


def test_control_characters_of_names_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "x\x1b[31m\r\x07\x9b"
    screen = Screen()
    screen.show({}, name, Facts([("inputs", name)]), Table(("a", "b"), [(name, name)], name))
    screen.failed(OxidizedVisionError(Kind.CORRUPT, f"{name}\n\tü"))
    out, err = capsys.readouterr()
    assert not set("\x1b\r\x07\x9b") & set(out + err)
    assert out.count("x\\x1b[31m\\r\\x07\\x9b") == 5
    assert "\n\tü" in err

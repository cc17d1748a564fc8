"""The commands of `benchmarks/` read the same flags and end with the same codes."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from benchmarks import command
from benchmarks.wheels import FetchError

RUNS = ["grid", "quantise", "zoo", "trust", "faults", "server"]


@pytest.mark.parametrize("name", RUNS)
def test_every_command_tells_its_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = importlib.import_module(f"benchmarks.{name}.run")
    with pytest.raises(SystemExit) as caught:
        run.main(["--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert "--write" in told
    assert (run.__doc__ or "").partition("\n")[0].partition(":")[0] in " ".join(told.split())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("grid", "--network alexnet"),
        ("grid", "--network resnet18 --write"),
        ("quantise", "--model alexnet"),
        ("zoo", "--network resnet18 --write"),
        ("faults", "--network resnet18 --write"),
        ("faults", "--graphs 0"),
        ("trust", "--part night"),
        ("server", "--part night"),
        ("server", "--quick --write"),
    ],
)
def test_what_has_no_meaning_is_a_usage_error(name: str, words: str) -> None:
    run = importlib.import_module(f"benchmarks.{name}.run")
    with pytest.raises(SystemExit) as caught:
        run.main(words.split())
    assert caught.value.code == 2


def test_a_name_may_be_repeated() -> None:
    parser = command.flags("Words.\nMore words.")
    command.add_names(parser, "--network", ["a", "b"])
    arguments = parser.parse_args(["--network", "a", "--network", "b", "--write"])
    assert (arguments.network, arguments.write) == (["a", "b"], True)
    assert parser.parse_args([]).network is None


@pytest.mark.parametrize(
    ("ending", "code"),
    [(0, 0), (3, 3), (FetchError("no such file"), 4), (KeyboardInterrupt(), 130)],
)
def test_a_command_ends_with_its_code(
    ending: int | BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> int:
        if isinstance(ending, BaseException):
            raise ending
        return ending

    with pytest.raises(SystemExit) as caught:
        command.end(main)
    assert caught.value.code == code
    assert ("no such file" in capsys.readouterr().err) == (code == 4)


def test_broken_claims_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.told([]) == 0
    assert command.told(["too slow"]) == 3
    assert capsys.readouterr().err == "NOT KEPT: too slow\n"


def test_its_folder_is_gone_and_nothing_enters_the_registry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", "the user's")
    with command.own_folder("test") as folder:
        assert Path(os.environ["OXIDIZEDVISION_HOME"]).parent == folder
        (folder / "file").write_text("x")
    assert not folder.exists()

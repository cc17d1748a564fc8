"""The command line, in this process or in one of its own."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import Calls, Ended

from oxidizedvision.cli.app import run_command, screen_for


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def invoke(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command line in this process."""

    def call(*arguments: object) -> Ended:
        screen, rest = screen_for([str(argument) for argument in arguments])
        code = run_command(rest, screen)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call


@pytest.fixture
def command() -> Callable[..., Ended]:
    """Run a command line as a user does."""

    def call(*arguments: object) -> Ended:
        process = subprocess.run(
            [sys.executable, "-m", "oxidizedvision", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "NO_COLOR": ""},
        )
        return Ended(process.returncode, process.stdout, process.stderr)

    return call


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Calls]:
    """Replace the function behind a verb; calls must still fit its real signature."""

    def replace(name: str, result: Any, *, work: Callable[[], None] | None = None) -> Calls:
        home, _, function = name.rpartition(".")
        module = importlib.import_module(f"oxidizedvision.{home}")
        signature = inspect.signature(getattr(module, function))
        calls = Calls()

        def called(*args: Any, **kwargs: Any) -> Any:
            calls.arguments = dict(signature.bind(*args, **kwargs).arguments)
            if work is not None:
                work()
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(module, function, called)
        return calls

    return replace

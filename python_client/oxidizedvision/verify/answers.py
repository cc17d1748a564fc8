"""The last link: the packaged program itself gives PyTorch's answers."""

from __future__ import annotations

import os
import subprocess
from functools import partial

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.package.build import find_cargo, target_folder
from oxidizedvision.package.opened import Opened
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.program import start
from oxidizedvision.runners.target import UNAVAILABLE_KINDS, Target
from oxidizedvision.validate.replay import Goldens
from oxidizedvision.verify.report import Link

_NAME = "answers"
_LINES = 5
_UNKNOWN = (
    "nothing here records that the program in bin was built from this crate: --origin names the "
    "record, --build runs the crate's own tests"
)


def link(opened: Opened, *, build: bool, recorded: bool) -> Link:
    """Replay the goldens where there is something to run, or say why not.

    recorded: whether the manifest knows the program of a crate; another one proves nothing.
    """
    try:
        return _replayed(opened, build=build, recorded=recorded)
    except OxidizedVisionError as error:
        absent = error.kind in UNAVAILABLE_KINDS
        return Link(_NAME, "unchecked" if absent else "broken", error.message)


def _replayed(opened: Opened, *, build: bool, recorded: bool) -> Link:
    kind, is_folder = opened.seal.says.kind, opened.path.is_dir()
    if kind == "wasm":
        return _of_page(opened)
    if build and (opened.path / "Cargo.toml").is_file():
        return _of_tests(opened)
    if opened.program is not None and (recorded or not is_folder):
        return _of_program(opened)
    if kind == "executable":
        why = "these are its parts, and its program is not here"
    elif opened.program is not None:
        why = _UNKNOWN
    else:
        why = "the crate is not built; --build runs its own tests, which compare its answers"
    return Link(_NAME, "unchecked", why)


def _target(opened: Opened) -> Target:
    manifest, model = opened.manifest, opened.model
    return Target(manifest.name, None, opened.manifest_path, manifest, model, opened.program)


def _of_program(opened: Opened) -> Link:
    assert opened.program is not None  # noqa: S101 - the caller has looked
    if not os.access(opened.program, os.X_OK):
        why = f"{opened.program.name} may not be started here: not executable, or mounted noexec"
        return Link(_NAME, "unchecked", why)
    goldens = Goldens(_target(opened))
    if any(array.dtype != "float32" for case in goldens.cases for array in case.inputs.values()):
        start(opened.program, ["--check"])
        return Link(_NAME, "whole", "the program found its own answers equal to PyTorch's")
    reason = goldens.difference("program", RunnerConfig(opened.program))
    return _judged(reason, len(goldens.cases), opened.program.name)


def _of_page(opened: Opened) -> Link:
    from oxidizedvision.package.browser.engine import runner_of
    from oxidizedvision.package.browser.folder import MODULES
    from oxidizedvision.runners.wasm import load

    engine = opened.seal.says.engine
    name = runner_of(engine)
    config = RunnerConfig(opened.model)
    folder = opened.path / MODULES / engine
    goldens = Goldens(_target(opened))
    reason = goldens.difference(name, config, load=partial(load, name, config, folder=folder))
    return _judged(reason, len(goldens.cases), f"modules/{engine} in Node")


def _judged(reason: str, cases: int, what: str) -> Link:
    if reason:
        return Link(_NAME, "broken", f"{what} does not give PyTorch's answers: {reason}")
    return Link(_NAME, "whole", f"{what} gave PyTorch's answers to {cases} recorded inputs")


def _of_tests(opened: Opened) -> Link:
    cargo = find_cargo()
    if cargo is None:
        return Link(_NAME, "unchecked", "--build needs Cargo, which is not on PATH")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target_folder())}
    done = subprocess.run(
        [cargo, "test", "--release", "--locked"],
        cwd=opened.path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return Link(_NAME, "whole", "the crate's own tests passed, which compare its answers")
    last = " ".join((done.stdout + done.stderr).strip().splitlines()[-_LINES:])
    return Link(_NAME, "broken", f"the crate's own tests failed: {last}")

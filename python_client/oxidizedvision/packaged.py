"""Packages in place of models: what `validate`, `benchmark` and `predict` make of one."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from oxidizedvision.core.errors import Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.package.opened import Opened

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

_SEAL = "package.oxv.json"
_PROGRAM = "program"
_NO_PACKAGES = {".yml", ".yaml", ".json", ".onnx", ".pt", ".ort", ".tar", ".tgz"}


@dataclass(frozen=True)
class Packaged:
    """What a package has inside: the model's file, its program where it has one, its runner."""

    model: Path
    program: Path | None
    runner: str

    def check_runs(self, asked: Sequence[str], package: Path) -> None:
        """Refuse a package without a program where that is what is to run.

        Raises:
            OxidizedVisionError: `backend_unavailable`.
        """
        if self.program is None and _PROGRAM in (asked or [self.runner]):
            raise OxidizedVisionError(
                Kind.BACKEND_UNAVAILABLE,
                f"{package} holds no program that can be started",
                "Make it with `oxidizedvision package --kind executable`, or `--kind program "
                "--build`; or name another --runner for the model in it.",
            )


def is_package(target: object) -> bool:
    """Whether a target is a package and no model, config or manifest."""
    if not isinstance(target, str | Path):
        return False
    path = Path(target)
    if path.is_dir():
        return (path / _SEAL).is_file()
    if not path.is_file() or path.suffix.lower() in _NO_PACKAGES:
        return False
    from oxidizedvision.package.archive import is_executable

    return is_executable(path)


@contextmanager
def packaged(path: Path) -> Iterator[Packaged]:
    """Open a package that is whole, with what runs in it.

    Raises:
        OxidizedVisionError: `check_failed` where a byte of it is another one.
    """
    from oxidizedvision.package.opened import opened_package

    with opened_package(path) as opened:
        _check_whole(opened)
        if opened.seal.says.kind == "wasm":
            with _page_modules(path):
                yield Packaged(opened.model, None, f"wasm-{opened.seal.says.engine}")
        else:
            yield Packaged(opened.model, opened.program, _PROGRAM)


def takes_packages(work: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Let a verb that takes a target, `runners` and `program` take a package too.

    Its runner is then the packaged program, or the page's module in Node, if no other is named.
    """

    @functools.wraps(work)
    def wrapper(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        if not args or not is_package(args[0]):
            return work(*args, **kwargs)
        options = cast(dict[str, Any], kwargs)
        path = Path(cast(str, args[0]))
        with packaged(path) as found:
            found.check_runs(options.get("runners") or (), path)
            more = {"program": found.program, "runners": options.get("runners") or [found.runner]}
            inside = cast(Callable[..., _Result], work)
            return inside(found.model, *args[1:], **{**options, **more})

    return wrapper


def _check_whole(opened: Opened) -> None:
    from oxidizedvision.verify.inside import links

    for link in links(opened.path, opened.seal):
        if link.status == "broken":
            raise OxidizedVisionError(
                Kind.CHECK_FAILED,
                f"{opened.path} is not the package that was made: {link.detail}",
                f"`oxidizedvision verify {opened.path}` shows its chain; make the package again.",
            )


@contextmanager
def _page_modules(page: Path) -> Iterator[None]:
    """Let the runners for WebAssembly take their modules from a page."""
    from oxidizedvision.core.wasm import VARIABLE

    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(page)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before

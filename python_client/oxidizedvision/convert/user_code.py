"""What the user's code raises, told with its line and with what to do."""

from __future__ import annotations

import http.client
import sysconfig
import traceback
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oxidizedvision.config.check import missing_module_hint
from oxidizedvision.core.errors import Kind, OxidizedVisionError

_CORRECT = "Correct the network's code, or the arguments in model.init_args."
_OFFLINE = (
    "Let it download nothing, with model.init_args such as {pretrained: false} for timm or "
    "{weights: null} for torchvision, and name the weights' file in model.checkpoint."
)
_CLIENTS = frozenset({"aiohttp", "httpcore", "httpx", "huggingface_hub", "requests", "urllib3"})
"""Packages whose errors, whatever they are called, are about reaching a server."""

_PACKAGE = Path(__file__).resolve().parents[1]


@contextmanager
def user_code(doing: str, path: Path | None, kind: Kind = Kind.MODEL) -> Iterator[None]:
    """Turn whatever the user's code raises into a typed error with the line it came from."""
    try:
        yield
    except (KeyboardInterrupt, OxidizedVisionError):
        raise
    except BaseException as error:
        did = "tried to reach the network:" if _is_about_network(error) else "raised"
        raise OxidizedVisionError(
            kind, f"{doing} {did} {describe(error, path)}", _hint(error, path)
        ) from error


def describe(error: BaseException, path: Path | None) -> str:
    """An exception as one line, with the last line of the user's code on its way."""
    text = " ".join(_text(error).split())
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        # Its text ends with the same place.
        said = f"{type(error).__name__}: {error.msg}"
        return f"{said} at {_place(Path(error.filename), path)}, line {error.lineno}"
    frame = _last_frame(error, path)
    return said if frame is None else f"{said} at {_place(frame[0], path)}, line {frame[1]}"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the user's class may raise anything
        return ""


def _last_frame(error: BaseException, path: Path | None) -> tuple[Path, int] | None:
    """File and line of the user's code; of the network's package where that is an installed one."""
    frames = [
        (Path(frame.filename), frame.lineno or 0)
        for frame in reversed(traceback.extract_tb(error.__traceback__))
        if Path(frame.filename).is_absolute()
    ]
    own = [frame for frame in frames if not _is_library(frame[0])]
    if path is not None and _is_library(path):
        own = [frame for frame in frames if path.resolve().parent in frame[0].resolve().parents]
    return own[0] if own else None


def _is_library(file: Path) -> bool:
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders = {Path(place).resolve() for place in places if place} | {_PACKAGE}
    resolved = file.resolve()
    return not (
        folders.isdisjoint(resolved.parents)
        and {"site-packages", "dist-packages"}.isdisjoint(resolved.parts)
    )


def _place(file: Path, path: Path | None) -> str:
    """A file's path from the network's folder, or its name where it lies elsewhere."""
    folder = path.resolve().parent if path is not None else None
    resolved = file.resolve()
    if folder is not None and folder in resolved.parents:
        return resolved.relative_to(folder).as_posix()
    return f"{file.parent.name}/{file.name}" if file.name == "__init__.py" else file.name


def _hint(error: BaseException, path: Path | None) -> str:
    if _is_about_network(error):
        return _OFFLINE
    if isinstance(error, ModuleNotFoundError) and error.name:
        return missing_module_hint(error.name, path)
    if isinstance(error, SyntaxError):
        return "Correct the file."
    if isinstance(error, SystemExit):
        return "Put what is a program of its own below `if __name__ == '__main__':`."
    return _CORRECT


def _is_about_network(error: BaseException) -> bool:
    """Whether an exception, or one that led to it, is about reaching a server."""
    kinds = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        client = type(following).__module__.partition(".")[0]
        if isinstance(following, kinds) or client in _CLIENTS:
            return True
        following = following.__cause__ or following.__context__
    return False

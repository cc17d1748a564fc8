"""What a server is to do: its models and settings, and the module that does it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO, refuse_goal
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.serve.engines import check_serves, module_of, no_runner_named
from oxidizedvision.serve.model import ModelToServe, model_to_serve
from oxidizedvision.serve.options import ServeOptions
from oxidizedvision.serve.settings_file import runners_of

Document = dict[str, Any]

_NAME_MODELS = tuple(f"OXIDIZEDVISION_SERVER_{key}" for key in ("CONFIG", "MODELS", "FOLDER__PATH"))
"""Variables by which the environment can name models."""
_NAME_RUNNER = "OXIDIZEDVISION_SERVER_RUNNER"
"""The variable by which it names the engine of every model that names none."""


@dataclass(frozen=True)
class ServerPlan:
    """A server that is ready to start.

    config: the `server.yml`, where given. flags: a document of the same keys, which wins over it.
    runners: every engine that is named. module: the native module that has them. chosen: what
    `auto` chose, a line for each model.
    """

    config: Path | None
    flags: Document
    runners: tuple[str, ...]
    module: str
    chosen: tuple[str, ...] = ()


def plan_server(
    models: str | Path | Sequence[str | Path] = (),
    *,
    config: str | Path | None = None,
    options: ServeOptions | None = None,
    notify: Notify = silent,
) -> ServerPlan:
    """Find the models and the engine of each; nothing is loaded yet.

    Args:
        models: As in `serve`.
        config: As in `serve`.
        options: As in `serve`.
        notify: Told what `auto` measures, where it does.

    Raises:
        OxidizedVisionError: `usage` without a model or an engine, and for settings that do not go
            together; `not_found`; `backend_unavailable`; with `auto` as `choose`.
    """
    wanted = options or ServeOptions()
    given = [models] if isinstance(models, str | Path) else list(models)
    file = None if config is None else _existing(Path(config))
    _check(given, file, wanted)
    served = [model_to_serve(model, wanted, notify) for model in given]
    runners = [each.runner for each in served] or [wanted.runner]
    if wanted.runner is None:
        runners.append(os.environ.get(_NAME_RUNNER))
    if file is not None:
        runners += runners_of(file, with_models=not served)
    named = tuple(dict.fromkeys(runner for runner in runners if runner not in (None, AUTO)))
    return ServerPlan(
        config=file,
        flags=_flags(served, wanted),
        runners=named,
        module=module_of(named),
        chosen=tuple(each.chosen for each in served if each.chosen),
    )


def _existing(path: Path) -> Path:
    if not path.exists():
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no {path}", "Check the path and the current folder."
        )
    if not path.is_file():
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{path} is not a regular file: settings are read more than once",
            "Write them to a file first; one with secrets with `umask 077`.",
        )
    return path


def _check(given: Sequence[str | Path], file: Path | None, wanted: ServeOptions) -> None:
    """Refuse what cannot be carried out before anything is looked for."""
    if not given:
        _check_without_models(file, wanted)
    elif wanted.runner is None and file is None and not os.environ.get(_NAME_RUNNER):
        raise no_runner_named()
    if wanted.runner != AUTO:
        refuse_goal(wanted.goal)
    if wanted.runner not in (None, AUTO):
        check_serves(wanted.runner)


def _check_without_models(file: Path | None, wanted: ServeOptions) -> None:
    if file is None and not any(name in os.environ for name in _NAME_MODELS):
        raise OxidizedVisionError(
            Kind.USAGE,
            "There is no model to serve",
            "Give a manifest, an .onnx, a .pt or a registered name, or --config server.yml.",
        )
    of_models = replace(wanted, host=None, port=None, runner=None)
    if of_models != ServeOptions():
        raise OxidizedVisionError(
            Kind.USAGE,
            f"Settings of models (goal, device, threads, …) belong to those that are named beside "
            f"{file or 'them'}, and none is",
            "Write them into the file, under the models, or name the models here.",
        )


def _flags(served: Sequence[ModelToServe], wanted: ServeOptions) -> Document:
    flags: Document = {}
    if wanted.host is not None:
        flags["host"] = wanted.host
    if wanted.port is not None:
        flags["port"] = wanted.port
    if served:
        flags["models"] = [_entry(each, wanted) for each in served]
    elif wanted.runner is not None:
        flags["runner"] = wanted.runner
    return flags


def _entry(each: ModelToServe, wanted: ServeOptions) -> Document:
    """One entry of `models`; what nobody gave is left to the server."""
    settings: Document = {
        "path": str(each.file.absolute()),
        "name": each.name,
        "runner": each.runner,
        "device": each.device,
        "precision": wanted.precision,
        "threads": each.threads,
        "engines": wanted.engines,
        "options": dict(wanted.options) or None,
    }
    return {key: value for key, value in settings.items() if value is not None}

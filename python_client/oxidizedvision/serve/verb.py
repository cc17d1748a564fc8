"""`serve`: the server of the native module, from its start to its end."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import INSTALL, require
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.runners import libraries
from oxidizedvision.runners.native import HINTS
from oxidizedvision.serve.options import ServeOptions
from oxidizedvision.serve.plan import ServerPlan, plan_server
from oxidizedvision.serve.report import Started, report_of


class _TerminatedError(BaseException):
    """SIGTERM, which the native module hears while it serves."""


def serve(
    models: str | Path | Sequence[str | Path] = (),
    *,
    config: str | Path | None = None,
    options: ServeOptions | None = None,
    started: Started | None = None,
    notify: Notify = silent,
) -> None:
    """Serve models until SIGTERM or Ctrl-C, which let what was accepted finish.

    After SIGTERM it returns; after Ctrl-C it raises `KeyboardInterrupt`. A second signal ends it
    at once.

    Args:
        models: Manifests, .onnx or .pt files, configs (what `convert` made of them), or names of
            registered models. They take the place of those in `config`.
        config: A `server.yml`; docs/serving.md has its keys.
        options: The engine of `models` and how it runs, and where the server listens. They win
            over `config` and over the environment.
        started: Told where the server listens, once its models are loaded.
        notify: Told what `auto` measures, where it does.

    Raises:
        OxidizedVisionError: `dependency_missing` without the native module; `usage` for a port
            that is taken, an address that is not this machine's, a model or an engine that is
            missing; `config` for what is wrong in `server.yml`; `check_failed` for a model that
            does not give its recorded answers; and what keeps a model from loading.
    """
    plan = plan_server(models, config=config, options=options, notify=notify)
    run_server(plan, started=started)


def run_server(plan: ServerPlan, *, started: Started | None = None) -> None:
    """Start a server, and return when it has ended.

    Args:
        plan: What to serve, from `plan_server`.
        started: As in `serve`.

    Raises:
        OxidizedVisionError: as `serve`.
    """
    module = _module(plan)

    def tell(document: str) -> None:
        if started is not None:
            started(report_of(document, plan.chosen))

    settings = {"file": None if plan.config is None else str(plan.config), "flags": plan.flags}
    with _heeding_sigterm():
        try:
            module.serve(json.dumps(settings), tell)
        except module.NativeError as error:
            raise _translated(error) from error


def _module(plan: ServerPlan) -> Any:
    for runner in plan.runners or libraries.LIBRARIES:
        libraries.prepare(runner)
    module = require(plan.module, "serve")
    if not hasattr(module, "serve"):
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING,
            f"{plan.module} {getattr(module, '__version__', '')} has no server",
            f"Install this version's: {INSTALL[plan.module]}",
        )
    return module


def _translated(error: Any) -> OxidizedVisionError:
    kind = Kind(error.kind)
    hint = getattr(error, "hint", "") or HINTS.get(kind, "")
    return OxidizedVisionError(kind, error.message, hint or "docs/serving.md tells how to serve.")


@contextmanager
def _heeding_sigterm() -> Iterator[None]:
    """Make SIGTERM an exception, which ends the server in order; only the main thread hears it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise _TerminatedError

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except _TerminatedError:
        return
    finally:
        signal.signal(signal.SIGTERM, before)

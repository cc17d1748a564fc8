"""Which engines can serve, and the module that holds them."""

from __future__ import annotations

from collections.abc import Collection

from oxidizedvision.core.engines import NATIVE_ENGINES, NATIVE_MODULE
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO
from oxidizedvision.runners.native import MODULES
from oxidizedvision.runners.table import availability, engine_named
from oxidizedvision.runners.wasm import MODULES as WASM_MODULES


def no_runner_named() -> OxidizedVisionError:
    """The answer where nobody says which engine is to serve."""
    ready = [engine.name for engine in NATIVE_ENGINES if availability(engine.name).ready]
    return OxidizedVisionError(
        Kind.USAGE,
        "serve needs --runner NAME: no engine is chosen silently",
        f"Ready here: {', '.join(ready) or 'none'}; or {AUTO}, which takes what `oxidizedvision "
        "choose` found best.",
    )


def check_serves(runner: str) -> None:
    """Refuse an engine that is not one of Rust's, or not ready.

    Raises:
        OxidizedVisionError: `usage`, or `backend_unavailable` with what makes it ready.
    """
    if engine_named(runner).name in WASM_MODULES:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{runner} runs in a browser, or in Node as it would there, and does not serve",
            f"Use one of {', '.join(MODULES)}; `oxidizedvision package --kind wasm` makes a page "
            "for any static host.",
        )
    if runner not in MODULES:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{runner} runs in Python and does not serve",
            f"Use one of {', '.join(MODULES)}: they give the same answers without Python.",
        )
    state = availability(runner)
    if not state.ready:
        raise OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE, f"{runner} is not ready here ({state.status})", state.hint
        )


def module_of(runners: Collection[str]) -> str:
    """The native module that has all of these engines.

    Raises:
        OxidizedVisionError: `usage` where there is none.
    """
    modules = {MODULES[runner] for runner in runners if runner in MODULES}
    if len(modules) > 1:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"One server cannot have all of {', '.join(sorted(set(runners)))}: they are in "
            f"{' and '.join(sorted(modules))}",
            "Start a server for each of these modules, on ports of their own.",
        )
    return modules.pop() if modules else NATIVE_MODULE

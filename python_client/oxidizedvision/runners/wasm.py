"""The browser's engines, in Node: the same WebAssembly modules that a page loads."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core import wasm
from oxidizedvision.core.engines import WASM_ENGINES
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPES, ModelInfo
from oxidizedvision.runners.apart import IsolatedRunner
from oxidizedvision.runners.base import Availability, NodeTime, Runner, RunnerConfig
from oxidizedvision.runners.node import INSTALL_HINT, find_node
from oxidizedvision.runners.request import cuda_index, no_device, refuse_unknown

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

MODULES = {engine.name: engine.module for engine in WASM_ENGINES}
"""The module of each runner."""

_WORKER, _SESSION = "node_worker.mjs", "node_session.mjs"


class WasmRunner(IsolatedRunner):
    """A model in a module, in a Node process of its own, on one thread whatever it is told.

    folder: the module's, where that is another than the one that is found.
    """

    def __init__(self, name: str, config: RunnerConfig, folder: Path | None = None) -> None:
        self._name = name
        config = dataclasses.replace(config, threads=1)
        super().__init__(name, config, _command(name, _WORKER, folder))

    def _load(self) -> ModelInfo:
        info = super()._load()
        if info.backend not in (self._name, MODULES[self._name]):
            self.close()
            raise OxidizedVisionError(
                Kind.INTERNAL,
                f"The module of {self._name} holds the engine {info.backend}",
                wasm.BUILD_HINT,
            )
        return dataclasses.replace(info, backend=self._name)

    def _profile(
        self,
        inputs: dict[str, Array],  # noqa: ARG002 - as the contract has them
        runs: int,  # noqa: ARG002
    ) -> tuple[NodeTime, ...] | None:
        return None


def check(name: str) -> Availability:
    """Whether a module is built and a Node is there to run it."""
    module = MODULES[name]
    if not wasm.has_module(module):
        return Availability("not_built", hint=wasm.BUILD_HINT)
    node = find_node()
    if node is None or node.fault:
        reason = f"{node.fault}. " if node else ""
        return Availability("missing", hint=f"{reason}{INSTALL_HINT}")
    try:
        return Availability("ready", version=wasm.build_of(module).version or "unknown")
    except OxidizedVisionError as error:
        return Availability("missing", hint=f"{error.message}. {error.hint}")


def dtypes(name: str) -> tuple[str, ...]:
    """The element types that a module takes and gives."""
    return wasm.build_of(MODULES[name]).dtypes or tuple(DTYPES)


def load(name: str, config: RunnerConfig, *, folder: Path | None = None) -> Runner:
    """Load a model into a module in a Node process of its own.

    Args:
        name: The runner's.
        config: The model and how to run it.
        folder: That of the module, where it is another than the one that is found.

    Raises:
        OxidizedVisionError: with what the module refuses, and what a browser cannot have.
    """
    refuse_unknown(name, config)
    if cuda_index(config.device) is not None:
        raise no_device(name, config.device, "WebAssembly runs on the processor")
    return WasmRunner(name, config, folder)


def session_command(name: str) -> tuple[str, ...]:
    """What starts a process that times runs of a module; see `benchmark.session`."""
    return _command(name, _SESSION)


def _command(name: str, script: str, folder: Path | None = None) -> tuple[str, ...]:
    module = folder or wasm.check_whole(MODULES[name])
    return (*node_command(script), "--module", str(module))


def node_command(script: str) -> tuple[str, ...]:
    """What starts one of our scripts in Node.

    Raises:
        OxidizedVisionError: `dependency_missing` without a Node that can run it.
    """
    node = find_node()
    if node is None or node.fault:
        fault = node.fault if node else "there is no `node` on PATH"
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING, f"The browser's modules run in Node: {fault}", INSTALL_HINT
        )
    return (node.path, "--no-warnings", str(wasm.find_parts().script(script)))

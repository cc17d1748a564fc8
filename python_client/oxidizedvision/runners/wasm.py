"""The browser's engines, in Node: the same WebAssembly modules that a page loads."""

from __future__ import annotations

import dataclasses
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
    """A model in a module, in a Node process of its own, on one thread whatever it is told."""

    def __init__(self, name: str, config: RunnerConfig) -> None:
        self._name = name
        super().__init__(name, config, command(name, _WORKER))

    def _load(self) -> ModelInfo:
        info = super()._load()
        if info.backend != MODULES[self._name]:
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
    return Availability("ready", version=wasm.build_of(module).version or "unknown")


def dtypes(name: str) -> tuple[str, ...]:
    """The element types that a module takes and gives."""
    return wasm.build_of(MODULES[name]).dtypes or tuple(DTYPES)


def load(name: str, config: RunnerConfig) -> Runner:
    """Load a model into a module in a Node process of its own.

    Raises:
        OxidizedVisionError: with what the module refuses, and what a browser cannot have.
    """
    refuse_unknown(name, config)
    if cuda_index(config.device) is not None:
        raise no_device(name, config.device, "WebAssembly runs on the processor")
    return WasmRunner(name, config)


def session_command(name: str) -> tuple[str, ...]:
    """What starts a process that times runs of a module; see `benchmark.session`."""
    return command(name, _SESSION)


def command(name: str, script: str) -> tuple[str, ...]:
    """What starts a script for Node on the module of a runner.

    Raises:
        OxidizedVisionError: `backend_unavailable` where either is missing.
    """
    state = check(name)
    node = find_node()
    if not state.ready or node is None:
        raise OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE, f"The runner {name} is missing", state.hint
        )
    parts = wasm.find_parts()
    folder = wasm.check_whole(MODULES[name])
    return (node.path, "--no-warnings", str(parts.script(script)), "--module", str(folder))

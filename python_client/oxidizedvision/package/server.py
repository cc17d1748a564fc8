"""The kind `server`: the server with one model inside, as a Rust crate of its own."""

from __future__ import annotations

from oxidizedvision.package.crate import CrateKind
from oxidizedvision.package.engines import ENGINES


class ServerKind(CrateKind):
    """Pictures and tensors in, by HTTP."""

    name = "server"
    suffix = "server"
    engines = tuple(ENGINES)
    runtime = ("inference_server", "runner_core")

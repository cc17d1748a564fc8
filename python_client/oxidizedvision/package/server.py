"""The kind `server`: the server with one model inside, as a Rust crate of its own."""

from __future__ import annotations

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.package.crate import CrateKind
from oxidizedvision.package.engines import ENGINES

_RESERVED = "stats"


class ServerKind(CrateKind):
    """Pictures and tensors in, by HTTP."""

    name = "server"
    suffix = "server"
    engines = tuple(ENGINES)
    runtime = ("inference_server", "runner_core")

    def name_of(self, name: str) -> str:
        made = super().name_of(name)
        if made == _RESERVED:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{name!r} cannot be the name of a server: it stands in the server's own paths",
                "Give --name with another one.",
            )
        return made

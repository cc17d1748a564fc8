"""The kind `program`: a model as a Rust crate of its own, around one program."""

from __future__ import annotations

from oxidizedvision.package.crate import CrateKind


class ProgramKind(CrateKind):
    """Pictures and tensors in, by the command line."""

    name = "program"
    suffix = "crate"
    runtime = ("runner_core", "vision_program")

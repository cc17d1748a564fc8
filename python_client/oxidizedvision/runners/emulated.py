"""Programs for another processor than this machine's, which QEMU runs."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError

_PROCESSORS = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
"""`e_machine` of ELF, and what `platform.machine` and QEMU call it."""
_MACHINE_AT = 18
_LITTLE_ENDIAN = 1


def processor_of(program: Path) -> str | None:
    """What an ELF program runs on, as `platform.machine` says it; None where it is no such."""
    try:
        with program.open("rb") as file:
            head = file.read(_MACHINE_AT + 2)
    except OSError:
        return None
    if len(head) < _MACHINE_AT + 2 or not head.startswith(b"\x7fELF") or head[5] != _LITTLE_ENDIAN:
        return None
    number = int.from_bytes(head[_MACHINE_AT:], "little")
    return _PROCESSORS.get(number, f"processor {number}")


def starter_of(program: Path) -> list[str]:
    """The words before a program's own that start it here: none, or QEMU's.

    Raises:
        OxidizedVisionError: `backend_unavailable` for one of another processor without QEMU.
    """
    processor = processor_of(program)
    if processor in (None, platform.machine()):
        return []
    for name in (f"qemu-{processor}-static", f"qemu-{processor}"):
        if path := shutil.which(name):
            return [path]
    raise OxidizedVisionError(
        Kind.BACKEND_UNAVAILABLE,
        f"The program {program} is for {processor}, and this machine is {platform.machine()}",
        f"Run it there, or install qemu-{processor} (Debian: qemu-user-static).",
    )

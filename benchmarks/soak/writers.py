"""Many processes that register at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.soak.life import small_manifest
from oxidizedvision.registry import list_models, register


def lost_by_writers(root: Path, writers: int, each: int) -> list[str]:
    """Let that many processes register that many models each; gives what went wrong."""
    names = [[f"writer-{writer}-{index}" for index in range(each)] for writer in range(writers)]
    manifests = {name: small_manifest(root / "written", name) for group in names for name in group}

    def register_all(group: list[str]) -> None:
        for name in group:
            register(manifests[name])

    children = [_forked(partial(register_all, group)) for group in names]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    there = {entry.name for entry in list_models()}
    lost = [f"{name} is lost" for name in manifests if name not in there]
    failed = [f"writer {index} ended with {code}" for index, code in enumerate(codes) if code]
    return failed + lost


def _forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child

"""Names that may stand in generated TOML and Rust."""

from __future__ import annotations

import re

from oxidizedvision.core.errors import Kind, OxidizedVisionError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
# What Cargo refuses as a package name, and names of crates that a package contains.
_ENGINES_CRATES = "runner_"
_RESERVED = frozenset(
    """
    abstract as async await become box break const continue crate do dyn else enum extern false
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return
    self static struct super trait true try type typeof unsafe unsized use virtual where while
    yield test core std alloc proc_macro build deps examples incremental con prn aux nul
    vision_io vision_library vision_model vision_program inference_server
    """.split()  # noqa: SIM905 - a list of one word a line would hide them
)


def crate_name(name: str) -> str:
    """`name` as a Cargo package's name, in lower case.

    Raises:
        OxidizedVisionError: `usage` when it is none; nothing is replaced silently.
    """
    lower = name.lower()
    reserved = lower in _RESERVED or lower.startswith(_ENGINES_CRATES)
    if not _NAME.fullmatch(lower) or reserved:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{name!r} cannot be the name of a crate",
            "Give --name: a letter, then letters, digits, '-' or '_' (64 at most), "
            "and no word of the Rust language nor a name of a runtime crate.",
        )
    return lower

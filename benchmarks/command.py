"""What the commands of this folder share: their flags, their words, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from benchmarks.wheels import FetchError

BROKEN, CANNOT_FETCH, INTERRUPTED = 3, 4, 130


def flags(doc: str | None, write: str = "replace the committed results") -> argparse.ArgumentParser:
    """A parser with `--write`, described by the first line of a module's docstring."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=write)
    return parser


def add_names(parser: argparse.ArgumentParser, flag: str, names: Sequence[str]) -> None:
    """A flag that leaves all but the named ones out."""
    parser.add_argument(flag, action="append", choices=names, help="may be repeated")


def say(text: str) -> None:
    """Tell how far it is, beside the result."""
    print(text, file=sys.stderr, flush=True)


def told(claims: Sequence[str]) -> int:
    """Name the broken claims; the exit code."""
    for claim in claims:
        say(f"NOT KEPT: {claim}")
    return BROKEN if claims else 0


@contextmanager
def own_folder(name: str) -> Iterator[Path]:
    """A folder that is gone in the end; what is converted in it does not enter the user's registry.

    The registry of this process stays that of the folder.
    """
    with tempfile.TemporaryDirectory(prefix=f"oxidizedvision-{name}-") as folder:
        os.environ["OXIDIZEDVISION_HOME"] = str(Path(folder) / "home")
        yield Path(folder)


def end(main: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code."""
    try:
        sys.exit(main())
    except FetchError as error:
        say(f"error: {error}")
        sys.exit(CANNOT_FETCH)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)

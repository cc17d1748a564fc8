"""The command line: one file per verb; `render` is the only module that prints."""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line of this process; Ctrl-C counts from the first import on."""
    try:
        from oxidizedvision.cli.app import main as work
    except KeyboardInterrupt:
        sys.exit(130)
    work()

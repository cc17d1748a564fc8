"""The command line: one file per verb; `render` is the only module that prints."""

from oxidizedvision.cli.app import main

__all__ = ["main"]

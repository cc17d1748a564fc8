"""Weights: read without running what a file may contain, and matched with the network by name."""

from oxidizedvision.convert.checkpoint.kinds import checkpoint_files
from oxidizedvision.convert.checkpoint.load import load_checkpoint

__all__ = ["checkpoint_files", "load_checkpoint"]

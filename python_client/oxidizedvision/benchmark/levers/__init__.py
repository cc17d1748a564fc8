"""What may keep a budget that is broken: other engines, prepared models, mapping, fewer threads."""

from oxidizedvision.benchmark.levers.verb import try_levers

__all__ = ["try_levers"]

"""The ladder: exporters of PyTorch tried in order, judged by parity and by the Rust engines."""

from __future__ import annotations

from oxidizedvision.convert.ladder.artefacts import Script, best_torchscript, write_pt2
from oxidizedvision.convert.ladder.attempt import Attempt, best_of, told_failure
from oxidizedvision.convert.ladder.candidates import Candidate, Wish, first_candidates
from oxidizedvision.convert.ladder.climb import Ladder

__all__ = [
    "Attempt",
    "Candidate",
    "Ladder",
    "Script",
    "Wish",
    "best_of",
    "best_torchscript",
    "first_candidates",
    "told_failure",
    "write_pt2",
]

"""The programs of `benchmarks/` are imported from the repository's root, as they are run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

"""Every engine behind one contract."""

from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.table import NAMES, availability, load_runner

__all__ = ["NAMES", "Runner", "RunnerConfig", "availability", "load_runner"]

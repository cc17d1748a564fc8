"""The goldens of a model through another form of it, which must still give PyTorch's answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import Manifest
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.target import Target, Unavailable
from oxidizedvision.validate.cases import Case
from oxidizedvision.validate.checks import check_runner
from oxidizedvision.validate.goldens import load_goldens
from oxidizedvision.validate.limits import LimitTable


class Goldens:
    """Recorded inputs, PyTorch's outputs, and what counts as equal; none without a manifest.

    What counts is what `validate` holds the same runner and precision to.

    Args:
        where: The model.

    Raises:
        OxidizedVisionError: `check_failed` for goldens that are not those of the manifest, and
            whatever keeps them from being read.
    """

    def __init__(self, where: Target) -> None:
        self.cases: Sequence[Case] = ()
        if where.manifest is not None:
            self.cases = _cases(where, where.manifest)
            self._limits = LimitTable(where, where.manifest)

    def difference(
        self,
        runner: str,
        runner_config: RunnerConfig,
        *,
        load: Callable[[], Runner] | None = None,
    ) -> str:
        """Why a runner does not give PyTorch's answers; empty where it does.

        `load` loads it, where that is not by its name alone.
        """
        if not self.cases:
            return ""
        rules = self._limits.rules(runner)
        outcome = check_runner(runner, runner_config, None, self.cases, rules, load=load)
        if isinstance(outcome, Unavailable):
            return outcome.hint
        failed = (row for row in outcome if not row.passed)
        return next((f"output {row.output}: {row.reason}" for row in failed), "")


def _cases(where: Target, manifest: Manifest) -> Sequence[Case]:
    path = where.folder / manifest.goldens.file
    if sha256_of(path) != manifest.goldens.sha256:
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{path} is not the file that the manifest recorded: its SHA-256 differs",
            "Run `oxidizedvision convert` again.",
        )
    return load_goldens(path)

"""Levers made ready to measure: prepared where they need it, and proved on the goldens."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.levers.tries import Try
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import Notify
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.prepared import prepare_apart
from oxidizedvision.runners.target import Target
from oxidizedvision.validate.replay import Goldens


@dataclasses.dataclass(frozen=True)
class Made:
    """What can be measured, and why the rest cannot."""

    ready: dict[Try, Candidate]
    refused: dict[Try, str]


@contextmanager
def made(
    where: Target, tries: Sequence[Try], *, device: str | None, timeout_s: float, notify: Notify
) -> Iterator[Made]:
    """Make levers ready; prepared models are gone when the block ends.

    Args:
        where: The model.
        tries: The levers.
        device: As in `Target.runner_config`.
        timeout_s: How long preparing one model may take.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: where the goldens cannot be read.
    """
    goldens = Goldens(where)
    found = Made({}, {})
    with TemporaryDirectory(prefix="oxidizedvision-") as folder:
        maker = _Maker(where, Path(folder), timeout_s, notify)
        for it in tries:
            try:
                candidate = maker.candidate_of(it)
                notify(f"proving {it.tried}")
                reason = goldens.difference(it.candidate.engine, _config(where, candidate, device))
            except OxidizedVisionError as error:
                reason = error.message
            if reason:
                found.refused[it] = reason
            else:
                found.ready[it] = candidate
        yield found


class _Maker:
    """Prepares each form of a model once."""

    def __init__(self, where: Target, folder: Path, timeout_s: float, notify: Notify) -> None:
        self._where = where
        self._folder = folder
        self._timeout_s = timeout_s
        self._notify = notify
        self._failed: dict[Path, OxidizedVisionError] = {}

    def candidate_of(self, it: Try) -> Candidate:
        """The candidate with the file that it needs."""
        if not it.ending:
            return it.candidate
        out = self._folder / f"{it.candidate.engine}.{it.ending}"
        if out in self._failed:
            raise self._failed[out]
        if not out.exists():
            self._prepare(it, out)
        return dataclasses.replace(it.candidate, model=str(out))

    def _prepare(self, it: Try, out: Path) -> None:
        engine = it.candidate.engine
        self._notify(f"preparing {self._where.model.name} for {engine}")
        optimize = self._where.runner_config(engine).optimize
        try:
            prepare_apart(
                engine, self._where.model, out, optimize=optimize, timeout_s=self._timeout_s
            )
        except OxidizedVisionError as error:
            self._failed[out] = error
            raise


def _config(where: Target, candidate: Candidate, device: str | None) -> RunnerConfig:
    plain = where.runner_config(candidate.engine, device=device, threads=candidate.threads)
    model = plain.model if candidate.model is None else Path(candidate.model)
    return dataclasses.replace(plain, model=model, options=dict(candidate.options))

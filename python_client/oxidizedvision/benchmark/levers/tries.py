"""What there is to try on a model, beside what was measured."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.runners.prepared import is_prepared, prepared_path
from oxidizedvision.runners.request import cuda_index
from oxidizedvision.runners.table import NAMES
from oxidizedvision.runners.target import Target

_PREPARING = {engine.name: engine.prepared[0] for engine in NATIVE_ENGINES if engine.prepared}
_MAPPING = [engine.name for engine in NATIVE_ENGINES if engine.maps]
_ONE_THREADED = [engine.name for engine in NATIVE_ENGINES if engine.one_threaded]
_OURS = ("onnxruntime", *(engine.name for engine in NATIVE_ENGINES))
"""Engines that are tried though nobody named them: those that need no network."""


@dataclass(frozen=True)
class Try:
    """Something to measure.

    tried: what it is, in words. candidate: with the model still that of the target. ending: of the
    prepared file that it needs; empty where it needs none. counterpart: what it is compared with.
    how: how to get it.
    """

    tried: str
    candidate: Candidate
    counterpart: Candidate
    how: str
    ending: str = ""


def find_tries(
    where: Target,
    measured: Sequence[Candidate],
    base: Candidate,
    *,
    device: str | None = None,
    failing: Collection[str] = (),
) -> list[Try]:
    """Every lever that there is for a model here.

    Args:
        where: The model.
        measured: What was measured already.
        base: The one to improve on; its batch and, mostly, its threads are used.
        device: As in `Target.runner_config`.
        failing: Runners that failed their validation, which nothing can help.
    """
    runners = [name for name in dict.fromkeys(c.runner for c in measured) if name not in failing]
    on_cpu = cuda_index(device or "cpu") is None
    others = [
        name
        for name in NAMES
        if name in _OURS and name not in (*runners, *failing) and _is_here(where, name, on_cpu)
    ]
    found = [_engine(where, base, name) for name in others]
    if on_cpu and not is_prepared(where.model):
        found += _prepared(where, measured, base, [*runners, *others])
    return found + list(_one_thread(where, measured, base, runners))


def _is_here(where: Target, name: str, on_cpu: bool) -> bool:
    """Whether an engine is ready, has a file to read and would run on that device."""
    if where.missing(name) is not None:
        return False
    try:
        runs_on_cpu = cuda_index(where.runner_config(name).device) is None
    except OxidizedVisionError:
        return False
    return runs_on_cpu or not on_cpu


def _engine(where: Target, base: Candidate, name: str) -> Try:
    file = where.file_for(name)
    how = f'load("{file}", runner="{name}"), or `- name: {name}` under `runners` of the config'
    candidate = Candidate(name, base.threads, base.batch_size)
    return Try(f"the engine {name}", candidate, base, how)


def _prepared(
    where: Target, measured: Sequence[Candidate], base: Candidate, runners: Sequence[str]
) -> Iterator[Try]:
    for name in (name for name in runners if name in _PREPARING):
        plain = Candidate(name, base.threads, base.batch_size)
        counterpart = plain if plain in measured else base
        command = f"`oxidizedvision prepare {shlex.quote(str(where.model))} --runner {name}`"
        file = prepared_path(name, where.model)
        ending = _PREPARING[name]
        yield Try(
            f"{name} with a prepared model (.{ending})",
            replace(plain, variant="prepared"),
            counterpart,
            f'{command}, then load("{file}", runner="{name}")',
            ending,
        )
        if name in _MAPPING:
            yield Try(
                f"{name} with a prepared model (.{ending}) that is mapped",
                replace(plain, variant="prepared, mmap", options=(("mmap", "true"),)),
                counterpart,
                f'{command}, then load("{file}", runner="{name}", options={{"mmap": "true"}})',
                ending,
            )


def _one_thread(
    where: Target, measured: Sequence[Candidate], base: Candidate, runners: Sequence[str]
) -> Iterator[Try]:
    if any(candidate.threads == 1 for candidate in measured):
        return
    for name in runners:
        if name not in (*_OURS, "program") or name in _ONE_THREADED:
            continue
        plain = Candidate(name, base.threads, base.batch_size)
        file = where.file_for(name)
        how = f'load("{file}", runner="{name}", threads=1)'
        yield Try(
            f"{name} with 1 thread",
            replace(plain, threads=1),
            plain if plain in measured else base,
            "its option --threads 1" if name == "program" else how,
        )

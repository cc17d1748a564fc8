"""One model in every engine: how soon it answers, how fast, in how much memory, how exactly."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.wasm.browser import Chromium, Page
from benchmarks.wasm.engines import Engine, Part
from benchmarks.wasm.models import ANSWER, MODEL, PICTURE, Subject
from benchmarks.wasm.site import Served
from benchmarks.wasm.wire import Wire

MEMORY_RUNS = 20


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    loads: times that every engine loads the model, in a page that is new each time. rounds: of
    these, those whose pages stay for windows. windows: in each round. window_ms: how long one
    lasts, at least one run. warm_ms: runs before the first window.
    """

    loads: int
    rounds: int
    windows: int
    window_ms: float
    warm_ms: float


_QUICK = Plan(loads=2, rounds=1, windows=3, window_ms=150, warm_ms=500)
FULL = {
    "mobilenet_v2": Plan(loads=7, rounds=5, windows=12, window_ms=250, warm_ms=2000),
    "denoiser": Plan(loads=7, rounds=5, windows=12, window_ms=250, warm_ms=2000),
    "unet": Plan(loads=7, rounds=3, windows=17, window_ms=0, warm_ms=2000),
}


def plan_of(name: str, *, quick: bool) -> Plan:
    """What is measured of a model."""
    return _QUICK if quick else FULL[name]


def addresses(wires: Sequence[Wire], subjects: Sequence[Subject]) -> dict[str, Served]:
    """The engines and the models, by address; pictures and answers lie beside the models."""
    found = {
        f"{_folder(wire.part.name)}/{file}": Served(wire.folder / file, "br")
        for wire in wires
        for file in wire.part.files
    }
    for each in subjects:
        for file in (MODEL, PICTURE, ANSWER):
            found[f"/models/{each.name}/{file}"] = Served(each.folder / file)
    return found


def _folder(part: str) -> str:
    return f"/engines/{part}"


def measured(
    chromium: Chromium,
    subject: Subject,
    engines: Sequence[Engine],
    parts: Mapping[str, Part],
    plan: Plan,
) -> list[dict[str, Any]]:
    """A row for every engine; they take turns, in another order each time, and the order is seeded.

    Raises:
        BrowserError: an engine failed.
    """
    chance = random.Random(0)  # noqa: S311 - nothing secret
    rows = {engine.name: _empty(engine) for engine in engines}
    for number in range(plan.loads):
        with ExitStack() as stack:
            pages = {}
            for engine in chance.sample(list(engines), len(engines)):
                page = stack.enter_context(chromium.page(f"{subject.name} in {engine.name}"))
                _load(page, subject, engine, parts[engine.part], rows[engine.name])
                pages[engine.name] = page
            if number < plan.rounds:
                _run(pages, plan, chance, rows)
    return [*rows.values()]


def _empty(engine: Engine) -> dict[str, Any]:
    lists = ("loaded_ms", "first_ms", "windows_ms", "memory_bytes")
    return {"engine": engine.name, "error": 0.0, **{name: [] for name in lists}}


def _load(page: Page, subject: Subject, engine: Engine, part: Part, row: dict[str, Any]) -> None:
    base = f"/models/{subject.name}"
    page.ask(
        "prepare",
        script=f"/{part.adapter}.js",
        input=f"{base}/{PICTURE}",
        reference=f"{base}/{ANSWER}",
    )
    found = page.ask(
        "load",
        folder=_folder(part.name),
        model=f"{base}/{MODEL}",
        input={"name": subject.input_name, "shape": list(subject.shape)},
        axes=dict(subject.axes),
        threads=engine.threads,
    )
    row["loaded_ms"].append([found["loadedMs"]])
    row["first_ms"].append([found["firstMs"]])
    row["error"] = max(row["error"], found["error"])


def _run(
    pages: Mapping[str, Page], plan: Plan, chance: random.Random, rows: Mapping[str, dict[str, Any]]
) -> None:
    windows: dict[str, list[float]] = {name: [] for name in pages}
    for page in pages.values():
        page.ask("window", ms=plan.warm_ms, warm=0)
    for _ in range(plan.windows):
        for name in chance.sample(list(pages), len(pages)):
            # The others had the caches meanwhile; a run of a window alone is too long to notice.
            warm = 1 if plan.window_ms else 0
            times = pages[name].ask("window", ms=plan.window_ms, warm=warm)
            windows[name].append(statistics.median(times))
    for name, page in pages.items():
        rows[name]["windows_ms"].append(windows[name])
        rows[name]["memory_bytes"].append(page.ask("memory", after=MEMORY_RUNS))

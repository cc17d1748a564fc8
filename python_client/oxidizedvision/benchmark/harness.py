"""Candidates measured in turns, each in fresh processes of its own, until their windows agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import compress
from typing import Protocol, TypeVar

import numpy as np

from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.machine import available_mib
from oxidizedvision.benchmark.report import MUCH_DISTURBED
from oxidizedvision.benchmark.session import Start, Window
from oxidizedvision.benchmark.statistics import agree, ratio
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import Notify, silent

_SEED = 0
_Item = TypeVar("_Item")
_EVEN = 0.05
"""Two windows of the warm-up that differ by less run evenly."""
_WARM_WINDOWS = 20
_CALM = 0.3
"""Windows of a disturbed row that waited no more than this are compared."""
_LEAST_CALM = 3
_FAST = 0.1
"""Of the runs of a window of a disturbed row, this part of the fastest is compared."""
_CLEAR = 0.05
"""An interval that begins so far from 1 needs no more processes to tell which is faster."""
_ROOM = 3
"""Times the memory of the largest process so far must be free for one more."""


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    Args:
        iters: Timed runs of a candidate over all its processes; None: until its windows agree.
        least_iters: As many at least where windows decide, unless `most_s` are over before.
        warmup_iters: Runs before the first window, the first one included.
        warm_until_even: Whether the warm-up goes on until it runs evenly.
        processes: Fresh processes of each candidate.
        most_processes: Where intervals stay wide, up to so many.
        window_s: How long a window is; one run at least.
        least_windows: In each process.
        most_s: How long the windows of one process may be in all, `least_windows` excepted.
        agreement: Relative standard error at which the windows of a process agree.
        wide: Relative half width of an interval that asks for more processes.
        decides: Whether only faster or slower is wanted: an interval that is clear of 1 asks for no
            more processes, however wide it is.
        short_ms: Where every candidate's runs are shorter, one process of each is enough.
    """

    iters: int | None = None
    least_iters: int = 100
    warmup_iters: int = 10
    warm_until_even: bool = True
    processes: int = 5
    most_processes: int = 10
    window_s: float = 0.05
    least_windows: int = 5
    most_s: float = 0.5
    agreement: float = 0.01
    wide: float = 0.03
    decides: bool = False
    short_ms: float = 0.0


class Timed(Protocol):
    """What the harness needs of a session."""

    start: Start

    def window(self, *, runs: int = 0, seconds: float = 0.0) -> Window:
        """Time runs."""

    def close(self) -> None:
        """End the process."""


@dataclass
class ProcessRecord:
    """What one process of a candidate showed."""

    start: Start
    windows: list[Window] = field(default_factory=list)

    @property
    def medians(self) -> list[float]:
        """Of each window, in milliseconds."""
        return [median(window.latency_ms) for window in self.windows]

    @property
    def fast(self) -> list[float]:
        """Of each window, what its fastest tenth of runs stays within, in milliseconds."""
        return [float(np.quantile(window.latency_ms, _FAST)) for window in self.windows]

    @property
    def calm(self) -> list[bool]:
        """Of each window, whether its threads hardly waited, as far as the system tells."""
        return [
            (window.waited_s or 0.0) <= _CALM * self.start.threads * window.took_s
            for window in self.windows
        ]


@dataclass
class Record:
    """What was measured of one candidate; `error` in place of the rest where it failed."""

    processes: list[ProcessRecord] = field(default_factory=list)
    error: OxidizedVisionError | None = None
    settled: bool = True

    @property
    def sample(self) -> list[list[float]]:
        """Window medians by process."""
        return [process.medians for process in self.processes]

    @property
    def disturbed(self) -> float | None:
        """The share of the windows' time, for each thread, that it waited for a processor.

        At most 1: engines have threads of their own beside those that were asked for.
        """
        windows = [window for process in self.processes for window in process.windows]
        waited = [window.waited_s for window in windows if window.waited_s is not None]
        total_s = sum(
            process.start.threads * sum(window.took_s for window in process.windows)
            for process in self.processes
        )
        return min(1.0, sum(waited) / total_s) if waited and total_s > 0 else None

    @property
    def latency_ms(self) -> list[float]:
        """All timed runs."""
        windows = (window for process in self.processes for window in process.windows)
        return [value for window in windows for value in window.latency_ms]


def beside(one: Record, other: Record) -> tuple[list[list[float]], list[list[float]]]:
    """Times of windows by process of two that were measured in turns, for `statistics.ratio`.

    They are medians. Where other work had the processors for a while, a median tells what that
    took; then they are the fastest tenth of runs, of pairs of neighbouring windows that hardly
    waited where there are enough of them.
    """
    alike = [len(process.windows) for process in one.processes] == [
        len(process.windows) for process in other.processes
    ]
    if not alike or max(one.disturbed or 0.0, other.disturbed or 0.0) <= MUCH_DISTURBED:
        return one.sample, other.sample
    pairs = [_calm_pairs(*both) for both in zip(one.processes, other.processes, strict=True)]
    return [ours for ours, _ in pairs], [theirs for _, theirs in pairs]


def _calm_pairs(one: ProcessRecord, other: ProcessRecord) -> tuple[list[float], list[float]]:
    calm = [first and second for first, second in zip(one.calm, other.calm, strict=True)]
    if sum(calm) < _LEAST_CALM:
        return one.fast, other.fast
    return list(compress(one.fast, calm)), list(compress(other.fast, calm))


def measure(
    candidates: Sequence[Candidate],
    plan: Plan,
    open_session: Callable[[Candidate], Timed],
    *,
    reference: Candidate | None = None,
    notify: Notify = silent,
) -> dict[Candidate, Record]:
    """Measure candidates; their windows take turns, in another order each time.

    Each round starts one fresh process of every candidate. A candidate that fails is left out
    from there on, and its record has the error.

    Args:
        candidates: What to measure; each once.
        plan: How long.
        open_session: Starts the process of a candidate.
        reference: Rounds are added while the intervals of ratios to it are wide.
        notify: Told which round begins.
    """
    records = {candidate: Record() for candidate in candidates}
    order = np.random.default_rng(_SEED)
    split = _split(plan)
    number = 0
    while number < len(split) or (plan.iters is None and _more(records, reference, plan, number)):
        if number and _all_short(records, plan):
            break
        notify(f"measuring, round {number + 1} of {max(len(split), number + 1)}")
        runs = split[number] if number < len(split) else None
        _round(records, plan, runs, open_session, order)
        number += 1
    return records


def _split(plan: Plan) -> list[int | None]:
    """Timed runs of each process; None where windows decide."""
    if plan.iters is None:
        return [None] * plan.processes
    processes = min(plan.processes, plan.iters)
    each, rest = divmod(plan.iters, processes)
    return [each + (number < rest) for number in range(processes)]


def _all_short(records: Mapping[Candidate, Record], plan: Plan) -> bool:
    """By the fastest tenth, which other work on the machine hardly changes."""
    times = [record.latency_ms for record in records.values() if not record.error]
    return bool(times) and all(float(np.quantile(one, _FAST)) < plan.short_ms for one in times)


def _more(
    records: Mapping[Candidate, Record], reference: Candidate | None, plan: Plan, rounds: int
) -> bool:
    """Whether another round could make an interval narrow that is not."""
    if rounds >= plan.most_processes or plan.processes == 1:
        return False
    base = records.get(reference) if reference else None
    if reference is None or base is None or base.error:
        return False
    wide = False
    for candidate, record in records.items():
        if record.error or candidate == reference:
            continue
        centre, (low, high) = ratio(*beside(record, base))
        record.settled = high - low <= 2 * plan.wide * centre
        clear = low > 1 + _CLEAR or high < 1 / (1 + _CLEAR)
        enough = plan.decides and (clear or candidate == reference.again())
        wide = wide or not (record.settled or enough)
    return wide


def _round(
    records: Mapping[Candidate, Record],
    plan: Plan,
    runs: int | None,
    open_session: Callable[[Candidate], Timed],
    order: np.random.Generator,
) -> None:
    queue = [
        (candidate, record)
        for candidate, record in _shuffled(list(records.items()), order)
        if not record.error
    ]
    while queue:
        with ExitStack() as stack:
            turns: list[_Turn] = []
            while queue and _room_beside(turns):
                candidate, record = queue.pop()
                with _kept(record):
                    session = stack.enter_context(closing(open_session(candidate)))
                    turns.append(_Turn(record, session, plan, runs))
            _take_turns(turns, order, all_go_on=runs is None)


def _take_turns(turns: Sequence[_Turn], order: np.random.Generator, *, all_go_on: bool) -> None:
    """Windows of all, in turns; whoever is done goes on while others are not, to stay beside."""
    while waiting := [turn for turn in turns if turn.wants_more()]:
        going = turns if all_go_on else waiting
        for turn in _shuffled(going, order):
            turn.take()


def _shuffled(items: Sequence[_Item], order: np.random.Generator) -> list[_Item]:
    return [items[index] for index in order.permutation(len(items))]


def _room_beside(turns: Sequence[_Turn]) -> bool:
    """Whether memory allows one more process; those that wait for their turn hold theirs."""
    if not turns:
        return True
    largest = max(turn.peak_rss_mib for turn in turns)
    return _ROOM * largest < available_mib()


class _kept:  # noqa: N801 - a context manager reads as a word
    """Keeps an error in a record in place of raising it."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, OxidizedVisionError):
            return False
        self._record.error = error
        return True


class _Turn:
    """One process in a round: warm, and asked for a window whenever it is its turn."""

    def __init__(self, record: Record, session: Timed, plan: Plan, runs: int | None) -> None:
        self._record = record
        self._session = session
        self._plan = plan
        self._process = ProcessRecord(session.start)
        self._run_ms = self._warmed()
        self._lengths = _lengths(runs, plan.least_windows) if runs is not None else []
        record.processes.append(self._process)

    @property
    def peak_rss_mib(self) -> float:
        """The most memory its process held so far; 0 where nothing tells."""
        windows = self._process.windows
        peak = windows[-1].peak_rss_mib if windows else self._process.start.peak_rss_mib
        return 0.0 if math.isnan(peak) else peak

    def wants_more(self) -> bool:
        """Whether its windows do not agree yet and there is time, or runs are left."""
        if self._record.error:
            return False
        windows = self._process.windows
        if self._plan.iters is not None:
            return len(windows) < len(self._lengths)
        if len(windows) < self._plan.least_windows:
            return True
        spent_s = sum(sum(window.latency_ms) for window in windows) / 1e3
        if spent_s >= self._plan.most_s:
            return False
        runs = sum(len(window.latency_ms) for window in windows)
        few = runs * self._plan.processes < self._plan.least_iters
        return few or not agree(self._process.medians, self._plan.agreement)

    def take(self) -> None:
        """A window; a failure ends this candidate."""
        if self._record.error:
            return
        with _kept(self._record):
            if self._run_ms < self._plan.window_s * 1e3:
                # Others ran meanwhile: caches are theirs.
                self._session.window(runs=1)
            if self._lengths:
                window = self._session.window(runs=self._lengths[len(self._process.windows)])
            else:
                window = self._session.window(seconds=self._plan.window_s)
            self._process.windows.append(window)

    def _warmed(self) -> float:
        """Run untimed, and give the milliseconds of a run in the end."""
        first_ms = self._session.start.first_ms
        left = self._plan.warmup_iters - 1
        last = median(self._session.window(runs=left).latency_ms) if left > 0 else first_ms
        if not self._plan.warm_until_even:
            return last
        for _ in range(_WARM_WINDOWS):
            before = last
            last = median(self._session.window(seconds=self._plan.window_s).latency_ms)
            if abs(last - before) <= _EVEN * before:
                break
        return last


def _lengths(runs: int, windows: int) -> list[int]:
    """Runs spread evenly over windows."""
    windows = min(windows, runs)
    each, rest = divmod(runs, windows)
    return [each + (number < rest) for number in range(windows)]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2

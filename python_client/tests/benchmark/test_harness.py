"""Candidates take turns in fresh processes, exactly as often as was asked, until they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, groupby

import pytest

from oxidizedvision.benchmark import harness
from oxidizedvision.benchmark.candidate import Candidate, names
from oxidizedvision.benchmark.harness import Plan, ProcessRecord, Record, beside, measure
from oxidizedvision.benchmark.processors import choose
from oxidizedvision.benchmark.session import Start, Window
from oxidizedvision.core.errors import Kind, OxidizedVisionError

A, B = Candidate("tract", 1, 1), Candidate("rten", 1, 1)
START = Start("1.0", "cpu", 1, load_ms=2.0, first_ms=1.0, peak_rss_mib=10.0)
EXACT = Plan(iters=17, warmup_iters=3, warm_until_even=False, processes=3, least_windows=2)


class FakeSession:
    """Answers with the times of a generator, and writes down what it was asked."""

    def __init__(
        self, log: list[tuple[str, int, float]], name: str, times: Iterator[float]
    ) -> None:
        self.start = START
        self._log, self._name, self._times = log, name, times
        self.closed = False

    def window(self, *, runs: int = 0, seconds: float = 0.0) -> Window:
        self._log.append((self._name, runs, seconds))
        taken = [next(self._times) for _ in range(runs or 4)]
        return Window(taken, peak_rss_mib=20.0, waited_s=0.0, took_s=sum(taken) / 1e3)

    def close(self) -> None:
        self.closed = True


class Opened:
    """Opens fake sessions, and keeps them."""

    def __init__(self, times: Callable[[Candidate, int], Iterator[float]]) -> None:
        self._times = times
        self.log: list[tuple[str, int, float]] = []
        self.sessions: list[FakeSession] = []
        self.starts: Counter[str] = Counter()

    def __call__(self, candidate: Candidate) -> FakeSession:
        number = self.starts[candidate.runner]
        self.starts[candidate.runner] += 1
        session = FakeSession(self.log, candidate.runner, self._times(candidate, number))
        self.sessions.append(session)
        return session


def _steady(_: Candidate, __: int) -> Iterator[float]:
    return iter(lambda: 1.0, None)


def test_exactly_the_runs_that_were_asked_for_are_timed() -> None:
    opened = Opened(_steady)
    records = measure([A, B], EXACT, opened)
    for record in records.values():
        assert len(record.latency_ms) == 17
        assert [len(process.windows) for process in record.processes] == [2, 2, 2]
    assert opened.starts == {"tract": 3, "rten": 3}
    assert all(session.closed for session in opened.sessions)
    assert not any(seconds for _, _, seconds in opened.log)


def test_one_run_is_one_process() -> None:
    opened = Opened(_steady)
    records = measure([A], Plan(iters=1, warmup_iters=0, warm_until_even=False), opened)
    assert [len(p.windows) for p in records[A].processes] == [1]


def test_windows_take_turns_in_orders_that_change() -> None:
    opened = Opened(_steady)
    measure([A, B], Plan(processes=4, least_windows=8), opened)
    windows = [name for name, _, seconds in opened.log if seconds]
    longest = max(len(list(group)) for _, group in groupby(windows))
    # Twice in a row happens where one round ends and the next begins; the warm-up adds two more.
    assert longest <= 4
    assert windows.count("tract") == windows.count("rten")
    pairs = {tuple(windows[index : index + 2]) for index in range(0, len(windows), 2)}
    assert {("tract", "rten"), ("rten", "tract")} <= pairs


def test_what_agrees_stops_and_what_does_not_goes_on_for_a_while() -> None:
    def wild(_: Candidate, __: int) -> Iterator[float]:
        return (1.0 if number % 8 < 4 else 30.0 for number in count())

    # A window of a fake session has four runs.
    for runs, windows in ((1, 5), (20, 5), (40, 10)):
        plan = Plan(processes=1, least_windows=5, least_iters=runs)
        assert len(measure([A], plan, Opened(_steady))[A].processes[0].windows) == windows
    plan = Plan(processes=1, least_iters=1, most_s=2.0)
    restless = measure([A], plan, Opened(wild))[A].processes[0]
    assert len(restless.windows) > 3 * Plan().least_windows
    spent_s = sum(sum(window.latency_ms) for window in restless.windows) / 1e3
    assert 2.0 <= spent_s <= 2.2


def _record(*windows: tuple[list[float], float]) -> Record:
    """A process; of each window its runs in milliseconds, and the share of it that was waited."""
    return Record(
        [
            ProcessRecord(
                START,
                [
                    Window(runs, 20.0, waited_s=wait * sum(runs) / 1e3, took_s=sum(runs) / 1e3)
                    for runs, wait in windows
                ],
            )
        ]
    )


def _runs(fast: float, slow: float) -> list[float]:
    return [fast] * 4 + [slow] * 7


def test_rows_that_other_work_disturbed_are_compared_by_their_fast_runs_of_calm_pairs() -> None:
    waits = (0.1, 0.4, 0.2, 0.0, 0.3)
    one = _record(*((_runs(1.0 + number / 10, 9.0), wait) for number, wait in enumerate(waits)))
    other = _record(*((_runs(2.0 + number / 10, 7.0), 0.0) for number in range(5)))
    assert beside(one, other) == ([[1.0, 1.2, 1.3, 1.4]], [[2.0, 2.2, 2.3, 2.4]])
    busy = _record(*((_runs(2.0 + number / 10, 7.0), 0.6) for number in range(5)))
    assert beside(one, busy) == ([[1.0, 1.1, 1.2, 1.3, 1.4]], [[2.0, 2.1, 2.2, 2.3, 2.4]])


def test_rows_that_nothing_disturbed_are_compared_by_all_medians() -> None:
    one = _record(*[(_runs(1.0, 9.0), 0.04)] * 3)
    untold = Record([ProcessRecord(START, [Window([2.0], 20.0, waited_s=None, took_s=0.002)] * 3)])
    assert beside(one, untold) == ([[9.0] * 3], [[2.0] * 3])
    shorter = _record(([2.0], 0.9))
    assert beside(one, shorter) == (one.sample, shorter.sample)


def test_wide_intervals_ask_for_more_processes() -> None:
    def by_process(candidate: Candidate, number: int) -> Iterator[float]:
        slow = 1.3 if candidate is B and number % 2 else 1.0
        return iter(lambda: slow, None)

    plan = Plan(processes=3, most_processes=7)
    unsure = measure([A, B], plan, Opened(by_process), reference=A)
    assert len(unsure[B].processes) == 7
    assert not unsure[B].settled
    sure = measure([A, B], plan, Opened(_steady), reference=A)
    assert len(sure[B].processes) == 3
    assert sure[B].settled


def test_a_candidate_that_fails_does_not_stop_the_others() -> None:
    def failing(candidate: Candidate, number: int) -> Iterator[float]:
        for _ in range(3):
            yield 1.0
        if candidate is B and number == 1:
            raise OxidizedVisionError(Kind.PANICKED, "it died", "")
        while True:
            yield 1.0

    opened = Opened(failing)
    records = measure([A, B], EXACT, opened)
    assert records[B].error is not None
    assert records[B].error.kind is Kind.PANICKED
    assert len(records[A].latency_ms) == 17
    assert opened.starts == {"tract": 3, "rten": 2}
    assert all(session.closed for session in opened.sessions)


def test_faults_of_ours_are_not_swallowed_and_leave_no_process() -> None:
    def broken(_: Candidate, __: int) -> Iterator[float]:
        raise ZeroDivisionError
        yield

    opened = Opened(broken)
    with pytest.raises(ZeroDivisionError):
        measure([A], EXACT, opened)
    assert all(session.closed for session in opened.sessions)


@pytest.mark.parametrize(("free_mib", "together"), [(29.0, 1), (31.0, 2)])
def test_few_processes_wait_at_once_where_memory_is_short(
    monkeypatch: pytest.MonkeyPatch, free_mib: float, together: int
) -> None:
    # A process that has started holds 10 MiB, of which three times must be free for another one.
    monkeypatch.setattr(harness, "available_mib", lambda: free_mib)
    opened = Opened(_steady)
    most = 0

    def counting(candidate: Candidate, number: int) -> Iterator[float]:
        nonlocal most
        while True:
            most = max(most, sum(not session.closed for session in opened.sessions))
            yield 1.0

    opened = Opened(counting)
    records = measure([A, B], EXACT, opened)
    assert [len(record.latency_ms) for record in records.values()] == [17, 17]
    assert most == together


def test_the_share_of_time_without_a_processor() -> None:
    record = Record()
    record.processes.append(
        harness.ProcessRecord(START, [Window([1.0], 1.0, 0.05, 0.2), Window([2.0], 1.0, 0.0, 0.2)])
    )
    assert record.disturbed == pytest.approx(0.125)
    record.processes.append(harness.ProcessRecord(START, [Window([1.0], 1.0, 9.0, 0.1)]))
    assert record.disturbed == 1.0
    assert Record().disturbed is None


def test_names_tell_rows_of_one_runner_apart() -> None:
    assert names([A, B]) == ["tract", "rten"]
    sweep = [Candidate("rten", threads, batch) for threads in (1, 2) for batch in (1, 4)]
    assert names(sweep) == [
        "rten, 1 thread, batch 1",
        "rten, 1 thread, batch 4",
        "rten, 2 threads, batch 1",
        "rten, 2 threads, batch 4",
    ]


def test_cores_come_before_their_second_threads() -> None:
    siblings = {3: "2-3", 2: "2-3", 1: "0-1", 0: "0-1"}
    assert choose(1, siblings) == (3,)
    assert choose(2, siblings) == (1, 3)
    assert choose(3, siblings) == (1, 2, 3)


def _noisy(times: dict[str, list[float]]) -> Callable[[Candidate, int], Iterator[float]]:
    """By runner the time of each process, which differs from process to process."""
    return lambda candidate, number: iter(lambda: times[candidate.runner][number % 6], None)


@pytest.mark.parametrize(("decides", "rounds"), [(True, 3), (False, 6)])
def test_where_only_a_decision_is_wanted_a_clear_interval_is_enough(
    decides: bool, rounds: int
) -> None:
    times = {"tract": [1.0, 1.1, 1.0, 1.1, 1.0, 1.1], "rten": [2.0, 2.0, 2.1, 2.0, 2.1, 2.0]}
    opened = Opened(_noisy(times))
    plan = Plan(processes=3, most_processes=6, most_s=0.0, decides=decides)
    measure([A, B], plan, opened, reference=A)
    assert opened.starts == {"tract": rounds, "rten": rounds}


def test_a_decision_that_is_not_clear_asks_for_more_processes() -> None:
    times = {"tract": [1.0, 1.1, 1.0, 1.1, 1.0, 1.1], "rten": [1.0, 1.2, 1.0, 0.9, 1.1, 1.0]}
    opened = Opened(_noisy(times))
    measure([A, B], Plan(processes=3, most_processes=6, decides=True), opened, reference=A)
    assert opened.starts == {"tract": 6, "rten": 6}


@pytest.mark.parametrize(("short_ms", "rounds"), [(0.1, 1), (0.01, 3)])
def test_of_what_is_too_short_to_compare_one_process_is_enough(
    short_ms: float, rounds: int
) -> None:
    opened = Opened(lambda *_: iter(lambda: 0.05, None))
    measure([A, B], Plan(processes=3, short_ms=short_ms), opened, reference=A)
    assert opened.starts == {"tract": rounds, "rten": rounds}

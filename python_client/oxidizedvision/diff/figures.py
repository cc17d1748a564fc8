"""The figures of benchmarks compared: times, memory and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from oxidizedvision.diff.judge import Judgement, exact, floored, timed, typical, usable
from oxidizedvision.diff.machines import row_note
from oxidizedvision.diff.report import Difference, Verdict
from oxidizedvision.diff.sides import Row, Side

Pair = tuple[Row | None, Row | None]


@dataclass(frozen=True)
class Context:
    """What judges the figures.

    same: the larger A/A noise floor. decides: whether times and memory do. failures: why rows of
    the later side have no figures.
    """

    floors: Mapping[str, float]
    k: float
    same: float
    decides: bool
    across_machines: bool
    failures: Mapping[str, str]


@dataclass(frozen=True)
class _Figure:
    """What a row has of a metric: one value, and the sample by process where there is one."""

    metric: str
    key: str
    value: float | None
    sample: Sequence[Sequence[float]]


def row_differences(
    before: Row | None, after: Row | None, context: Context
) -> Iterator[Difference]:
    """Latency, load, first result and memory of a row."""
    if before is None or after is None:
        yield from _one_sided(before, after, context)
        return
    note = row_note(before, after)
    decides = context.decides and (context.across_machines or not note)
    for old, new in zip(_figures(before), _figures(after), strict=True):
        if old.value is None and new.value is None:
            continue
        if old.value is None or new.value is None:
            yield _unmatched(old, after.name, old.value, new.value)
            continue
        first, second, judgement = _judged(old, new, context)
        yield Difference(
            metric=old.metric,
            subject=after.name,
            figure=old.key,
            before=first,
            after=second,
            ratio=judgement.ratio,
            interval=judgement.interval,
            limit=judgement.limit,
            verdict=judgement.verdict,
            decides=decides,
            regression=decides and judgement.beyond,
            note=note,
        )


def size_differences(
    a: Side, b: Side, pairs: Sequence[Pair], context: Context
) -> Iterator[Difference]:
    """Bytes of files where both sides list them; of rows where these read another file."""
    listed = a.files if a.files and b.files else {}
    if listed:
        for name in dict.fromkeys([*a.files, *b.files]):
            yield _size(name, a.files.get(name), b.files.get(name), context)
    known = ({*a.files.values()}, {*b.files.values()}) if listed else (set(), set())
    for before, after in pairs:
        old = before.model_bytes if before else None
        new = after.model_bytes if after else None
        if (old is None or old in known[0]) and (new is None or new in known[1]):
            continue
        row = after or before
        yield _size(row.name if row else "", old, new, context)


def _size(subject: str, before: int | None, after: int | None, context: Context) -> Difference:
    figure = _Figure("size", "bytes", None, ())
    if before is None or after is None:
        return _unmatched(figure, subject, before, after)
    judgement = exact(before, after, floor=context.floors["size"])
    return Difference(
        metric="size",
        subject=subject,
        figure="bytes",
        before=before,
        after=after,
        ratio=judgement.ratio,
        interval=None,
        limit=judgement.limit,
        verdict=judgement.verdict,
        decides=True,
        regression=judgement.beyond,
    )


def _figures(row: Row) -> tuple[_Figure, ...]:
    loads = row.loads_ms or ((row.load_ms,) if row.load_ms is not None else ())
    firsts = row.first_results_ms or (
        (row.first_result_ms,) if row.first_result_ms is not None else ()
    )
    return (
        _Figure("latency", "p50_ms", row.p50_ms, row.windows_ms),
        _Figure("load", "load_ms", row.load_ms, [[value] for value in loads]),
        _Figure("first_result", "first_result_ms", row.first_result_ms, [[v] for v in firsts]),
        _Figure("memory", "peak_rss_mib", row.peak_rss_mib, ()),
    )


def _judged(old: _Figure, new: _Figure, context: Context) -> tuple[float, float, Judgement]:
    """Both values as they are compared, and the verdict."""
    floor, same = context.floors[old.metric], context.same if old.metric == "latency" else 0.0
    if usable(old.sample) and usable(new.sample):
        judgement = timed(old.sample, new.sample, floor=floor, k=context.k, same=same)
        return typical(old.sample), typical(new.sample), judgement
    before, after = old.value or 0.0, new.value or 0.0
    return before, after, floored(before, after, floor=floor, noise=context.k * same)


def _one_sided(before: Row | None, after: Row | None, context: Context) -> Iterator[Difference]:
    row = before or after
    if row is None:
        return
    for figure in _figures(row):
        if figure.value is None:
            continue
        failure = context.failures.get(row.name) if after is None else None
        failed = failure is not None and figure.metric == "latency" and context.decides
        yield _unmatched(
            figure,
            row.name,
            figure.value if before else None,
            figure.value if after else None,
            note=f"it failed: {failure}" if failure is not None else "",
            regression=failed,
        )


def _unmatched(
    figure: _Figure,
    subject: str,
    before: float | None,
    after: float | None,
    *,
    note: str = "",
    regression: bool = False,
) -> Difference:
    verdict: Verdict = "gone" if after is None else "new"
    return Difference(
        metric=figure.metric,
        subject=subject,
        figure=figure.key,
        before=before,
        after=after,
        ratio=None,
        interval=None,
        limit=None,
        verdict=verdict,
        decides=regression,
        regression=regression,
        note=note,
    )

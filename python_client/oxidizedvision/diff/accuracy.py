"""Validations compared: what passed and no longer does, and errors that grew."""

from __future__ import annotations

from collections.abc import Iterator

from oxidizedvision.diff.judge import floored
from oxidizedvision.diff.report import Difference, Verdict
from oxidizedvision.diff.sides import Check, Side


def accuracy_differences(a: Side, b: Side, factor: float) -> Iterator[Difference]:
    """Every output of every runner; where a side has no validation, each runner's largest error.

    An error is worse when it grew by more than `factor`. The validation's tolerance is its budget:
    worse and passing is told; a pass that became a failure is a regression, and so is a failure
    that grew. Without both validations nothing decides.
    """
    if not a.checks or not b.checks:
        before, after = a.worst_errors, b.worst_errors
        if before and after:
            for runner in dict.fromkeys([*before, *after]):
                pair = before.get(runner), after.get(runner)
                yield _error(runner, "max_error", *pair, factor=factor, failing=None)
        return
    olds = {(check.runner, check.output): check for check in a.checks}
    news = {(check.runner, check.output): check for check in b.checks}
    for runner, output in dict.fromkeys([*olds, *news]):
        old, new = olds.get((runner, output)), news.get((runner, output))
        subject = f"{runner}, {output}"
        yield _passed(subject, old, new)
        failing = new is not None and not new.passed
        for figure in ("max_error", "mae"):
            pair = getattr(old, figure, None), getattr(new, figure, None)
            if pair != (None, None):
                yield _error(subject, figure, *pair, factor=factor, failing=failing)


def _passed(subject: str, old: Check | None, new: Check | None) -> Difference:
    before = None if old is None else float(old.passed)
    after = None if new is None else float(new.passed)
    verdict: Verdict = "no significant difference"
    if before is None or after is None:
        verdict = "gone" if after is None else "new"
    elif before != after:
        verdict = "better" if after else "worse"
    return Difference(
        metric="accuracy",
        subject=subject,
        figure="passed",
        before=before,
        after=after,
        ratio=None,
        interval=None,
        limit=None,
        verdict=verdict,
        decides=True,
        regression=verdict == "worse",
        note=new.reason if new is not None and not new.passed else "",
    )


def _error(
    subject: str,
    figure: str,
    before: float | None,
    after: float | None,
    *,
    factor: float,
    failing: bool | None,
) -> Difference:
    """The difference of an error; failing: whether it fails now, None where nothing tells."""
    if before is None or after is None:
        ratio, verdict, beyond = None, _one_sided(after), False
    else:
        judgement = floored(before, after, floor=factor - 1)
        ratio, verdict, beyond = judgement.ratio, judgement.verdict, judgement.beyond
    return Difference(
        metric="accuracy",
        subject=subject,
        figure=figure,
        before=before,
        after=after,
        ratio=ratio,
        interval=None,
        limit=factor,
        verdict=verdict,
        decides=bool(failing),
        regression=beyond and bool(failing),
        note="within the tolerance" if beyond and failing is False else "",
    )


def _one_sided(after: float | None) -> Verdict:
    return "gone" if after is None else "new"

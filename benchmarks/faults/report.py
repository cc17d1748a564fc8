"""The table of the planted faults, and which claims they break."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.faults.trials import MOST_LEFT, CleanTrial, FaultTrial, Outcome, ReducedTrial
from oxidizedvision.core.results import to_plain

MOST_INERT = 20
LEAST_RIGHT = 0.95
LEAST_SMALL = 0.95
FAULTS, CLEAN, ARCHITECTURES = 100, 50, 10
"""As many are promised."""

START, END = "<!-- faults:start -->", "<!-- faults:end -->"


def all_faults(outcomes: Sequence[Outcome]) -> list[FaultTrial]:
    """The faults of all networks."""
    return [trial for outcome in outcomes for trial in outcome.faults]


def all_clean(outcomes: Sequence[Outcome]) -> list[CleanTrial]:
    """The clean models of all networks."""
    return [trial for outcome in outcomes for trial in outcome.clean]


def all_reduced(outcomes: Sequence[Outcome]) -> list[ReducedTrial]:
    """The bad operators of all networks."""
    return [trial for outcome in outcomes for trial in outcome.reduced]


def broken_claims(outcomes: Sequence[Outcome], *, whole: bool = True) -> list[str]:
    """The claims that do not hold; those about how many trials there are only of a whole run."""
    found = [f"{o.network}: {o.failure}" for o in outcomes if o.failure]
    found += _of_faults(all_faults(outcomes), whole=whole)
    alarms = [trial for trial in all_clean(outcomes) if trial.alarm]
    found += [f"{t.network}, {t.variant}: a false alarm: {t.alarm}" for t in alarms]
    found += _of_reductions(all_reduced(outcomes))
    if whole:
        found += _of_counts(outcomes)
    return found


def _of_faults(trials: Sequence[FaultTrial], *, whole: bool) -> list[str]:
    acting = [trial for trial in trials if not trial.inert]
    found = [
        f"{t.network}: {t.kind} at {t.nodes[0]} moves an output by {t.moved:.2g} and is not found"
        for t in acting
        if not t.full
    ]
    right = sum(trial.right for trial in acting)
    if acting and right < LEAST_RIGHT * len(acting):
        found.append(f"the right layer is first in {right} of {len(acting)} faults")
    inert = len(trials) - len(acting)
    if whole and inert > MOST_INERT:
        found.append(f"{inert} faults are inert, at most {MOST_INERT} are allowed")
    return found


def _of_reductions(trials: Sequence[ReducedTrial]) -> list[str]:
    small = sum(trial.small for trial in trials)
    if small >= LEAST_SMALL * len(trials):
        return []
    return [f"{small} of {len(trials)} bad operators are reduced to {MOST_LEFT} nodes"]


def _of_counts(outcomes: Sequence[Outcome]) -> list[str]:
    found = []
    counts = {
        "faults": (len(all_faults(outcomes)), FAULTS),
        "clean models": (len(all_clean(outcomes)), CLEAN),
        "architectures": (sum(bool(o.faults) for o in outcomes), ARCHITECTURES),
        "bad operators": (len(all_reduced(outcomes)), 1),
    }
    for what, (count, wanted) in counts.items():
        if count < wanted:
            found.append(f"there are {count} {what}, {wanted} are promised")
    return found


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The tables: faults by kind, what else was tried, and the networks."""
    faults = all_faults(outcomes)
    lines = [
        "| fault | planted | inert | found | right layer first | right with bisect |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(kind, faults) for kind in sorted({trial.kind for trial in faults})),
        _row("all", faults, bold=True),
    ]
    clean, reduced = all_clean(outcomes), all_reduced(outcomes)
    variants = ", ".join(f"{n} {name}" for name, n in Counter(t.variant for t in clean).items())
    alarms = sum(bool(trial.alarm) for trial in clean)
    networks = ", ".join(f"{o.network} ({o.nodes})" for o in outcomes)
    lines += [
        "",
        f"Clean models: {len(clean)} ({variants}), {alarms} false alarms.",
        "",
        _reductions(reduced),
        "",
        f"Networks and their nodes: {networks}.",
    ]
    return "\n".join(lines)


def _row(kind: str, faults: Sequence[FaultTrial], *, bold: bool = False) -> str:
    trials = [trial for trial in faults if bold or trial.kind == kind]
    acting = [trial for trial in trials if not trial.inert]
    counts = (
        len(trials),
        len(trials) - len(acting),
        sum(bool(trial.full) for trial in acting),
        sum(trial.right for trial in acting),
        sum(trial.bisect in trial.nodes for trial in acting),
    )
    name = f"**{kind}**" if bold else kind
    return f"| {name} | {' | '.join(str(count) for count in counts)} |"


def _reductions(trials: Sequence[ReducedTrial]) -> str:
    small = sum(trial.small for trial in trials)
    return (
        f"Bad operators: {len(trials)}, of which {small} are reduced to at most {MOST_LEFT} nodes "
        f"({_sizes(trials)})."
    )


def _sizes(trials: Sequence[ReducedTrial]) -> str:
    sizes = Counter(trial.nodes for trial in trials)
    words = (f"{count} to {nodes}" for nodes, count in sorted(sizes.items()))
    return ", ".join(words) or "none was tried"


def document(outcomes: Sequence[Outcome], versions: Mapping[str, str]) -> dict[str, Any]:
    """The content of `results.json`."""
    plain = to_plain(list(outcomes))
    return {"schema_version": 1, "engines": dict(versions), "networks": plain}


def placed(page: str, table: str) -> str:
    """A page with the table between its marks."""
    before, rest = page.split(START, 1)
    _, after = rest.split(END, 1)
    return f"{before}{START}\n{table}\n{END}{after}"

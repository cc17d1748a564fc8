"""What came out of every engine, as a document for programs and as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.onnx_cases.drive import CRASH, TIMEOUT, Outcome
from benchmarks.onnx_cases.export import GROUPS, Exported

SCHEMA_VERSION = 1

REFUSED = {"rten": frozenset({"f64"}), "openvino": frozenset({"f64"})}
"""Element types that our runner of an engine refuses, because the engine has not got them: it
would compute in a narrower type without saying so."""

START = "<!-- onnx-cases:start -->"
END = "<!-- onnx-cases:end -->"


@dataclass(frozen=True)
class EngineResult:
    """One engine: our runner's outcomes and the bare engine's, by case."""

    name: str
    version: str
    ours: Mapping[str, Outcome]
    bare: Mapping[str, Outcome]


def refused(engine: str, exported: Exported, ours: Mapping[str, Outcome]) -> list[str]:
    """The cases that our runner refuses at load for an element type that the engine lacks."""
    lacking = REFUSED.get(engine, frozenset())
    return [
        name
        for name, case in exported.cases.items()
        if case.dtypes & lacking
        and (ours[name].status, ours[name].kind) == ("load_error", "unsupported")
    ]


def lost(result: EngineResult, exported: Exported) -> list[str]:
    """The cases that the bare engine passes and our runner does not."""
    excused = set(refused(result.name, exported, result.ours))
    return sorted(
        case
        for case, outcome in result.bare.items()
        if outcome.passed and not result.ours[case].passed and case not in excused
    )


def ended(outcomes: Mapping[str, Outcome]) -> list[str]:
    """The cases that took the process down or did not come to an end."""
    return sorted(c for c, outcome in outcomes.items() if outcome.status in (CRASH, TIMEOUT))


def document(exported: Exported, results: list[EngineResult], onnx_version: str) -> dict[str, Any]:
    """Everything that came out."""
    groups = Counter(case.group for case in exported.cases.values())
    return {
        "schema_version": SCHEMA_VERSION,
        "onnx": onnx_version,
        "cases": {group: groups[group] for group in GROUPS},
        "outside_contract": dict(sorted(Counter(exported.outside.values()).items())),
        "downloads": exported.downloads,
        "engines": {result.name: _engine(result, exported) for result in results},
    }


def _engine(result: EngineResult, exported: Exported) -> dict[str, Any]:
    return {
        "version": result.version,
        "ours": _side(result.ours, exported),
        "bare": _side(result.bare, exported),
        "refused_types": len(refused(result.name, exported, result.ours)),
        "lost": lost(result, exported),
    }


def _side(outcomes: Mapping[str, Outcome], exported: Exported) -> dict[str, Any]:
    passed = Counter(exported.cases[c].group for c, outcome in outcomes.items() if outcome.passed)
    failing: dict[str, list[str]] = {}
    for case, outcome in sorted(outcomes.items()):
        if not outcome.passed:
            failing.setdefault(outcome.status, []).append(case)
    return {
        "passed": sum(passed.values()),
        "passed_by_group": {group: passed[group] for group in GROUPS},
        "failing": dict(sorted(failing.items())),
    }


def worse(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """What passed or was there before and is no more; empty when nothing is worse."""
    found = []
    for engine, known in before["engines"].items():
        if engine not in now["engines"]:
            found.append(f"{engine}: was not run")
            continue
        failing = set(_failing(now["engines"][engine]["ours"]))
        known_failing = set(_failing(known["ours"]))
        found += [f"{engine}: {case} passed" for case in sorted(failing - known_failing)]
    total, known_total = sum(now["cases"].values()), sum(before["cases"].values())
    if total < known_total:
        found.append(f"{total} cases, there were {known_total}")
    return found


def _failing(side: Mapping[str, Any]) -> Iterator[str]:
    for cases in side["failing"].values():
        yield from cases


def markdown(table: Mapping[str, Any]) -> str:
    """The table of `docs/engines.md`."""
    cases = table["cases"]
    total = sum(cases.values())
    counted = (
        f"ONNX {table['onnx']}: {total} cases inside the runner contract, "
        f"{sum(table['outside_contract'].values())} outside it, "
        f"{len(table['downloads'])} left out because they need a download."
    )
    lines = [
        counted,
        "",
        "| engine | our runner | engine called bare | " + " | ".join(cases) + " | refused types |",
        "| --- | --- | --- |" + " --- |" * (len(cases) + 1),
    ]
    for name, engine in table["engines"].items():
        groups = engine["ours"]["passed_by_group"]
        cells = [f"{groups[group]} of {count}" for group, count in cases.items()]
        lines.append(
            f"| {name} {engine['version']} | {_share(engine['ours'], total)} "
            f"| {_share(engine['bare'], total)} | {' | '.join(cells)} "
            f"| {engine['refused_types'] or ''} |"
        )
    lines += ["", "| outside the contract because of | cases |", "| --- | --- |"]
    lines += [f"| {reason} | {count} |" for reason, count in table["outside_contract"].items()]
    return "\n".join(lines)


def _share(side: Mapping[str, Any], total: int) -> str:
    return f"{side['passed']} of {total} ({100 * side['passed'] / total:.0f} %)"


def placed(page: str, table: str) -> str:
    """The page with the table between its two marks."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table}\n{END}{after}"

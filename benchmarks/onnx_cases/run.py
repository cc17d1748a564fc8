"""The ONNX project's own cases through every engine, ours and bare: `make onnx-cases`.

Writes `table.json` beside this file and the table of `docs/engines.md` when there is no fault;
with `--check` it writes nothing and compares with what is committed. Exit codes: 0; 1 the program
does not do its part; 2 usage; 3 an engine passes a case that our runner loses, a case took the
process down, or (with `--check`) something is worse than what is committed; 4 an engine is not
here; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.onnx_cases import table as tables
from benchmarks.onnx_cases.drive import Outcome, ProgramError, drive, folder_order
from benchmarks.onnx_cases.export import Exported, export
from benchmarks.onnx_cases.table import EngineResult
from oxidizedvision.runners import libraries

ENGINES = ("tract", "rten", "ort", "openvino")
ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("table.json")
PAGE = ROOT / "docs" / "engines.md"
WORKSPACE = ROOT / "rust_runtime"


def main(words: list[str] | None = None) -> int:
    """Build, export, run, compare, write; gives the exit code."""
    arguments = parse(words)
    engines = arguments.engine or list(ENGINES)
    try:
        program = build()
        versions = {}
        for engine in engines:
            state = about(program, engine)
            if state["status"] != "ready":
                say(f"error: {engine} is not here\nhint: {state['hint']}")
                return 4
            versions[engine] = state["version"]
        with tempfile.TemporaryDirectory() as folder:
            exported = export(Path(folder))
            say(f"{len(exported.cases)} cases, {len(exported.outside)} outside the contract")
            results = run_engines(program, Path(folder), versions)
    except ProgramError as error:
        say(f"error: {error}")
        return 1
    now = tables.document(exported, results, metadata.version("onnx"))
    print(tables.markdown(now))
    faults = faults_of(results, exported)
    if arguments.check:
        faults += tables.worse(now, kept(TABLE, engines))
    elif not arguments.engine and not faults:
        write(now)
    for fault in faults:
        say(fault)
    return 3 if faults else 0


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--engine",
        action="append",
        choices=ENGINES,
        help="an engine; may be repeated; else all. With some only, nothing is written",
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed table, write nothing"
    )
    return parser.parse_args(words)


def build() -> Path:
    """Build the program and give its file.

    Raises:
        ProgramError: It does not build.
    """
    command = ["cargo", "build", "--release", "-p", "engine_bench", "--bin", "onnx_cases"]
    if subprocess.run(command, cwd=WORKSPACE, check=False).returncode != 0:
        raise ProgramError("the program onnx_cases does not build: see above")
    target = Path(os.environ.get("CARGO_TARGET_DIR", WORKSPACE / "target"))
    return target / "release" / "onnx_cases"


def about(program: Path, engine: str) -> dict[str, str]:
    """Whether an engine is here: `status` with `version` or `hint`.

    Raises:
        ProgramError: The program does not answer.
    """
    libraries.prepare(engine)
    command = [str(program), "--engine", engine, "--about"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ProgramError(f"{engine}: {answer.stderr.strip() or answer.returncode}")
    state: dict[str, str] = json.loads(answer.stdout)
    return state


def run_engines(program: Path, folder: Path, versions: Mapping[str, str]) -> list[EngineResult]:
    """Every engine twice, ours and bare, two processes at a time."""
    cases = folder_order(folder)

    def run(engine: str, *more: str) -> dict[str, Outcome]:
        command = [str(program), "--engine", engine, "--cases", str(folder), *more]
        outcomes = drive(command, cases)
        passed = sum(outcome.passed for outcome in outcomes.values())
        say(f"{engine} {'bare' if more else 'ours'}: {passed} of {len(cases)}")
        return outcomes

    with ThreadPoolExecutor(max_workers=2) as pool:
        ours = {engine: pool.submit(run, engine) for engine in versions}
        bare = {engine: pool.submit(run, engine, "--bare") for engine in versions}
        return [
            EngineResult(engine, version, ours[engine].result(), bare[engine].result())
            for engine, version in versions.items()
        ]


def faults_of(results: Sequence[EngineResult], exported: Exported) -> list[str]:
    """What must not be, in words."""
    found = []
    for result in results:
        for case in tables.lost(result, exported):
            outcome = result.ours[case]
            found.append(
                f"{result.name}: {case} passes bare and not ours: {outcome.status} "
                f"{outcome.kind} {outcome.reason}"
            )
        for side, outcomes in (("ours", result.ours), ("bare", result.bare)):
            for case in tables.ended(outcomes):
                outcome = outcomes[case]
                found.append(f"{result.name} {side}: {case}: {outcome.status}, {outcome.reason}")
    return found


def kept(file: Path, engines: Sequence[str]) -> dict[str, Any]:
    """The committed table, of these engines."""
    table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    table["engines"] = {name: table["engines"][name] for name in engines}
    return table


def write(table: dict[str, Any]) -> None:
    """Write the document and the page."""
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(tables.placed(page, tables.markdown(table)), encoding="utf-8")
    say(f"wrote {TABLE.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")


def say(text: str) -> None:
    """Tell the person who waits."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

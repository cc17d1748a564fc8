"""Trained models made smaller, judged and timed, beside what others make: `make bench-quantise`.

Exit codes: 0 every claim holds; 2 usage; 3 a claim is broken; 4 a network cannot be
fetched; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.quantise import report
from benchmarks.quantise.measure import Bench
from benchmarks.quantise.models import NAMES, models
from benchmarks.quantise.peers import Peers
from benchmarks.wheels import FetchError
from oxidizedvision.benchmark.machine import fingerprint


def main(words: list[str] | None = None) -> int:
    """Make, judge, print, and give the exit code."""
    arguments = _parse(words)
    start = time.monotonic()
    rows = []
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-quantise-") as name:
        os.environ["OXIDIZEDVISION_HOME"] = str(Path(name) / "home")
        peers = Peers(Path(name) / "nncf")
        wanted = arguments.model or NAMES
        for model in models(Path(name) / "models", wanted.__contains__):
            bench = Bench(model, Path(name) / "models" / model.name, say)
            rows.append(
                {
                    "name": model.name,
                    "macs": bench.macs,
                    "metric": model.budget.metric,
                    "max_drop": model.budget.drop,
                    "rows": bench.rows(peers),
                }
            )
    document = {
        "schema_version": 1,
        "machine": fingerprint(),
        "seconds": round(time.monotonic() - start),
        "models": rows,
    }
    if arguments.write and arguments.model:
        document = report.merged(document, report.committed())
    print(report.markdown(document))
    broken = report.broken_claims(document)
    for claim in broken:
        say(f"NOT KEPT: {claim}")
    if arguments.write:
        report.write(document)
    return 3 if broken else 0


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", action="append", choices=NAMES, help="may be repeated")
    parser.add_argument(
        "--write", action="store_true", help="replace the committed results, of --model only those"
    )
    return parser.parse_args(words)


def say(text: str) -> None:
    """Tell how far it is, beside the result."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FetchError as error:
        say(f"error: {error}")
        sys.exit(4)
    except KeyboardInterrupt:
        sys.exit(130)

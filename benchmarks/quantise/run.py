"""Trained models made smaller, judged and timed, beside what others make: `make bench-quantise`.

Exit codes: 0 every claim holds; 2 usage; 3 a claim is broken; 4 a network cannot be
fetched; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.command import add_names, end, flags, own_folder, say, told
from benchmarks.quantise import avx2_only, report
from benchmarks.quantise.measure import Bench
from benchmarks.quantise.models import NAMES, models
from benchmarks.quantise.peers import Peers
from oxidizedvision.benchmark.machine import fingerprint


def main(words: list[str] | None = None) -> int:
    """Make, judge, print, and give the exit code."""
    arguments = _parse(words)
    if arguments.avx2 and report.has_dot_products(fingerprint()):
        given = sys.argv[1:] if words is None else words
        return avx2_only.hiding([sys.executable, "-m", "benchmarks.quantise.run", *given])
    place = report.AVX2_ONLY if arguments.avx2 else report.AS_IT_IS
    start = time.monotonic()
    rows = []
    with own_folder("quantise") as folder:
        peers = Peers(folder / "nncf")
        wanted = arguments.model or NAMES
        # All of them first: a network that cannot be fetched does not cost an hour.
        for model in list(models(folder / "models", wanted.__contains__)):
            bench = Bench(model, folder / "models" / model.name, say)
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
        document = report.merged(document, place.committed())
    print(report.markdown(document))
    if arguments.write:
        place.write(document)
    return told(report.broken_claims(document))


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = flags(__doc__, write="replace the committed results, of --model only those")
    add_names(parser, "--model", NAMES)
    parser.add_argument(
        "--avx2", action="store_true", help="hide all that this processor has beyond AVX2"
    )
    return parser.parse_args(words)


if __name__ == "__main__":
    end(main)

"""Faults planted into known networks, and whether `--layers` finds them: `make plant-faults`.

One fault at a random node of each of 100 graphs; clean copies in other engines, which must raise
no alarm; and engines with one bad operator, which `--reduce` must cut down to three nodes. With
`--write` the results go to `results.json` and docs/layers.md. Exit codes: 0 every claim holds; 2
usage; 3 a claim does not hold; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.command import add_names, end, flags, own_folder, say, told
from benchmarks.faults import report
from benchmarks.faults.trials import ENGINES, Outcome, Plan, trials_of
from benchmarks.zoo.architecture import Architecture
from benchmarks.zoo.networks import NETWORKS
from oxidizedvision.runners import availability

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "layers.md"

CHOSEN = [
    "resnet18",
    "squeezenet1_1",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "shufflenet_v2_x1_0",
    "lcnet_050",
    "poolformer_s12",
    "hrnet_w18_small",
    "convnextv2_atto",
    "mobilevit_xxs",
    "vit",
    "unet",
    "lraspp_mobilenet_v3_large",
    "edgenext_xx_small",
]
"""Convolutional networks, transformers and segmentation, each with every kind of fault it takes."""

REDUCED = 3
"""Bad operators for each network of the right size."""


def main(words: list[str] | None = None) -> int:
    """Plant, look, print; gives the exit code."""
    arguments = parse(words)
    networks = chosen(arguments.network)
    plans = planned(len(networks), arguments.graphs)
    with own_folder("faults") as folder:
        outcomes = list(try_all(networks, plans, folder, arguments.jobs))
    table = report.markdown(outcomes)
    print(table)
    whole = not arguments.network and arguments.graphs >= report.FAULTS
    broken = report.broken_claims(outcomes, whole=whole)
    if arguments.write and not broken:
        write(outcomes, table)
    return told(broken)


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = flags(__doc__)
    parser.add_argument("--graphs", type=int, default=report.FAULTS, help="faults in all")
    add_names(parser, "--network", CHOSEN)
    parser.add_argument("--jobs", type=int, default=1, help="networks at a time")
    arguments = parser.parse_args(words)
    if arguments.graphs < 1:
        parser.error("--graphs must be 1 or more")
    if arguments.write and (arguments.network or arguments.graphs < report.FAULTS):
        parser.error("--write is for all graphs: leave --graphs and --network out")
    return arguments


def chosen(names: Sequence[str] | None) -> list[Architecture]:
    """The networks of these names, or all."""
    known = {network.name: network for network in NETWORKS}
    return [known[name] for name in names or CHOSEN]


def planned(networks: int, graphs: int) -> list[Plan]:
    """The faults shared among the networks; those that get none are left out."""
    shares = [graphs // networks + (number < graphs % networks) for number in range(networks)]
    return [
        Plan(faults=share, reduced=REDUCED, offset=number)
        for number, share in enumerate(shares)
        if share
    ]


def try_all(
    networks: Sequence[Architecture], plans: Sequence[Plan], folder: Path, jobs: int
) -> Iterator[Outcome]:
    """Every network's trials, in order."""
    spawn = multiprocessing.get_context("spawn")
    places = [folder / "networks"] * len(plans)
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        for outcome in pool.map(try_one, networks[: len(plans)], plans, places):
            found = sum(trial.right and not trial.inert for trial in outcome.faults)
            acting = sum(not trial.inert for trial in outcome.faults)
            say(f"{outcome.network}: {outcome.failure or f'{found} of {acting} faults'}")
            yield outcome


def try_one(network: Architecture, plan: Plan, folder: Path) -> Outcome:
    """A network's trials; its files are removed, and what nobody expected is an outcome too."""
    place = folder / network.name
    try:
        return trials_of(network, place, plan)
    except Exception as error:  # noqa: BLE001 - the other networks are still to be tried
        return Outcome(network.name, failure=f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write(outcomes: Sequence[Outcome], table: str) -> None:
    """Replace the committed results and the table of the page."""
    versions = {name: availability(name).version for name in ENGINES}
    document = report.document(outcomes, versions)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(report.placed(page, table), encoding="utf-8")


if __name__ == "__main__":
    end(main)

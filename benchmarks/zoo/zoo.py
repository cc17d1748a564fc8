"""Well-known networks through every engine that is ready, against PyTorch: `make zoo`.

Each network is converted as `oxidizedvision convert` does it, and its files are run by every
engine that reads them. Exit codes: 0 all agree; 2 usage; 3 some engine is off, or fails; 130
interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from oxidizedvision import OxidizedVisionError, convert, load
from oxidizedvision.config import load_config
from oxidizedvision.convert.source import build_network
from oxidizedvision.runners.table import ENGINES, Engine

NETWORKS = ("mobilenet_v3", "resnet", "vit", "unet")
FORMATS = ("onnx", "pt")
TOLERANCE = 1e-4
"""The largest difference, relative to the largest value of the reference."""
SMALLEST_REFERENCE = 1e-2
"""A reference that is smaller everywhere says nothing."""
OPSET = 17
HERE = Path(__file__).resolve().parent

Array = NDArray[np.float32]

CONFIG = """
model:
  path: {networks}
  class_name: {name}
  input_shape: [1, 3, {size}, {size}]
  init_args: {{size: {size}}}
export:
  opset_version: {opset}
  exporter: torchscript
  output_dir: {folder}
  model_name: {name}
"""


@dataclass(frozen=True)
class Exported:
    """A network with its files, an input and PyTorch's answer."""

    name: str
    files: Mapping[str, Path]
    input: Array
    reference: Array


@dataclass(frozen=True)
class Outcome:
    """What an engine made of a network. off: relative; infinite where it failed."""

    engine: str
    network: str
    off: float
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether the engine agrees with PyTorch."""
        return self.off <= TOLERANCE


def export(name: str, size: int, folder: Path) -> Exported:
    """Convert a network for pictures of this size.

    Raises:
        OxidizedVisionError: as `oxidizedvision.convert`.
        ValueError: the network's answer is so small that nothing can be told from it.
    """
    config = folder / f"{name}.yml"
    folder.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(
        networks=HERE / "networks.py", name=name, size=size, opset=OPSET, folder=folder
    )
    config.write_text(text, encoding="utf-8")
    made = convert(config)
    network = build_network(load_config(config)).eval()
    generator = torch.Generator().manual_seed(5)
    picture = torch.randn(1, 3, size, size, generator=generator)
    with torch.no_grad():
        reference: Array = network(picture).numpy()
    if np.abs(reference).max() < SMALLEST_REFERENCE:
        raise ValueError(f"{name}: every output is below {SMALLEST_REFERENCE}")
    files = {"onnx": made.onnx, "pt": made.torchscript}
    return Exported(name, files, picture.numpy(), reference)


def ready_engines() -> list[Engine]:
    """The engines that read what `convert` writes and can be used here, on the CPU."""
    readers = [engine for engine in ENGINES if set(engine.formats) & set(FORMATS)]
    return [e for e in readers if e.check().ready and "cpu" in e.devices()]


def check(engine: Engine, network: Exported) -> Outcome:
    """Run one network in one engine."""
    (file,) = (network.files[name] for name in engine.formats)
    try:
        with load(file, runner=engine.name) as runner:
            output = runner.run(network.input)
    except OxidizedVisionError as error:
        return Outcome(engine.name, network.name, float("inf"), str(error))
    return Outcome(engine.name, network.name, relative_error(output, network.reference))


def relative_error(output: Array, reference: Array) -> float:
    """The largest difference, relative to the largest value; infinite for another shape or NaN."""
    if output.shape != reference.shape:
        return float("inf")
    off = float(np.abs(output - reference).max() / np.abs(reference).max())
    return off if np.isfinite(off) else float("inf")


def main(words: list[str] | None = None) -> int:
    """Convert, run, print; gives the exit code."""
    arguments = parse(words)
    engines = ready_engines()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        # The converted networks are not the user's: they do not enter the user's registry.
        os.environ["OXIDIZEDVISION_HOME"] = str(Path(folder) / "home")
        for name in arguments.network or NETWORKS:
            print(f"{name}: converting", file=sys.stderr)
            network = export(name, arguments.size, Path(folder) / name)
            outcomes += [check(engine, network) for engine in engines]
    print("\n".join(table(outcomes)))
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        print(
            f"{outcome.engine} on {outcome.network}: off by {outcome.off:.1e}, "
            f"allowed {TOLERANCE:.0e} {outcome.message}",
            file=sys.stderr,
        )
    return 3 if failed else 0


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=224, help="side of the pictures; 224")
    parser.add_argument(
        "--network", action="append", choices=NETWORKS, help="may be repeated; else all"
    )
    return parser.parse_args(words)


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Largest relative error, engine by network, in Markdown."""
    networks = list(dict.fromkeys(outcome.network for outcome in outcomes))
    yield f"| largest relative error | {' | '.join(networks)} |"
    yield f"| --- |{' --- |' * len(networks)}"
    for engine in dict.fromkeys(outcome.engine for outcome in outcomes):
        row = [f"{outcome.off:.1e}" for outcome in outcomes if outcome.engine == engine]
        yield f"| {engine} | {' | '.join(row)} |"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

"""The engines that generated crates are made around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oxidizedvision.package import choosing


@dataclass(frozen=True)
class Engine:
    """What a generated crate needs to know of an engine.

    crate, backend: where it is in Rust. file_format: the ending of the model's file that it runs.
    alone: whether the program needs nothing on the machine that runs it. device: where it runs.
    needs: what must be there to build or to run it, for README.md; empty where nothing must.
    """

    crate: str
    backend: str
    file_format: str = "onnx"
    alone: bool = True
    device: str = "Device::Cpu"
    needs: str = ""


ENGINES: Mapping[str, Engine] = {
    "tract": Engine("runner_tract", "TractBackend"),
    "rten": Engine("runner_rten", "RtenBackend"),
    "ort": Engine("runner_ort", "OrtBackend", alone=False, needs="ort.md"),
    "tch": Engine("runner_tch", "TchBackend", "pt", alone=False, needs="tch.md"),
    "tensorrt": Engine(
        "runner_tensorrt",
        "TensorRtBackend",
        alone=False,
        device="Device::Cuda(0)",
        needs="tensorrt.md",
    ),
}
"""The engines that a crate can be made for, in the order of preference."""

ALONE = tuple(name for name, engine in ENGINES.items() if engine.alone)
"""Those that a program carries whole."""

EVERYWHERE = tuple(name for name in ENGINES if name != "tensorrt")
"""Those of every kind of crate; each run of TensorRT starts a program of NVIDIA's."""


CRATE = "A crate"
"""What a kind of crate is called in messages."""


def refuse_engine(engine: str) -> None:
    """Refuse an engine that not every kind of crate can be made for.

    Raises:
        OxidizedVisionError: `usage`, with the engines that there are.
    """
    choosing.refuse_engine(engine, EVERYWHERE, CRATE)

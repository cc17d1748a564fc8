"""`profile`: what a model costs, as a whole and layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from oxidizedvision.config import Config, load_config
from oxidizedvision.core.lazy import require
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.profile.report import ProfileReport


def profile(
    target: str | Path | Config,
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    time: bool = True,
    notify: Notify = silent,
) -> ProfileReport:
    """Count the parameters, multiply-adds and memory of a model, and time each of its layers.

    A config's network is run in PyTorch, an .onnx file in ONNX Runtime, on one thread each. The
    counts of an .onnx file need no run.

    Args:
        target: A config.yml, or an .onnx file.
        shapes: Shapes of inputs by name, in place of the config's, or where an .onnx file has
            names for lengths.
        time: Whether to time the layers. An .onnx file that cannot be run is counted all the
            same, and a note says why it was not timed.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: what keeps the network or the file from loading, and `unknown_input`
            or `shape_mismatch` for shapes that do not fit.
    """
    if not isinstance(target, Config) and Path(target).suffix == ".onnx":
        from oxidizedvision.profile.graph import profile_graph

        return profile_graph(Path(target), shapes or {}, time=time, notify=notify)
    config = load_config(target)
    require("torch", "profile")
    from oxidizedvision.profile.network import profile_network

    return profile_network(config, shapes or {}, time=time, notify=notify)

"""The process in which ONNX Runtime times nodes: a JSON request in, a JSON answer out.

Started as `python -m oxidizedvision.profile.graph.worker`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.tensors import DTYPES
from oxidizedvision.profile.runs import THREADS, WARMUP_RUNS, clocked, repeated, warmed_up
from oxidizedvision.runners.oneshot import Request, serve

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

OPTIMIZED = "optimized.onnx"
_ERRORS_ONLY = 3
_SEED = 0
_KERNEL = "_kernel_time"

Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TimeRequest(Request):
    """What to time.

    folder: Where the graph that the engine made of the model is written, and the engine's own
    files. weights: The folder of weights in other files. dtypes: Of the inputs, beside `shapes`.
    wants_shapes: Whether to run the model once more, unchanged, for the shapes of all values.
    """

    folder: str
    weights: str | None
    dtypes: dict[str, str]
    wants_shapes: bool


def measure(request: TimeRequest) -> dict[str, Any]:
    """Time whole runs, then every node of some more.

    Raises:
        OxidizedVisionError: `engine_failed` with the engine's reason.
    """
    ort = require("onnxruntime", "timing the nodes")
    inputs = _inputs(request)
    try:
        shapes = _shapes(ort, request, inputs) if request.wants_shapes else {}
        unwatched = _plain_runs(ort, request, inputs)
        runs = _watched_runs(ort, request, inputs)
    except Exception as error:  # the engine's errors have no common class
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED,
            f"onnxruntime cannot run it: {first}",
            "`oxidizedvision backends --model` shows which engines can.",
        ) from error
    return {
        "engine_version": str(ort.__version__),
        "unwatched": unwatched,
        "runs": runs,
        "shapes": shapes,
    }


def _inputs(request: TimeRequest) -> dict[str, Array]:
    """Seeded normal numbers; zeros for whole numbers, which any table takes."""
    generator = np.random.default_rng(_SEED)
    arrays: dict[str, Array] = {}
    for name, shape in request.shapes.items():
        dtype = np.dtype(DTYPES[request.dtypes[name]])
        is_float = np.issubdtype(dtype, np.floating)
        values = generator.standard_normal(shape) if is_float else np.zeros(shape)
        arrays[name] = values.astype(dtype)
    return arrays


def _plain_runs(
    ort: Any, request: TimeRequest, inputs: dict[str, Array]
) -> list[tuple[float, float]]:
    """Milliseconds of every run, and the part of the time in which it had the processor."""
    session = _session(ort, request, _options(ort, request))

    def run() -> tuple[float, float]:
        clock = clocked(lambda: session.run(None, inputs))
        return clock.total, clock.held

    warmed_up(run)
    return repeated(run)


def _watched_runs(ort: Any, request: TimeRequest, inputs: dict[str, Array]) -> list[dict[str, Any]]:
    """Milliseconds of every node by name, and of the whole, for every run after the warm-up."""
    options = _options(ort, request)
    options.optimized_model_filepath = str(Path(request.folder) / OPTIMIZED)
    options.add_session_config_entry(
        "session.optimized_model_external_initializers_file_name", f"{OPTIMIZED}.data"
    )
    events = _events(ort, request, options, inputs, once=False)
    runs = [event for event in events if event["name"] == "model_run"][WARMUP_RUNS:]
    steps = list(_outermost(events))
    return [
        {
            "total": run["dur"] / 1e3,
            "steps": [
                (_name(step), step["args"]["op_name"], step["dur"] / 1e3)
                for step in steps
                if run["ts"] <= step["ts"] < run["ts"] + run["dur"]
            ],
        }
        for run in runs
    ]


def _shapes(ort: Any, request: TimeRequest, inputs: dict[str, Array]) -> dict[str, Any]:
    """Element type and shape of the outputs of every node, by the node's name."""
    options = _options(ort, request)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    events = _events(ort, request, options, inputs, once=True)
    return {
        _name(step): [next(iter(shape.items())) for shape in step["args"]["output_type_shape"]]
        for step in _outermost(events)
        if "output_type_shape" in step["args"]
    }


def _events(
    ort: Any, request: TimeRequest, options: Any, inputs: dict[str, Array], *, once: bool
) -> list[Event]:
    options.enable_profiling = True
    options.profile_file_prefix = str(Path(request.folder) / "events")
    session = _session(ort, request, options)
    if once:
        session.run(None, inputs)
    else:
        warmed_up(lambda: session.run(None, inputs))
        repeated(lambda: session.run(None, inputs))
    written = Path(session.end_profiling())
    events: list[Event] = json.loads(written.read_text(encoding="utf-8"))
    return events


def _outermost(events: list[Event]) -> Iterator[Event]:
    """Events of nodes in time's order, without those of the nodes in nested graphs."""
    end = -1
    nodes = [event for event in events if event["cat"] == "Node" and _KERNEL in event["name"]]
    for event in sorted(nodes, key=lambda event: (event["ts"], -event["dur"])):
        if event["ts"] >= end:
            end = event["ts"] + event["dur"]
            yield event


def _name(event: Event) -> str:
    name: str = event["name"]
    return name.removesuffix(_KERNEL)


def _options(ort: Any, request: TimeRequest) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = THREADS
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    if request.weights is not None:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", request.weights
        )
    return options


def _session(ort: Any, request: TimeRequest, options: Any) -> Any:
    content = Path(request.model).read_bytes()
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    serve(lambda values: measure(TimeRequest(**values)))

"""ONNX files: read with typed errors, described, and run with ONNX Runtime."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.lazy import require
from oxidizedvision.core.tensors import TensorSpec

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

    from oxidizedvision.core.tensors import Array

LARGEST = (1 << 31) - 1
"""Bytes that an ONNX file can have: what is more lies in other files."""

PART_HINT = (
    "Cut a part out of it that fits, by the names of tensors, as in "
    "onnx.utils.extract_model('model.onnx', 'part.onnx', ['input'], ['inner']), and give part.onnx."
)
"""What helps where a model is larger than a file can be."""

_PREFIX = "oxv."
_DEFAULT_DOMAINS = ("", "ai.onnx")


def read_onnx(path: Path) -> ModelProto:
    """Parse and check an ONNX file whose weights are inside it.

    Raises:
        OxidizedVisionError: `not_found`, `file_system`, `corrupt`, or `unsupported` when its
            weights lie in other files.
    """
    require("onnx", "reading ONNX")
    with file_errors(path):
        content = path.read_bytes()
    return parse_onnx(content, path)


def parse_onnx(content: bytes, path: Path) -> ModelProto:
    """As `read_onnx`, for the content of a file; `path` names it in messages."""
    model = decode_onnx(content, path)
    external = [t for t in model.graph.initializer if t.data_location == t.EXTERNAL]
    if external:
        raise _external(path, external)
    check_onnx(model, path)
    return model


def _external(path: Path, tensors: Sequence[TensorProto]) -> OxidizedVisionError:
    """The refusal of weights in other files; more than a file can hold cannot be put into it."""
    size = sum(_byte_size(tensor) for tensor in tensors)
    if size <= LARGEST:
        hint = "Save it as one file: onnx.save_model(model, path, save_as_external_data=False)."
    else:
        hint = (
            f"They are {size / 1e9:.1f} GB, and an ONNX file holds at most 2. Engines run it as it "
            f"is: `oxidizedvision backends --model` shows which. {PART_HINT}"
        )
    return OxidizedVisionError(
        Kind.UNSUPPORTED, f"{path} keeps weights in other files, {tensors[0].name} first", hint
    )


def _byte_size(tensor: TensorProto) -> int:
    from onnx import helper

    return int(math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def decode_onnx(content: bytes, path: Path) -> ModelProto:
    """Parse the content of an ONNX file and check nothing else; `path` names it in messages.

    Raises:
        OxidizedVisionError: `corrupt`, or `dependency_missing` without the package onnx.
    """
    onnx = require("onnx", "reading ONNX")
    message = require("google.protobuf.message", "reading ONNX")
    try:
        model: ModelProto = onnx.load_model_from_string(content)
    except (message.DecodeError, ValueError) as error:
        raise _corrupt(path, str(error)) from error
    return model


def check_onnx(model: ModelProto, path: Path) -> None:
    """Run ONNX's own checker.

    Raises:
        OxidizedVisionError: `corrupt` with the checker's first sentence.
    """
    import onnx

    if not model.graph.node or not model.graph.output:
        raise _corrupt(path, "it has no nodes or no outputs")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _corrupt(path, str(error)) from error
    except (RuntimeError, ValueError, TypeError) as error:
        raise _corrupt(path, str(error)) from error


def _corrupt(path: Path, reason: str) -> OxidizedVisionError:
    first = next((line.strip() for line in reason.splitlines() if line.strip()), "no reason given")
    return OxidizedVisionError(
        Kind.CORRUPT,
        f"{path} is not a usable ONNX model: {first}",
        "Run `oxidizedvision convert` again, or copy the file again.",
    )


def opset_of(model: ModelProto) -> int:
    """The opset of the standard operators; 0 where the model imports none."""
    versions = [item.version for item in model.opset_import if item.domain in _DEFAULT_DOMAINS]
    return max(versions, default=0)


def count_operators(model: ModelProto) -> dict[str, int]:
    """How many nodes of each operator the graph has, the most frequent first."""
    return dict(Counter(node.op_type for node in model.graph.node).most_common())


def contract_of(model: ModelProto) -> dict[str, Any]:
    """The `oxv.*` metadata, decoded, without the prefix."""
    found = {}
    for entry in model.metadata_props:
        if entry.key.startswith(_PREFIX):
            found[entry.key.removeprefix(_PREFIX)] = entry.value
    return found


def write_contract(model: ModelProto, values: Mapping[str, Any]) -> None:
    """Set `oxv.*` metadata: texts as they are, everything else as JSON; null values are left out.

    Other metadata stays.
    """
    others = [(e.key, e.value) for e in model.metadata_props if not e.key.startswith(_PREFIX)]
    del model.metadata_props[:]
    own = [
        (_PREFIX + key, value if isinstance(value, str) else json.dumps(value))
        for key, value in values.items()
        if value is not None
    ]
    for key, text in [*others, *own]:
        model.metadata_props.add(key=key, value=text)


def spec_values(specs: Iterable[TensorSpec]) -> list[dict[str, Any]]:
    """Specs as the JSON lists in `oxv.inputs` and `oxv.outputs`."""
    return [{"name": s.name, "dtype": s.dtype, "dims": list(s.dims)} for s in specs]


class Session:
    """ONNX Runtime on one CPU thread, without its own graph rewriting, for checks."""

    def __init__(self, model: bytes, name: str) -> None:
        ort = require("onnxruntime", "checking the ONNX model")
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._name = name
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except _runtime_errors(ort) as error:
            raise _corrupt(Path(name), str(error)) from error
        self._errors = _runtime_errors(ort)

    @property
    def inputs(self) -> list[Any]:
        """ONNX Runtime's own description of the inputs."""
        return list(self._session.get_inputs())

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name.

        Raises:
            OxidizedVisionError: `engine_failed` with the engine's reason.
        """
        names = [output.name for output in self._session.get_outputs()]
        try:
            values = self._session.run(names, dict(inputs))
        except self._errors as error:
            reason = str(error).strip().splitlines()[0]
            raise OxidizedVisionError(
                Kind.ENGINE_FAILED,
                f"{self._name}: onnxruntime failed: {reason}",
                "Give an input of the size that the model was converted with.",
            ) from error
        return dict(zip(names, values, strict=True))


def _runtime_errors(ort: Any) -> tuple[type[Exception], ...]:
    state = ort.capi.onnxruntime_pybind11_state
    found = [value for value in vars(state).values() if isinstance(value, type)]
    own = [value for value in found if issubclass(value, Exception)]
    return (RuntimeError, ValueError, *own)


def largest_difference(expected: Array, actual: Array) -> float:
    """The largest absolute difference; infinite for other shapes, NaN or another element type."""
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        return float("inf")
    if expected.size == 0:
        return 0.0
    error = np.abs(expected.astype(np.float64) - actual.astype(np.float64))
    worst = float(error.max())
    return worst if np.isfinite(worst) else float("inf")

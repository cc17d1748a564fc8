"""The ONNX project's own backend cases, written as models with recorded tensors.

They come with the `onnx` package: cases of single operators (`node`, made by code), small models
(`simple`), operators and layers that PyTorch exported (`pytorch-operator`, `pytorch-converted`),
and the well-known networks with made-up weights (`light`). Each becomes `NAME/model.onnx`,
`NAME/case.safetensors` (`set-0/input/<name>`, `set-0/output/<name>`) and `NAME/case.json`.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, ValueInfoProto, numpy_helper
from onnx.backend.test import loader
from onnx.backend.test.runner import Runner
from safetensors.numpy import save_file

from oxidizedvision.core.tensors import DTYPE_OF_NUMPY

GROUPS = ("node", "simple", "pytorch-operator", "pytorch-converted", "light")

DATA = Path(loader.DATA_DIR)

TYPES = {
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.DOUBLE,
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.BOOL,
}
"""The element types of the runner contract."""

Array = NDArray[Any]
Side = Sequence[Any]


class OutsideContractError(Exception):
    """The case gives or wants values that the runner contract has not."""


@dataclass(frozen=True)
class Case:
    """One case.

    sets: inputs and expected outputs, in the graph's order. rtol, atol: as NumPy's allclose.
    """

    name: str
    group: str
    model: ModelProto
    sets: Sequence[tuple[Side, Side]]
    rtol: float
    atol: float


@dataclass(frozen=True)
class Written:
    """A case that was written.

    dtypes: the element types of its inputs and outputs, by the contract's names.
    """

    group: str
    dtypes: frozenset[str]


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and what it left out.

    outside: why a case was left out. downloads: cases whose models are not in the package.
    """

    cases: dict[str, Written]
    outside: dict[str, str]
    downloads: list[str]


def export(folder: Path, names: frozenset[str] | None = None) -> Exported:
    """Write the cases of the installed `onnx` into a folder, all or those of these names."""
    written: dict[str, Written] = {}
    outside: dict[str, str] = {}
    for case in collect():
        if names is not None and case.name not in names:
            continue
        if case.name in written or case.name in outside:
            raise ValueError(f"two cases are called {case.name}")
        try:
            written[case.name] = write(case, folder / case.name)
        except OutsideContractError as error:
            outside[case.name] = str(error)
    return Exported(written, outside, downloads())


def collect() -> Iterator[Case]:
    """Every case whose model is in the package."""
    yield from _node_cases()
    for group in GROUPS[1:-1]:
        yield from (_data_case(group, test) for test in loader.load_model_tests(kind=group))
    yield from (_light_case(test) for test in _real_tests() if _light_file(test).is_file())


def downloads() -> list[str]:
    """The cases that would need a download."""
    return sorted(test.name for test in _real_tests() if not _light_file(test).is_file())


@cache
def _node_tests() -> list[Any]:
    with warnings.catch_warnings():
        # The package overflows on purpose where it makes the cases of casts.
        warnings.simplefilter("ignore", RuntimeWarning)
        return list(loader.load_node_model_tests())


def _node_cases() -> Iterator[Case]:
    for test in _node_tests():
        yield Case(test.name, "node", test.model, test.data_sets, test.rtol, test.atol)


def _real_tests() -> list[Any]:
    return list(loader.load_model_tests(kind="real"))


def _light_file(test: Any) -> Path:
    return DATA.parents[3] / str(test.url)


def _light_case(test: Any) -> Case:
    model = onnx.load(str(_light_file(test)))
    inputs = [Runner.generate_dummy_data(value) for value in given(model)]
    prefix = _light_file(test).with_suffix("")
    files = [f"{prefix}_output_{index}.pb" for index in range(len(model.graph.output))]
    outputs = [numpy_helper.to_array(onnx.load_tensor(file)) for file in files]
    return Case(test.name, "light", model, [(inputs, outputs)], test.rtol, test.atol)


def _data_case(group: str, test: Any) -> Case:
    folder = Path(test.model_dir)
    model = onnx.load(str(folder / "model.onnx"))
    sets = []
    for data in sorted(folder.glob("test_data_set_*")):
        count = len(list(data.glob("input_*.pb")))
        inputs = [_stored(data / f"input_{i}.pb", v) for i, v in enumerate(given(model)[:count])]
        wanted = enumerate(model.graph.output)
        sets.append((inputs, [_stored(data / f"output_{i}.pb", value) for i, value in wanted]))
    return Case(test.name, group, model, sets, test.rtol, test.atol)


def _stored(file: Path, value: ValueInfoProto) -> Any:
    """The tensor in a file; None for a value of another kind, which `write` refuses."""
    if value.type.WhichOneof("value") != "tensor_type":
        return None
    return numpy_helper.to_array(onnx.load_tensor(str(file)))


def given(model: ModelProto) -> list[ValueInfoProto]:
    """The inputs that have no stored value."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in stored]


def write(case: Case, folder: Path) -> Written:
    """Write one case.

    Raises:
        OutsideContractError: some value is no tensor, or of an element type outside the contract.
    """
    inputs, outputs = given(case.model), list(case.model.graph.output)
    for value in (*inputs, *outputs):
        check_type(value)
    tensors: dict[str, Array] = {}
    for index, (given_values, wanted_values) in enumerate(case.sets):
        tensors |= _named(f"set-{index}/input", inputs, given_values)
        tensors |= _named(f"set-{index}/output", outputs, wanted_values)
    if not tensors:
        raise OutsideContractError("no recorded values")
    folder.mkdir(parents=True)
    onnx.save(case.model, str(folder / "model.onnx"))
    save_file(tensors, folder / "case.safetensors")
    about = {
        "group": case.group,
        "rtol": case.rtol,
        "atol": case.atol,
        "inputs": [value.name for value in inputs],
        "outputs": [value.name for value in outputs],
    }
    (folder / "case.json").write_text(json.dumps(about), encoding="utf-8")
    dtypes = {DTYPE_OF_NUMPY[array.dtype.name] for array in tensors.values()}
    return Written(case.group, frozenset(dtypes))


def check_type(value: ValueInfoProto) -> None:
    """Refuse what is no tensor of the contract's element types."""
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise OutsideContractError(str(kind).removesuffix("_type").replace("_", " "))
    element = value.type.tensor_type.elem_type
    if element not in TYPES:
        raise OutsideContractError(TensorProto.DataType.Name(element).lower())


def _named(prefix: str, values: Sequence[ValueInfoProto], arrays: Side) -> dict[str, Array]:
    if len(values) != len(arrays):
        raise OutsideContractError("an optional input is left out")
    named = {}
    for value, item in zip(values, arrays, strict=True):
        array = _array(item)
        if array.dtype.name not in DTYPE_OF_NUMPY:
            raise OutsideContractError(array.dtype.name)
        if not array.size and _is_open(value):
            raise OutsideContractError("a variable axis of length 0")
        named[f"{prefix}/{value.name}"] = array
    return named


def _array(item: Any) -> Array:
    stored = numpy_helper.to_array(item) if isinstance(item, TensorProto) else np.asarray(item)
    # Not for scalars, to which it would give an axis.
    return np.ascontiguousarray(stored) if stored.ndim else stored


def _is_open(value: ValueInfoProto) -> bool:
    dims = value.type.tensor_type.shape.dim
    return not all(dim.HasField("dim_value") for dim in dims)

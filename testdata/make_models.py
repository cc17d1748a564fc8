"""Make the small models, their goldens and the hostile files of this folder.

Run it with the project's environment: `python testdata/make_models.py`. Everything is seeded, so
a second run writes the same bytes as long as PyTorch and onnx are the same.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
MODELS = HERE / "models"
HOSTILE = HERE / "hostile"
OPSET = 14

Arrays = dict[str, torch.Tensor]
Axes = dict[str, dict[int, str]]
"""Names of axes, by tensor and by place."""

DTYPES = {
    torch.float32: "f32",
    torch.float16: "f16",
    torch.float64: "f64",
    torch.int8: "i8",
    torch.uint8: "u8",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.bool: "bool",
}
"""Our name of each of PyTorch's element types."""

FROM_SOURCES = (".debug_pkl", ".data/serialization_id")
"""What PyTorch adds that changes with the place of the sources: their paths, and a hash of them."""


class Residual(nn.Module):
    """Two convolutions, a ReLU and a skip: what a denoiser is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.second(torch.relu(self.first(x)))


class Pair(nn.Module):
    """Two inputs that must not be swapped, two outputs that must not be swapped."""

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return left - 2 * right, left * right


class Affine(nn.Module):
    """Arithmetic that integers and floats have."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 + 1


class Moved(nn.Module):
    """Data movement only, which every element type has."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(0, 1).reshape(1, 6)


class Negated(nn.Module):
    """Logic on booleans."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.logical_not(x)


def main() -> None:
    """Write every file."""
    torch.manual_seed(20)
    for folder in (MODELS, HOSTILE):
        folder.mkdir(exist_ok=True)
    residual = Residual().eval()
    picture = torch.rand(1, 3, 8, 8)
    export("residual", residual, [{"x": picture}], ["y"])
    picture_axes = {0: "batch", 2: "height", 3: "width"}
    # The ONNX file leaves it to the engine to find out what becomes of height and width.
    axes = {"x": picture_axes, "y": {0: "batch"}}
    known = {"x": picture_axes, "y": picture_axes}
    shapes = [(1, 3, 8, 8), (2, 3, 5, 9)]
    export("dynamic", residual, [{"x": torch.rand(shape)} for shape in shapes], ["y"], axes, known)
    rows = {"left": torch.rand(3, 4), "right": torch.rand(3, 4)}
    rank = {name: {0: "rows"} for name in ("left", "right", "difference", "product")}
    export("pair", Pair(), [rows], ["difference", "product"], rank)
    make_dtypes()
    make_bare()
    make_external()
    make_hostile()


def export(
    name: str,
    model: nn.Module,
    cases: list[Arrays],
    outputs: list[str],
    axes: Axes | None = None,
    known_axes: Axes | None = None,
) -> None:
    """Write NAME.onnx, NAME.pt, and NAME.safetensors with the inputs and PyTorch's outputs.

    axes: names for the ONNX export. known_axes: those that NAME.pt says, the same unless given.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            tuple(cases[0].values()),
            file,
            input_names=list(cases[0]),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    (MODELS / f"{name}.onnx").write_bytes(file.getvalue())
    golden: Arrays = {}
    results: tuple[torch.Tensor, ...] = ()
    for index, inputs in enumerate(cases):
        with torch.no_grad():
            result = model(*inputs.values())
        results = result if isinstance(result, tuple) else (result,)
        golden |= {f"random-{index}/input/{key}": value for key, value in inputs.items()}
        for key, value in zip(outputs, results, strict=True):
            golden[f"random-{index}/output/{key}"] = value.contiguous()
    save_file(golden, MODELS / f"{name}.safetensors")
    symbols = known_axes or axes or {}
    specs = {
        "schema_version": 1,
        "inputs": [spec(key, value, symbols) for key, value in cases[0].items()],
        "outputs": [spec(key, value, symbols) for key, value in zip(outputs, results, strict=True)],
        "input_shapes": {key: list(value.shape) for key, value in cases[0].items()},
    }
    save_torchscript(name, model, cases[0], specs)


def spec(name: str, tensor: torch.Tensor, axes: Axes) -> dict[str, object]:
    """A tensor's name, element type and axes, as TorchScript's extra file has them."""
    symbols = axes.get(name, {})
    dims = [symbols.get(axis, length) for axis, length in enumerate(tensor.shape)]
    return {"name": name, "dtype": DTYPES[tensor.dtype], "dims": dims}


def save_torchscript(
    name: str, model: nn.Module, example: Arrays, specs: dict[str, object]
) -> None:
    """Write NAME.pt with its specs inside, without the paths of the sources it was made from."""
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model, tuple(example.values()))
        torch.jit.save(traced, file, _extra_files={"oxv.json": json.dumps(specs)})
    with zipfile.ZipFile(file) as made, zipfile.ZipFile(MODELS / f"{name}.pt", "w") as kept:
        for entry in made.infolist():
            if not entry.filename.endswith(FROM_SOURCES):
                kept.writestr(zipfile.ZipInfo(entry.filename), made.read(entry))


def make_dtypes() -> None:
    """One model for each element type of the contract."""
    floats = torch.rand(2, 3) * 8 - 4
    whole = torch.tensor([[-3, 0, 7], [100, -100, 5]])
    for name, dtype in {"f32": torch.float32, "f16": torch.float16, "f64": torch.float64}.items():
        export(f"dtype_{name}", Affine(), [{"x": floats.to(dtype)}], ["y"])
    for name, dtype in {"i32": torch.int32, "i64": torch.int64}.items():
        export(f"dtype_{name}", Affine(), [{"x": whole.to(dtype)}], ["y"])
    export("dtype_i8", Moved(), [{"x": whole.to(torch.int8)}], ["y"])
    export("dtype_u8", Moved(), [{"x": whole.abs().to(torch.uint8)}], ["y"])
    export("dtype_bool", Negated(), [{"x": whole > 0}], ["y"])


def make_bare() -> None:
    """The residual network whose output says neither its rank nor its lengths."""
    model = onnx.load(MODELS / "residual.onnx")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, MODELS / "bare.onnx")
    (MODELS / "bare.safetensors").write_bytes((MODELS / "residual.safetensors").read_bytes())


def make_external() -> None:
    """The residual network with its weights in a file beside it."""
    weights = MODELS / "external.data"
    weights.unlink(missing_ok=True)
    model = onnx.load(MODELS / "residual.onnx")
    onnx.save(
        model,
        MODELS / "external.onnx",
        save_as_external_data=True,
        location=weights.name,
        size_threshold=0,
    )
    (MODELS / "external.safetensors").write_bytes((MODELS / "residual.safetensors").read_bytes())


def make_hostile() -> None:
    """Files that no runner may load, each wrong in one way."""
    whole = (MODELS / "residual.onnx").read_bytes()
    (HOSTILE / "empty.onnx").write_bytes(b"")
    noise = torch.randint(256, (512,), dtype=torch.uint8)
    (HOSTILE / "random.onnx").write_bytes(noise.numpy().tobytes())
    (HOSTILE / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
    save("unknown_operator", chain(helper.make_node("Frobnicate", ["x"], ["y"], name="odd")))
    save("cycle", cycle())
    save("nowhere", chain(helper.make_node("Add", ["x", "ghost"], ["y"], name="add")))
    save("short_weights", short_weights())
    save("nested", chain(nested(30)))
    save("twice", twice())
    make_huge()
    for name, location in {
        "outside_parent": "../models/external.data",
        "outside_absolute": "/etc/hostname",
        "outside_missing": "nothing.data",
    }.items():
        save(name, with_location(location))
    script = (MODELS / "residual.pt").read_bytes()
    (HOSTILE / "empty.pt").write_bytes(b"")
    (HOSTILE / "random.pt").write_bytes(noise.numpy().tobytes())
    (HOSTILE / "truncated.pt").write_bytes(script[: len(script) // 2])
    torch.save({"weight": torch.zeros(2)}, HOSTILE / "state_dict.pt")


def save(name: str, model: onnx.ModelProto) -> None:
    """Write a model without checking it."""
    (HOSTILE / f"{name}.onnx").write_bytes(model.SerializeToString())


def chain(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A model of these nodes from `x` to `y`."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "hostile", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def cycle() -> onnx.ModelProto:
    """Two nodes that wait for each other."""
    return chain(
        helper.make_node("Add", ["x", "b"], ["a"], name="one"),
        helper.make_node("Relu", ["a"], ["b"], name="two"),
        helper.make_node("Relu", ["b"], ["y"], name="three"),
    )


def nested(depth: int) -> onnx.NodeProto:
    """An If inside an If, `depth` times; one branch each, or the file would double with each."""
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    node = helper.make_node("Relu", ["x"], ["y"])
    for _ in range(depth):
        branch = helper.make_graph([node], "branch", [], [value])
        node = helper.make_node("If", ["x"], ["y"], then_branch=branch)
    return node


def short_weights() -> onnx.ModelProto:
    """A weight that holds fewer bytes than its shape says."""
    model = chain(helper.make_node("Add", ["x", "w"], ["y"], name="add"))
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], b"\0" * 8, raw=True)
    weight.raw_data = b"\0" * 4
    model.graph.initializer.append(weight)
    return model


def twice() -> onnx.ModelProto:
    """Two outputs of one name."""
    model = chain(helper.make_node("Relu", ["x"], ["y"]))
    model.graph.output.append(model.graph.output[0])
    return model


def make_huge() -> None:
    """Tensors that no memory holds, or that hold far less than their shape says."""
    tebibytes = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**40])
    model = chain(helper.make_node("Add", ["x", "w"], ["y"], name="add"))
    model.graph.initializer.append(tebibytes)
    save("huge_weight", model)
    constant = helper.make_node("Constant", [], ["w"], name="constant", value=tebibytes)
    save("huge_constant", chain(constant, helper.make_node("Add", ["x", "w"], ["y"], name="add")))
    for name in ("input", "output"):
        model = chain(helper.make_node("Relu", ["x"], ["y"], name="relu"))
        (value,) = getattr(model.graph, name)
        value.type.tensor_type.shape.dim[0].dim_value = 2**61
        save(f"huge_{name}", model)


def with_location(location: str) -> onnx.ModelProto:
    """A weight that is stored in another file."""
    model = chain(helper.make_node("Add", ["x", "w"], ["y"], name="add"))
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": "8"}.items():
        weight.external_data.add(key=key, value=value)
    model.graph.initializer.append(weight)
    return model


if __name__ == "__main__":
    main()

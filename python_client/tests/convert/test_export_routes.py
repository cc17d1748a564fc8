"""Each exporter, called in this process: nodes carry their module and line, failures a cause."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from oxidizedvision.config.axes import DynamicAxis
from oxidizedvision.convert.export import ExportAnswer, ExportRequest, Route
from oxidizedvision.convert.export.request import Cause
from oxidizedvision.convert.export.routes import Subject, export
from oxidizedvision.onnx_file import Session
from oxidizedvision.onnx_notes import MODULE, PASS, SOURCE, all_nodes, note_of

CODE = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.norm(self.conv(x))) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.layers = nn.Sequential(Block(4), Block(4))
        self.blocks = nn.ModuleList([Block(4)])
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        y = self.layers(self.stem(x))
        for block in self.blocks:
            y = block(y)
        return self.head(self.layers[0].act(y).mean((2, 3)))


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Tanh(), nn.Sigmoid()))
        self.block = nn.Sequential(inner, nn.Sequential(nn.Conv2d(4, 4, 1)))

    def forward(self, x):
        return self.block(x)


class Nested(Net):
    def forward(self, x):
        return {"logits": super().forward(x), "aux": [x * 2]}


class Branch(Net):
    def forward(self, x):
        if x.mean() > 0:
            return super().forward(x)
        return super().forward(-x)


class Bessel(Net):
    def forward(self, x):
        return torch.special.bessel_j0(x)


class Sampled(Net):
    def forward(self, x):
        return nn.functional.grid_sample(x, x[:, :2].permute(0, 2, 3, 1), align_corners=False)


class Fixed(Net):
    def forward(self, x):
        return self.stem(x).reshape(2, -1)


class Backwards(Net):
    def forward(self, x):
        for part in reversed([self.stem(x)]):
            x = part
        return x


class Untraced(Net):
    def forward(self, x):
        if torch.jit.is_tracing():
            raise RuntimeError("not while it is traced")
        return self.stem(x)
"""

ROUTES: tuple[Route, ...] = ("dynamo", "torchscript", "script")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module above, imported from a file as the user's is."""
    import importlib.util

    file = tmp_path_factory.mktemp("network") / "routes_model.py"
    file.write_text(CODE)
    spec = importlib.util.spec_from_file_location("routes_model", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["routes_model"] = module
    spec.loader.exec_module(module)
    return module


def exported(
    folder: Path,
    network: nn.Module,
    route: Route,
    file: str,
    *,
    opset: int = 18,
    axes: dict[int, DynamicAxis] | None = None,
    outputs: tuple[str, ...] = ("output",),
    flat: bool = True,
) -> tuple[ExportAnswer, Path]:
    """Export with a batch of 2; gives the answer and the ONNX file's path."""
    path = folder / "model.onnx"
    request = ExportRequest(
        route=route,
        opset=opset,
        config="",
        config_path=None,
        weights="",
        example="",
        inputs=["input"],
        outputs=list(outputs),
        axes={"input": axes} if axes else {},
        flat=flat,
        onnx=str(path),
    )
    example = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return export(request, Subject(network.eval(), (example,), Path(file))), path


@pytest.mark.parametrize("route", ROUTES)
def test_every_node_carries_its_module(tmp_path: Path, model: ModuleType, route: Route) -> None:
    answer, path = exported(tmp_path, model.Net(), route, model.__file__ or "")
    assert answer.failure is None
    assert answer.opset == 18
    nodes = list(all_nodes(onnx.load(path).graph))
    modules = {node.op_type: note_of(node, MODULE) for node in nodes}
    assert modules["Gemm"] == "head"
    assert modules["ReduceMean"] == "."
    convolutions = [note_of(node, MODULE) for node in nodes if node.op_type == "Conv"]
    assert convolutions[0] == "stem"
    # A convolution that swallowed the norm after it is either of the two; script, which compiles
    # a class once, knows the block alone.
    blocks = ("layers.0", "layers.1", "blocks.0")
    assert all(name.startswith(of) for name, of in zip(convolutions[1:], blocks, strict=True))
    assert all(note_of(node, MODULE) or note_of(node, PASS) for node in nodes)
    if route != "script":  # which tells no lines
        assert any("routes_model.py, line" in note_of(node, SOURCE) for node in nodes)


@pytest.mark.parametrize("route", ["dynamo", "torchscript"])
def test_containers_in_containers(tmp_path: Path, model: ModuleType, route: Route) -> None:
    _, path = exported(tmp_path, model.Deep(), route, model.__file__ or "")
    found = [(node.op_type, note_of(node, MODULE)) for node in onnx.load(path).graph.node]
    assert found == [
        ("Conv", "block.0.0"),
        ("Tanh", "block.0.1.0"),
        ("Sigmoid", "block.0.1.1"),
        ("Conv", "block.1.0"),
    ]


@pytest.mark.parametrize("route", ROUTES)
def test_no_path_of_this_machine_is_in_the_file(
    tmp_path: Path, model: ModuleType, route: Route
) -> None:
    _, path = exported(tmp_path, model.Net(), route, model.__file__ or "")
    content = path.read_bytes()
    assert b"site-packages" not in content
    assert str(Path(model.__file__ or "").parent).encode() not in content


@pytest.mark.parametrize("route", ["dynamo", "torchscript"])
def test_nested_outputs_come_out_flat(tmp_path: Path, model: ModuleType, route: Route) -> None:
    network = model.Nested()
    axes = {0: DynamicAxis(name="batch")}
    names = ("logits", "aux_0")
    answer, path = exported(
        tmp_path, network, route, model.__file__ or "", axes=axes, outputs=names, flat=False
    )
    assert answer.failure is None
    picture = torch.randn(3, 3, 16, 16)
    found = Session(path.read_bytes(), "nested").run({"input": picture.numpy()})
    with torch.no_grad():
        expected = network(picture)
    assert list(found) == list(names)
    np.testing.assert_allclose(found["logits"], expected["logits"].numpy(), atol=1e-5)
    np.testing.assert_array_equal(found["aux_0"], expected["aux"][0].numpy())
    modules = [note_of(node, MODULE) for node in onnx.load(path).graph.node]
    assert "stem" in modules
    assert not any("network" in name for name in modules)


def test_a_branch_is_the_cause_with_its_line(tmp_path: Path, model: ModuleType) -> None:
    line = 1 + CODE.splitlines().index("        if x.mean() > 0:")
    source = f"routes_model.py, line {line}"
    answer, _ = exported(tmp_path, model.Branch(), "dynamo", model.__file__ or "")
    assert answer.failure is not None
    assert (answer.failure.cause, answer.failure.source) == (Cause.BRANCH, source)
    answer, _ = exported(tmp_path, model.Branch(), "torchscript", model.__file__ or "")
    assert [(place.kind, place.source) for place in answer.places] == [("branch", source)]


@pytest.mark.parametrize("route", ["dynamo", "torchscript"])
def test_an_operator_that_onnx_lacks_is_named(
    tmp_path: Path, model: ModuleType, route: Route
) -> None:
    answer, _ = exported(tmp_path, model.Bessel(), route, model.__file__ or "")
    assert answer.failure is not None
    assert answer.failure.cause is Cause.OPERATOR
    assert "bessel_j0" in answer.failure.message


def test_the_opset_that_an_operator_needs_is_told(tmp_path: Path, model: ModuleType) -> None:
    answer, _ = exported(tmp_path, model.Sampled(), "torchscript", model.__file__ or "", opset=14)
    assert answer.failure is not None
    assert (answer.failure.cause, answer.failure.opset) == (Cause.OPSET_TOO_LOW, 16)
    assert "grid_sampler" in answer.failure.message


def test_the_reason_of_torch_jit_script_is_whole(tmp_path: Path, model: ModuleType) -> None:
    answer, _ = exported(tmp_path, model.Backwards(), "script", model.__file__ or "")
    assert answer.failure is not None
    assert answer.failure.cause is Cause.NOT_SCRIPTABLE
    assert answer.failure.message.startswith("reversed(Tensor 0) -> Tensor 0: Expected a value of")


def test_the_line_of_what_forward_raises_is_told_once(tmp_path: Path, model: ModuleType) -> None:
    answer, _ = exported(tmp_path, model.Untraced(), "torchscript", model.__file__ or "")
    assert answer.failure is not None
    line = 1 + CODE.splitlines().index('            raise RuntimeError("not while it is traced")')
    assert answer.failure.source == f"routes_model.py, line {line}"
    assert answer.failure.message == "RuntimeError: not while it is traced"


def test_multiples_are_told_to_torch_export(tmp_path: Path) -> None:
    class Halved(nn.Module):
        """Takes even heights only."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            half = x.shape[2] // 2
            first, second = x.split([half, half], dim=2)
            return first + second

    axes = {2: DynamicAxis(name="height", min=2, max=64, multiple_of=2)}
    answer, path = exported(tmp_path, Halved(), "dynamo", "", axes=axes)
    assert answer.failure is None
    taller = np.random.default_rng(0).standard_normal((2, 3, 22, 16), np.float32)
    found = Session(path.read_bytes(), "halved").run({"input": taller})["output"]
    np.testing.assert_array_equal(found, taller[:, :, :11] + taller[:, :, 11:])

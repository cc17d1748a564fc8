"""Every peer that is installed answers as the reference does, alone and many at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pydantic import TypeAdapter

from benchmarks.peers import environment
from benchmarks.peers.table import PEERS, Setting
from benchmarks.server.answers import check, references
from benchmarks.server.servers import peer_server
from oxidizedvision.config.pictures import Postprocess, Preprocess

ROOT = Path(__file__).resolve().parents[3]
CLASSIFIER: dict[str, Any] = {
    "preprocess": {
        "resize": {"width": 24, "height": 20, "mode": "center-crop", "shorter_side": 28},
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
    "postprocess": {"kind": "classification", "top_k": 3},
}
INVERTER: dict[str, Any] = {
    "preprocess": {"scale": 1 / 255},
    "postprocess": {"kind": "image", "scale": 1 / 255},
}


def network(nodes: list[Any], weights: Mapping[str, np.ndarray], rank: int) -> onnx.ModelProto:
    """A network from `input` to `output`, whose batch is free."""
    sides = {"input": ["batch", 3, "height", "width"], "output": ["batch", *[None] * (rank - 1)]}
    given, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in sides.items()
    )
    held = [numpy_helper.from_array(np.float32(value), key) for key, value in weights.items()]
    graph = helper.make_graph(nodes, "net", [given], [made], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def classifier() -> onnx.ModelProto:
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["output"]),
    ]
    weights = np.random.default_rng(1).normal(size=(3, 10))
    return network(nodes, {"weights": weights}, rank=2)


def inverter() -> onnx.ModelProto:
    return network(
        [helper.make_node("Sub", ["one", "input"], ["output"])], {"one": np.ones(())}, rank=4
    )


def written(path: Path, model: onnx.ModelProto, contract: Mapping[str, Any]) -> Path:
    """The file, with what `convert` writes into it of pictures."""
    kinds: dict[str, Any] = {"preprocess": Preprocess, "postprocess": Postprocess}
    for key, kind in kinds.items():
        plain = TypeAdapter(kind).validate_python(contract[key]).model_dump(mode="json")
        model.metadata_props.add(key=f"oxv.{key}", value=json.dumps(plain))
    onnx.save(model, path)
    return path


def photographs(folder: Path, count: int) -> list[Path]:
    """Smooth pictures, each of another colour: JPEG decoders agree on them."""
    slope = np.linspace(0, 60, 48, dtype=np.float64)
    found = []
    for number in range(count):
        colour = np.random.default_rng(number).uniform(0, 190, 3)
        pixels = slope[:, None, None] + colour + np.zeros((1, 40, 1))
        found.append(folder / f"{number}.jpg")
        Image.fromarray(pixels.astype(np.uint8)).save(found[-1], quality=95)
    return found


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        (name, Setting(workers, 1, batch))
        for name, peer in PEERS.items()
        for workers, batch in enumerate(dict.fromkeys((1, max(peer.batches))), 1)
    ],
    ids=str,
)
@pytest.mark.parametrize(("model", "contract"), [(classifier, CLASSIFIER), (inverter, INVERTER)])
def test_a_peer_answers_as_the_reference(
    name: str, setting: Setting, model: Any, contract: dict[str, Any], tmp_path: Path
) -> None:
    peer = PEERS[name]
    if not environment.is_ready(peer.key):
        pytest.skip(f"{name} is not installed: `make bench-server` does it")
    path = written(tmp_path / "net.onnx", model(), contract)
    pictures = photographs(tmp_path, 4)
    wanted = references(path, pictures)
    server = peer_server(peer, setting, path)

    def answered(number: int) -> None:
        reply = served.ask(peer.request(pictures[number].read_bytes()))
        check(f"{name}, {number}", server.answer(reply), wanted[number])

    with server.start(0) as served:
        for number in range(len(pictures)):
            answered(number)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(answered, [*range(len(pictures))] * 8))


@pytest.mark.parametrize("name", PEERS)
def test_peers_serve_with_the_engine_of_this_environment(name: str) -> None:
    lock = (ROOT / "python_client" / "requirements.lock").read_text(encoding="utf-8")
    of_peer = environment.lock_of(PEERS[name].key).read_text(encoding="utf-8")
    for package in ("onnxruntime", "numpy", "pillow"):
        pins = [line for line in lock.splitlines() if line.startswith(f"{package}==")]
        assert pins
        assert [line for line in of_peer.splitlines() if line.startswith(f"{package}==")] == pins
    assert "--hash=sha256:" in of_peer

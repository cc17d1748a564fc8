"""What a model tells about a picture becomes a document, a mask or a picture with boxes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from oxidizedvision import predict
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.preprocess import write_picture

Write = Callable[..., Path]

BOXES = [[0.0, 0.0, 16.0, 16.0], [8.0, 8.0, 32.0, 32.0]]
FIT = {"width": 32, "height": 32, "mode": "fit"}


def refused(kind: Kind, call: Callable[[], object]) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        call()
    assert caught.value.kind == kind, caught.value.message
    assert caught.value.hint
    return caught.value


def outputs_of(name: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Nodes, outputs and constants of a small network on `input`, `[1, 3, height, width]`."""
    axes = numpy_helper.from_array(np.array([2, 3]), "axes")
    mean = helper.make_node("ReduceMean", ["input", "axes"], ["scores"], keepdims=0)
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])
    if name == "classes":
        return [mean], [scores], [axes]
    if name == "mask":
        node = helper.make_node("Identity", ["input"], ["mask"])
        mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 3, "h", "w"])
        return [node], [mask], []
    nodes = [
        mean,
        helper.make_node("Slice", ["scores", "from", "to", "columns"], ["two"]),
        helper.make_node("Identity", ["fixed"], ["boxes"]),
    ]
    constants = [
        axes,
        *(
            numpy_helper.from_array(np.array([value]), name)
            for name, value in (("from", 0), ("to", 2), ("columns", 1))
        ),
        numpy_helper.from_array(np.array([BOXES], np.float32), "fixed"),
    ]
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 2, 4]),
        helper.make_tensor_value_info("two", TensorProto.FLOAT, [1, 2]),
    ]
    return nodes, outputs, constants


@pytest.fixture
def model() -> Write:
    def write(name: str, postprocess: dict[str, Any], resize: Any = None) -> Path:
        nodes, outputs, constants = outputs_of(name)
        taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
        graph = helper.make_graph(nodes, name, [taken], outputs, constants)
        opset = [helper.make_opsetid("", 18)]
        made = helper.make_model(graph, opset_imports=opset, ir_version=9)
        for key, value in (("preprocess", {"resize": resize}), ("postprocess", postprocess)):
            entry = made.metadata_props.add()
            entry.key, entry.value = f"oxv.{key}", json.dumps(value)
        path = Path(f"{name}.onnx")
        onnx.save(made, path)
        return path

    return write


@pytest.fixture
def photo() -> Path:
    """Twice as wide as high; red to the left, green to the right."""
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :32, 0] = 255
    pixels[:, 32:, 1] = 255
    write_picture(Path("photo.png"), pixels)
    return Path("photo.png")


def document(path: str) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def test_classes_become_a_document(model: Write, photo: Path) -> None:
    contract = {"kind": "classification", "labels": ["röt", "g", "b"], "activation": "none"}
    report = predict(model("classes", contract), photo, runner="onnxruntime")
    assert document("predictions/photo.json") == {
        "schema_version": 1,
        "kind": "classification",
        "classes": [
            {"class_id": 0, "label": "röt", "score": pytest.approx(0.5)},
            {"class_id": 1, "label": "g", "score": pytest.approx(0.5)},
            {"class_id": 2, "label": "b", "score": 0.0},
        ],
    }
    (row,) = report.results
    assert (row.written, row.note) == ("classification", "röt 0.500")


def test_boxes_come_back_to_the_picture(model: Write, photo: Path) -> None:
    contract = {"kind": "detection", "boxes": "boxes", "scores": "two", "score_threshold": 0.1}
    path = model("boxes", contract, FIT)
    report = predict(path, photo, runner="onnxruntime")
    found = document("predictions/photo.json")
    assert (found["width"], found["height"]) == (64, 32)
    # The picture fills rows 8 to 24 of the input, and half its columns are red.
    assert [item["box"] for item in found["detections"]] == [[0, 0, 32, 16], [16, 0, 64, 32]]
    assert [item["score"] for item in found["detections"]] == pytest.approx([0.25, 0.25])
    assert report.results[0].note == "2 found"
    predict(path, photo, runner="onnxruntime", output="drawn.png")
    drawn = np.asarray(Image.open("drawn.png"))
    assert drawn.shape == (32, 64, 3)
    assert (drawn[16, 5] != [255, 0, 0]).any()


@pytest.mark.parametrize("resize", [None, FIT, {"width": 32, "height": 32}])
def test_a_mask_holds_class_ids_at_the_pictures_size(
    model: Write, photo: Path, resize: Any
) -> None:
    contract = {"kind": "segmentation", "labels": ["r", "g", "b"]}
    path = model("mask", contract, resize)
    report = predict(path, photo, runner="onnxruntime")
    mask = Image.open("predictions/photo.png")
    assert mask.mode == "L"
    wanted = np.zeros((32, 64), int)
    wanted[:, 32:] = 1
    np.testing.assert_array_equal(np.asarray(mask), wanted)
    assert report.results[0].written == "mask"
    predict(path, photo, runner="onnxruntime", output="areas.json")
    assert document("areas.json")["classes"] == [
        {"class_id": 0, "label": "r", "pixels": 1024},
        {"class_id": 1, "label": "g", "pixels": 1024},
    ]


def test_a_mask_is_shown_in_its_colours(model: Write, photo: Path) -> None:
    colors = [[1, 2, 3], [250, 0, 9], [0, 0, 0]]
    path = model("mask", {"kind": "segmentation", "colors": colors})
    predict(path, photo, runner="onnxruntime")
    mask = Image.open("predictions/photo.png")
    assert mask.mode == "P"
    assert [count_and_id[1] for count_and_id in mask.getcolors()] == [0, 1]
    shown = np.asarray(mask.convert("RGB"))
    np.testing.assert_array_equal(shown[0, [0, 63]], colors[:2])


def test_tensors_in_and_numbers_out_are_as_ever(model: Write, photo: Path) -> None:
    contract = {"kind": "classification", "activation": "none", "top_k": 1}
    path = model("classes", contract)
    array = np.ones((1, 3, 4, 4), np.float32) * np.float32([1, 3, 2]).reshape(1, 3, 1, 1)
    np.save("x.npy", array)
    predict(path, "x.npy", runner="onnxruntime", output="y.npy")
    np.testing.assert_allclose(np.load("y.npy"), [[1, 3, 2]])
    predict(path, "x.npy", runner="onnxruntime", output="y.json")
    assert document("y.json")["classes"] == [{"class_id": 1, "label": None, "score": 3.0}]
    predict(path, photo, runner="onnxruntime", output="p.npy")
    np.testing.assert_allclose(np.load("p.npy"), [[0.5, 0.5, 0]])


@pytest.mark.parametrize(
    ("name", "contract", "output", "words"),
    [
        ("classes", {"kind": "classification"}, "y.png", ".json"),
        ("mask", {"kind": "segmentation"}, "y.jpg", ".png, .json"),
        ("mask", {"kind": "image"}, "y.json", ".png"),
        ("mask", {"kind": "raw"}, "y.json", ".npy"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    model: Write, photo: Path, name: str, contract: dict[str, Any], output: str, words: str
) -> None:
    path = model(name, contract)
    call = lambda: predict(path, photo, runner="onnxruntime", output=output)  # noqa: E731
    assert words in refused(Kind.INPUT, call).hint


def test_boxes_cannot_be_drawn_on_a_tensor(model: Write) -> None:
    path = model("boxes", {"kind": "detection", "boxes": "boxes", "scores": "two"})
    np.save("x.npy", np.ones((1, 3, 32, 32), np.float32))
    call = lambda: predict(path, "x.npy", runner="onnxruntime", output="y.png")  # noqa: E731
    assert "no picture" in refused(Kind.INPUT, call).message
    predict(path, "x.npy", runner="onnxruntime", output="y.json")
    assert document("y.json")["width"] == 32


def test_outputs_that_do_not_fit_the_contract_are_told(model: Write, photo: Path) -> None:
    path = model("classes", {"kind": "classification", "labels": ["one"]})
    error = refused(
        Kind.SHAPE_MISMATCH, lambda: predict(path, photo, runner="onnxruntime", output="y.json")
    )
    assert "labels names 1" in error.message
    assert not Path("y.json").exists()


def test_labels_in_the_metadata_never_name_a_file(model: Write, photo: Path) -> None:
    path = model("classes", {"kind": "classification", "labels": "/etc/hostname"})
    error = refused(Kind.CORRUPT, lambda: predict(path, photo, runner="onnxruntime"))
    assert "only a config file may name a file" in error.message

"""Boxes in the picture, against torchvision's box operations and suppression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused
from torchvision.ops import batched_nms, box_convert, clip_boxes_to_image

from oxidizedvision.config import Resize
from oxidizedvision.core.errors import Kind
from oxidizedvision.postprocess import Detections, postprocess
from oxidizedvision.preprocess import Placement, place

PICTURE = place((100, 80), Resize(width=64, height=64))


def detected(
    outputs: dict[str, Any], placement: Placement = PICTURE, **contract: Any
) -> Detections:
    arrays = {name: np.asarray(values) for name, values in outputs.items()}
    made = postprocess(arrays, {"kind": "detection", **contract}, placement)
    assert isinstance(made, Detections)
    return made


def random_boxes(count: int, generator: np.random.Generator) -> Any:
    """Corners around an input of 64 x 64, partly outside and partly without area."""
    corners = generator.uniform(-10, 74, (count, 2, 2))
    corners.sort(axis=1)
    boxes = corners.reshape(count, 4).astype(np.float32)
    boxes[::7, 2] = boxes[::7, 0]
    return boxes


def torchvisions(boxes: Any, scores: Any, placement: Placement, **keys: Any) -> Any:
    """`[kept, 6]`: corners in the picture, score and class, by torchvision's own operations."""
    best = torch.from_numpy(scores.astype(np.float64)).max(dim=1)
    corners = torch.from_numpy(boxes.astype(np.float64))
    offset = torch.tensor(placement.offset * 2, dtype=torch.float64)
    ratio = torch.tensor(placement.picture * 2) / torch.tensor(placement.scaled * 2).double()
    corners = clip_boxes_to_image((corners - offset) * ratio, placement.picture[::-1])
    area = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
    rows = torch.nonzero(area & (best.values > keys["score"]))[:, 0]
    kept = batched_nms(corners[rows], best.values[rows], best.indices[rows], keys["iou"])
    rows = rows[kept][: keys["most"]]
    columns = [corners[rows], best.values[rows, None], best.indices[rows, None].double()]
    return torch.cat(columns, dim=1).numpy()


def rows_of(found: Detections) -> Any:
    rows = [(*item.box, item.score, item.class_id) for item in found.detections]
    return np.array(rows).reshape(-1, 6)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.integers(0, 200),
    st.integers(1, 5),
    st.sampled_from(["stretch", "fit", "center-crop"]),
    st.floats(0, 0.9),
    st.floats(0.05, 0.95),
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
)
def test_it_is_torchvisions_batched_nms(
    count: int, classes: int, mode: str, score: float, iou: float, most: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    boxes = random_boxes(count, generator)
    scores = generator.random((count, classes), np.float32)
    placement = place((101, 83), Resize(width=64, height=64, mode=mode))
    found = detected(
        {"boxes": boxes[None], "scores": scores[None]},
        placement,
        boxes="boxes",
        scores="scores",
        score_threshold=score,
        iou_threshold=iou,
        max_detections=most,
    )
    wanted = torchvisions(boxes, scores, placement, score=score, iou=iou, most=most)
    np.testing.assert_allclose(rows_of(found), wanted, rtol=1e-9, atol=1e-9)
    assert (found.width, found.height) == (101, 83)


@pytest.mark.parametrize("box_format", ["xyxy", "xywh", "cxcywh"])
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("box_axis", [1, 2])
def test_every_way_to_write_a_box_is_one_box(
    box_format: str, normalized: bool, box_axis: int
) -> None:
    generator = np.random.default_rng(1)
    boxes, scores = random_boxes(50, generator), generator.random((50, 3), np.float32)
    outputs = {"boxes": boxes[None], "scores": scores[None]}
    wanted = detected(outputs, boxes="boxes", scores="scores")
    assert len(wanted.detections) > 5
    written = box_convert(torch.from_numpy(boxes).double(), "xyxy", box_format).numpy()
    written = written / 64 if normalized else written
    if box_axis == 2:
        written, scores = written.T, scores.T
    got = detected(
        {"boxes": written[None], "scores": scores[None]},
        boxes="boxes",
        scores="scores",
        box_format=box_format,
        normalized=normalized,
        box_axis=box_axis,
    )
    np.testing.assert_allclose(rows_of(got), rows_of(wanted), atol=1e-4)


def test_every_way_to_hold_the_outputs_is_one_result() -> None:
    generator = np.random.default_rng(2)
    boxes, scores = random_boxes(60, generator), generator.random((60, 4), np.float32)
    best, ids = scores.max(axis=1), scores.argmax(axis=1)
    named = {"boxes": "b", "scores": "s"}
    wanted = rows_of(detected({"b": boxes[None], "s": scores[None]}, **named))
    one = np.concatenate([boxes, scores], axis=1)
    gated = np.concatenate([boxes, np.full((60, 1), 0.5, np.float32), scores * 2], axis=1)
    told = np.column_stack([boxes, best, ids]).astype(np.float32)
    ways: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"b": boxes, "s": scores}, named),
        ({"b": boxes[None], "s": best[None], "c": ids[None]}, {**named, "classes": "c"}),
        ({"b": boxes, "s": best, "c": ids.astype(np.float32)}, {**named, "classes": "c"}),
        ({"p": one[None]}, {}),
        ({"p": one.T[None]}, {"box_axis": 2}),
        ({"p": one[None], "other": boxes}, {"predictions": "p"}),
        ({"p": gated[None]}, {"attributes": "objectness-scores"}),
        ({"p": told[None]}, {"attributes": "score-class"}),
    ]
    for outputs, contract in ways:
        np.testing.assert_array_equal(rows_of(detected(outputs, **contract)), wanted)


def test_activations_and_the_background() -> None:
    boxes = np.array([[0, 0, 32, 32], [32, 32, 64, 64]], np.float32)
    logits = np.array([[2.0, 1.0, 4.0], [-1.0, 3.0, 0.0]], np.float32)
    keys = {"boxes": "b", "scores": "s", "score_threshold": 0.1, "background": 2}
    outputs = {"b": boxes[None], "s": logits[None]}
    for activation in ("sigmoid", "softmax"):
        found = detected(outputs, activation=activation, **keys)
        tensor = torch.from_numpy(logits).double()
        scores = tensor.sigmoid() if activation == "sigmoid" else tensor.softmax(1)
        wanted = scores[:, :2].max(1)
        order = wanted.values.argsort(descending=True)
        order = order[wanted.values[order] > 0.1]
        np.testing.assert_allclose([item.score for item in found.detections], wanted.values[order])
        assert [item.class_id for item in found.detections] == wanted.indices[order].tolist()
    gated = np.concatenate([boxes, np.array([[0.0], [2.0]]), logits], axis=1)[None]
    found = detected({"p": gated}, attributes="objectness-scores", activation="sigmoid")
    gate, best = torch.tensor([0.0, 2.0]).double().sigmoid(), tensor.sigmoid().max(1).values
    wanted = (gate * best).sort(descending=True).values
    np.testing.assert_allclose([item.score for item in found.detections], wanted)
    ids = {"b": boxes[None], "s": np.ones((1, 2)), "c": np.array([[2, 1]])}
    found = detected(ids, **{**keys, "classes": "c"})
    assert [item.class_id for item in found.detections] == [1]


def test_equal_scores_keep_their_order_and_classes_do_not_meet() -> None:
    boxes = np.array([[0, 0, 40, 40], [0, 0, 40, 41], [0, 0, 40, 42]], np.float32)[None]
    outputs = {"b": boxes, "s": np.full((1, 3), 0.5, np.float32), "c": np.array([[1, 1, 0]])}
    named = {"boxes": "b", "scores": "s", "classes": "c"}
    found = detected(outputs, place((64, 64), None), **named)
    assert [(item.box[3], item.class_id) for item in found.detections] == [(40.0, 1), (42.0, 0)]
    every = detected(outputs, place((64, 64), None), iou_threshold=None, **named)
    assert len(every.detections) == 3
    many = np.tile([0.0, 0.0, 9.0, 9.0], (64, 1))
    many[:, 2] += np.arange(64) / 8
    found = detected({"b": many, "s": np.full(64, 0.5)}, boxes="b", scores="s", iou_threshold=None)
    rights = [item.box[2] for item in found.detections]
    assert rights == sorted(rights)
    assert len(rights) == 64


def test_the_overlap_itself_may_stay() -> None:
    """As torchvision's: what overlaps by exactly the threshold is kept."""
    boxes = np.array([[0, 0, 20, 10], [0, 0, 10, 10]], np.float32)
    outputs = {"b": boxes, "s": np.array([0.9, 0.8], np.float32)}
    for threshold, kept in ((0.5, 2), (0.499, 1)):
        found = detected(
            outputs, place((64, 64), None), boxes="b", scores="s", iou_threshold=threshold
        )
        assert len(found.detections) == kept


@pytest.mark.parametrize("count", [0, 3])
def test_nothing_found_is_a_result(count: int) -> None:
    boxes = np.tile([0.0, 0.0, 9.0, 9.0], (1, count, 1))
    outputs = {"b": boxes, "s": np.zeros((1, count, 2))}
    found = detected(outputs, boxes="b", scores="s", score_threshold=0.0)
    assert found == Detections(100, 80, ())
    assert found.document()["detections"] == []
    assert detected({"p": np.zeros((1, count, 6))}, score_threshold=0.0).detections == ()


def test_the_document() -> None:
    outputs = {"p": np.array([[[0, 0, 32, 64, 0.75, 0.25]]], np.float32)}
    assert detected(outputs, labels=["cat", "dog"]).document() == {
        "schema_version": 1,
        "kind": "detection",
        "width": 100,
        "height": 80,
        "detections": [
            {"box": [0.0, 0.0, 50.0, 80.0], "score": 0.75, "class_id": 0, "label": "cat"}
        ],
    }


@pytest.mark.parametrize(
    ("shapes", "contract"),
    [
        ({"b": (2, 5, 4), "s": (2, 5)}, {"boxes": "b", "scores": "s"}),
        ({"b": (1, 5, 5), "s": (1, 5)}, {"boxes": "b", "scores": "s"}),
        ({"b": (1, 5, 4), "s": (1, 6)}, {"boxes": "b", "scores": "s"}),
        ({"b": (1, 5, 4), "s": (5,)}, {"boxes": "b", "scores": "s"}),
        ({"b": (5, 4), "s": (1, 1, 5)}, {"boxes": "b", "scores": "s"}),
        ({"b": (20,), "s": (5,)}, {"boxes": "b", "scores": "s"}),
        (
            {"b": (1, 5, 4), "s": (1, 5), "c": (1, 4)},
            {"boxes": "b", "scores": "s", "classes": "c"},
        ),
        (
            {"b": (1, 5, 4), "s": (1, 5, 2), "c": (1, 5)},
            {"boxes": "b", "scores": "s", "classes": "c"},
        ),
        ({"p": (1, 5, 4)}, {}),
        ({"p": (2, 5, 6)}, {}),
        ({"p": (1, 1, 5, 6)}, {}),
        ({"p": (1, 5, 5)}, {"attributes": "objectness-scores"}),
        ({"p": (1, 5, 7)}, {"attributes": "score-class"}),
        ({"p": (1, 5, 6)}, {"labels": ["one"]}),
    ],
)
def test_other_axes_are_refused(
    shapes: dict[str, tuple[int, ...]], contract: dict[str, Any]
) -> None:
    outputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    refused(Kind.SHAPE_MISMATCH, lambda: detected(outputs, **contract))


def test_outputs_that_are_not_there_are_named() -> None:
    outputs = {"x": np.zeros((1, 5, 4)), "y": np.zeros((1, 5))}
    error = refused(Kind.CONFIG, lambda: detected(outputs, boxes="x", scores="z"))
    assert "z" in error.message
    assert "x, y" in error.message
    refused(Kind.NOT_SINGLE, lambda: detected(outputs))


def test_what_is_not_finite_is_refused_where_it_counts() -> None:
    boxes = np.zeros((1, 2, 4), np.float32)
    boxes[0, :, 2:] = 9
    scores = np.array([[0.9, np.nan]], np.float32)
    named = {"boxes": "b", "scores": "s"}
    refused(Kind.ENGINE_FAILED, lambda: detected({"b": boxes, "s": scores}, **named))
    boxes[0, 1, 0] = np.inf
    scores[0, 1] = 0.1
    assert len(detected({"b": boxes, "s": scores}, **named).detections) == 1
    scores[0, 1] = 0.8
    refused(Kind.ENGINE_FAILED, lambda: detected({"b": boxes, "s": scores}, **named))


def test_classes_without_a_label_are_refused_where_they_count() -> None:
    told = np.array([[[0, 0, 9, 9, 0.9, 1], [0, 0, 9, 9, 0.0, -1]]], np.float32)
    contract: dict[str, Any] = {"attributes": "score-class"}
    assert detected({"p": told}, **contract).detections[0].class_id == 1
    refused(Kind.SHAPE_MISMATCH, lambda: detected({"p": told}, labels=["one"], **contract))
    told[0, 1, 4] = 0.9
    refused(Kind.SHAPE_MISMATCH, lambda: detected({"p": told}, **contract))

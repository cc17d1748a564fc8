"""Writes goldens/outputs.json and goldens/outputs.safetensors for tests/outputs.rs.

Run it in this folder: `python make_output_goldens.py`. Scores are PyTorch's, boxes go through
torchvision's box operations and `batched_nms`, masks through PyTorch's argmax and, pixel by pixel
in exact fractions, to the picture.

A case of the JSON file has the picture's sides, the contract's `resize` and `postprocess`, and the
`document` wanted; `<case>/<output>` and, for masks, `<case>.ids` are tensors of the other file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torchvision.ops import batched_nms, box_convert, clip_boxes_to_image

Array = NDArray[Any]
FOLDER = Path(__file__).parent / "goldens"
PICTURE = (101, 83)
INPUT = 64
LABELS = ["cat", "dog", "hen", "cow"]


@dataclass
class Case:
    """One set of outputs with what they mean."""

    name: str
    postprocess: dict[str, Any]
    outputs: dict[str, Array]
    document: dict[str, Any]
    resize: dict[str, Any] | None = None
    ids: Array | None = None
    picture: tuple[int, int] = field(default=PICTURE)


@dataclass(frozen=True)
class Frame:
    """Where the picture lies in an input of 64 x 64: sides of the scaled picture, and offset."""

    mode: str
    scaled: tuple[int, int]
    offset: tuple[int, int]

    @property
    def resize(self) -> dict[str, Any]:
        return {"width": INPUT, "height": INPUT, "mode": self.mode}


FRAMES = [
    Frame("stretch", (64, 64), (0, 0)),
    Frame("fit", (64, 53), (0, 5)),  # 64 * 83 / 101 = 52.6, and 11 rows are left over
    Frame("center-crop", (77, 64), (-6, 0)),  # 64 * 101 / 83 = 77.9, and half of 13 is 6 or 7
]


def classification() -> Iterator[Case]:
    logits = np.random.default_rng(1).normal(0, 3, (1, 4)).astype(np.float32)
    for activation in ("none", "sigmoid", "softmax"):
        tensor = torch.from_numpy(logits[0]).double()
        scores = {"none": tensor, "sigmoid": tensor.sigmoid(), "softmax": tensor.softmax(0)}
        best = scores[activation].topk(3)
        classes = [
            {"class_id": index, "label": LABELS[index], "score": score}
            for score, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]
        yield Case(
            f"classification-{activation}",
            {"kind": "classification", "labels": LABELS, "top_k": 3, "activation": activation},
            {"output": logits},
            {"schema_version": 1, "kind": "classification", "classes": classes},
        )


def segmentation() -> Iterator[Case]:
    generator = np.random.default_rng(2)
    for frame in FRAMES:
        scores = generator.standard_normal((1, 4, 16, 16)).astype(np.float32)
        ids = torch.from_numpy(scores).argmax(1)[0].numpy()
        yield mask(f"segmentation-{frame.mode}", frame, scores, ids, {"labels": LABELS})
    values = generator.standard_normal((1, 1, 32, 32)).astype(np.float32)
    ids = (torch.from_numpy(values).double().sigmoid() > 0.6)[0, 0].numpy().astype(int)
    yield mask("segmentation-threshold", FRAMES[1], values, ids, {"threshold": 0.6})
    scores = generator.standard_normal((1, 4, 4, 300)).astype(np.float32)
    ids = torch.from_numpy(scores).argmax(3)[0].numpy()
    yield mask("segmentation-many", FRAMES[2], scores, ids, {"layout": "nhwc"}, unseen=65_535)


def mask(
    name: str, frame: Frame, scores: Array, ids: Array, keys: dict[str, Any], unseen: int = 255
) -> Case:
    made = np.full(PICTURE[::-1], unseen, np.uint16)
    for y, x in np.ndindex(made.shape):
        across = under(x, PICTURE[0], frame.scaled[0], frame.offset[0])
        down = under(y, PICTURE[1], frame.scaled[1], frame.offset[1])
        if 0 <= across < INPUT and 0 <= down < INPUT:
            height, width = ids.shape
            made[y, x] = ids[int(down * height / INPUT), int(across * width / INPUT)]
    labels = keys.get("labels")
    covered = [
        {"class_id": int(index), "label": labels[index] if labels else None, "pixels": int(count)}
        for index, count in zip(*np.unique(made, return_counts=True), strict=True)
        if index != unseen
    ]
    document = {"schema_version": 1, "kind": "segmentation", "classes": covered}
    sides = {"width": PICTURE[0], "height": PICTURE[1]}
    contract = {"kind": "segmentation", **keys}
    return Case(name, contract, {"output": scores}, {**document, **sides}, frame.resize, made)


def under(pixel: int, own: int, scaled: int, offset: int) -> Fraction:
    return Fraction(2 * pixel + 1, 2) * scaled / own + offset


def detection() -> Iterator[Case]:
    generator = np.random.default_rng(3)
    named = {"boxes": "boxes", "scores": "scores"}
    for frame in FRAMES:
        boxes, scores = some_boxes(60, generator), generator.random((60, 4), np.float32)
        outputs = {"boxes": boxes[None], "scores": scores[None]}
        wanted = detected(boxes, scores, frame)
        yield found(f"detection-{frame.mode}", frame, outputs, named, wanted)
    fit = FRAMES[1]
    boxes, scores = some_boxes(50, generator), generator.random((50, 4), np.float32)
    best, ids = scores.max(axis=1), scores.argmax(axis=1)
    wanted = detected(boxes, scores, fit)
    whole = {"boxes": boxes, "scores": best, "classes": ids}
    keys = {**named, "classes": "classes"}
    yield found("detection-torchvision", fit, whole, keys, wanted)
    told = np.column_stack([boxes, best, ids]).astype(np.float32)
    keys = {"attributes": "score-class"}
    yield found("detection-end-to-end", fit, {"output": told[None]}, keys, wanted)
    for box_format in ("xywh", "cxcywh"):
        written = box_convert(torch.from_numpy(boxes), "xyxy", box_format).numpy()
        back = box_convert(torch.from_numpy(written).double(), box_format, "xyxy").numpy()
        wanted = detected(back, scores, fit)
        one = np.concatenate([written, scores], axis=1).T[None].copy()
        keys = {"predictions": "output", "box_format": box_format, "box_axis": 2}
        yield found(f"detection-{box_format}", fit, {"output": one}, keys, wanted)
    logits = generator.normal(0, 2, (50, 5)).astype(np.float32)
    scaled = (boxes / INPUT).astype(np.float32)
    back = scaled.astype(np.float64) * INPUT
    tensor = torch.from_numpy(logits).double()
    gated = (tensor[:, :1].sigmoid() * tensor[:, 1:].sigmoid()).numpy()
    one = np.concatenate([scaled, logits], axis=1)[None]
    keys = {"attributes": "objectness-scores", "activation": "sigmoid", "normalized": True}
    yield found("detection-raw-yolo", fit, {"output": one}, keys, detected(back, gated, fit))
    softmax = tensor.softmax(1)[:, :4].numpy()
    keys = {**named, "activation": "softmax", "background": 4, "iou_threshold": None}
    outputs = {"boxes": scaled[None], "scores": logits[None]}
    wanted = detected(back, softmax, fit, iou=1.0)
    keys = {**keys, "normalized": True, "labels": [*LABELS, "nothing"]}
    yield found("detection-transformer", fit, outputs, keys, wanted)
    empty = {"boxes": np.zeros((1, 0, 4), np.float32), "scores": np.zeros((1, 0, 4), np.float32)}
    yield found("detection-empty", fit, empty, named, [])


def some_boxes(count: int, generator: np.random.Generator) -> Array:
    """Corners around the input, partly outside; every ninth box is without area."""
    corners = generator.uniform(-10, 74, (count, 2, 2))
    corners.sort(axis=1)
    boxes = corners.reshape(count, 4).astype(np.float32)
    boxes[::9, 2] = boxes[::9, 0]
    return boxes


def detected(boxes: Array, scores: Array, frame: Frame, iou: float = 0.5) -> list[dict[str, Any]]:
    best = torch.from_numpy(scores.astype(np.float64)).max(dim=1)
    ratio = torch.tensor(PICTURE * 2) / torch.tensor(frame.scaled * 2).double()
    corners = (torch.from_numpy(boxes.astype(np.float64)) - torch.tensor(frame.offset * 2)) * ratio
    corners = clip_boxes_to_image(corners, PICTURE[::-1])
    area = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
    rows = torch.nonzero(area & (best.values > 0.25))[:, 0]
    kept = rows[batched_nms(corners[rows], best.values[rows], best.indices[rows], iou)][:20]
    return [
        {
            "box": corners[row].tolist(),
            "score": best.values[row].item(),
            "class_id": best.indices[row].item(),
            "label": LABELS[best.indices[row]],
        }
        for row in kept
    ]


def found(
    name: str, frame: Frame, outputs: dict[str, Array], keys: dict[str, Any], wanted: Any
) -> Case:
    contract = {"kind": "detection", "labels": LABELS, "max_detections": 20, **keys}
    sides = {"width": PICTURE[0], "height": PICTURE[1]}
    document = {"schema_version": 1, "kind": "detection", **sides, "detections": wanted}
    return Case(name, contract, outputs, document, frame.resize)


def main() -> None:
    cases, tensors = [], {}
    for case in [*classification(), *segmentation(), *detection()]:
        for output, array in case.outputs.items():
            tensors[f"{case.name}/{output}"] = np.ascontiguousarray(array)
        if case.ids is not None:
            tensors[f"{case.name}.ids"] = case.ids
        plain = ("name", "picture", "resize", "postprocess", "document")
        cases.append({key: getattr(case, key) for key in plain})
    save_file(tensors, FOLDER / "outputs.safetensors")
    (FOLDER / "outputs.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()

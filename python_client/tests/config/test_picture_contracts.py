"""The picture contracts in a config: labels from files, and every wrong key with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidizedvision.config import DetectionPostprocess, load_config
from oxidizedvision.core.errors import Kind, OxidizedVisionError

SMALLEST = "model: {path: model.py, class_name: Net, input_shape: [1, 3, 8, 8]}\n"


def write(folder: Path, block: str) -> Path:
    path = folder / "config.yml"
    path.write_text(SMALLEST + block)
    return path


def refused(folder: Path, block: str) -> str:
    with pytest.raises(OxidizedVisionError) as caught:
        load_config(write(folder, block))
    assert caught.value.kind is Kind.CONFIG
    return caught.value.message


def labels_of(path: Path) -> list[str] | None:
    contract = load_config(path).postprocess
    assert contract is not None
    return contract.model_dump(mode="json")["labels"]


@pytest.mark.parametrize("kind", ["classification", "segmentation", "detection"])
def test_labels_are_read_from_a_file_beside_the_config(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = write(tmp_path / "there", f"postprocess: {{kind: {kind}, labels: names.txt}}\n")
    Path("names.txt").write_text("second\n")
    assert labels_of(path) == ["second"]
    (tmp_path / "there/names.txt").write_bytes("\ufeffcat\r\n dog \r\nGefäß\n\n".encode())
    assert labels_of(path) == ["cat", "dog", "Gefäß"]


def test_labels_may_be_a_list(tmp_path: Path) -> None:
    path = write(tmp_path, "postprocess: {kind: classification, labels: [cat, dog]}\n")
    assert labels_of(path) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "a list that is not empty"),
        (b"cat\n\ndog\n", "line 2"),
        (b"\xff\xfe", "UTF-8"),
        (b"x" * (1 << 20) + b"x", "larger"),
    ],
)
def test_a_file_without_names_is_refused(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "names.txt").write_bytes(content)
    block = "postprocess:\n  kind: classification\n  labels: names.txt\n"
    message = refused(tmp_path, block)
    assert "line 4: postprocess.labels" in message
    assert reason in message


def test_only_a_config_file_may_name_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\n")
    with pytest.raises(ValueError, match="only a config file"):
        DetectionPostprocess.model_validate(
            {"kind": "detection", "labels": str(tmp_path / "names.txt")}
        )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("kind: boxes", "postprocess: expected kind to be one of"),
        ("labels: [a]", "postprocess: expected a kind: 'image', 'classification'"),
        ("kind: detection, label: [a]", "unknown key; did you mean 'labels'"),
        ("kind: detection, boxes: b", "boxes and scores are named together"),
        ("kind: detection, scores: s", "boxes and scores are named together"),
        ("kind: detection, classes: c", "together with boxes and scores"),
        ("kind: detection, predictions: p, boxes: b, scores: s", "already names"),
        ("kind: detection, iou_threshold: 1.5", "at most 1"),
        ("kind: detection, box_axis: 0", "one of 1 or 2"),
        ("kind: detection, box_format: yolo", "'xyxy', 'xywh' or 'cxcywh'"),
        ("kind: detection, attributes: score-class, activation: softmax", "every class"),
        ("kind: classification, top_k: 0", "more than 0"),
        ("kind: classification, activation: relu", "'none', 'sigmoid' or 'softmax'"),
        ("kind: segmentation, colors: [[1, 2]]", "at least 3"),
        ("kind: segmentation, colors: [[1, 2, 3, 4]]", "at most 3"),
        ("kind: segmentation, colors: [[1, 2, 256]]", "at most 255"),
        ("kind: segmentation, threshold: .inf", "finite"),
        ("kind: raw, labels: [a]", "unknown key"),
    ],
)
def test_what_a_postprocess_cannot_say(tmp_path: Path, keys: str, words: str) -> None:
    message = refused(tmp_path, f"postprocess: {{{keys}}}\n")
    assert "line 2: postprocess" in message
    assert words in message


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("pad: 114", "nothing is padded with mode stretch"),
        ("mode: fit, pad: 256", "at most 255"),
        ("mode: fit, shorter_side: 9", "nothing is cut with mode fit"),
        ("mode: center-crop, shorter_side: 7", "at least 8"),
        ("antialiasing: false", "did you mean 'antialias'"),
    ],
)
def test_what_a_resize_cannot_say(tmp_path: Path, keys: str, words: str) -> None:
    block = f"preprocess:\n  resize: {{width: 8, height: 8, {keys}}}\n"
    message = refused(tmp_path, block)
    assert "line 3: preprocess.resize" in message
    assert words in message

"""Files of `validation.inputs` become cases, and those that do not fit are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_networks import hue_picture, save
from tiny_network import Artifact

from oxidizedvision.config import load_config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.validate import validate
from oxidizedvision.validate.cases import Case, CaseOptions, make_cases

Network = Callable[[str], Artifact]
LEFT = np.ones((1, 3, 4, 6), np.float32)
RIGHT = np.full((1, 5), 2, np.float32)


def _add(artifact: Artifact, *files: str, more: str = "") -> None:
    with artifact.config.open("a") as config:
        config.write(f"validation: {{inputs: [{', '.join(files)}]{more}}}\n")


def _cases(artifact: Artifact) -> dict[str, Case]:
    cases = make_cases(load_config(artifact.config), CaseOptions(0, 0, ()))
    return {case.name: case for case in cases}


def test_arrays_for_several_inputs_are_compared_in_every_runner(network: Network) -> None:
    two = network("two")
    np.savez(two.folder / "a.npz", right=RIGHT, left=LEFT)
    _add(two, "a.npz")
    report = validate(two.config, runners=["torchscript", "onnxruntime"])
    assert report.passed, report
    assert [(row.runner, row.output, row.cases) for row in report.results] == [
        (runner, output, report.results[0].cases)
        for runner in ("torchscript", "onnxruntime")
        for output in ("picture", "scores")
    ]
    manifest = load_manifest(two.manifest)
    assert manifest.validation is not None
    assert "input/a.npz" in manifest.validation["cases"]
    # The network multiplies by the sum of `right` and adds one.
    case = _cases(two)["input/a.npz"]
    np.testing.assert_array_equal(case.inputs["left"], LEFT)
    picture, scores = report.results[2:]
    assert (picture.top1, picture.iou) == (1, 1)
    assert (scores.top1, scores.top5, scores.iou) == (1, 1, None)


def test_a_fault_that_only_a_files_numbers_show_is_found(network: Network) -> None:
    import onnx
    from onnx import numpy_helper

    two = network("two")
    np.savez(two.folder / "a.npz", right=RIGHT * 100, left=LEFT)
    plain = two.config.read_text()
    _add(two, "a.npz", more=", tolerance_mae: 1.0e-3")
    assert validate(two.config, runners=["onnxruntime"]).passed
    graph = onnx.load(two.onnx)
    for initial in graph.graph.initializer:
        array = numpy_helper.to_array(initial)
        if array.shape in ((5, 7), (7, 5)):
            initial.CopyFrom(numpy_helper.from_array(array * np.float32(1.0001), initial.name))
    onnx.save(graph, two.onnx)
    rows = {row.output: row for row in validate(two.config, runners=["onnxruntime"]).results}
    assert rows["picture"].passed
    assert rows["scores"].reason.startswith("input/a.npz: MAE")
    assert rows["scores"].worst_value is not None
    assert rows["scores"].worst_value.case == "input/a.npz"
    two.config.write_text(f"{plain}validation: {{tolerance_mae: 1.0e-3}}\n")
    assert all(row.passed for row in validate(two.config, runners=["onnxruntime"]).results)


def test_a_single_array_and_a_picture(network: Network) -> None:
    hues = network("hues")
    pixels = hue_picture("red", 0)
    save(pixels, hues.folder / "red.png")
    picture = (pixels / 255.0).astype(np.float32).transpose(2, 0, 1)[None]
    np.save(hues.folder / "red.npy", picture)
    _add(hues, "red.npy", "red.png")
    cases = _cases(hues)
    for name in ("input/red.npy", "input/red.png"):
        np.testing.assert_allclose(cases[name].inputs["input"], picture, atol=1e-7)
    assert validate(hues.config, runners=["onnxruntime"]).passed


def _npz(**arrays: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)


BAD = [
    ("a.npz", _npz(left=LEFT), "a.npz has no array 'right'; the network takes f32 [1, 5]"),
    (
        "a.npz",
        _npz(left=LEFT, right=RIGHT[:, :4]),
        "a.npz: 'right' is [1, 4]; the network takes f32 [1, 5]",
    ),
    (
        "a.npz",
        _npz(left=LEFT.astype(np.float64), right=RIGHT),
        "a.npz: 'left' is f64 [1, 3, 4, 6]; the network takes f32 [1, 3, 4, 6]",
    ),
    (
        "a.npz",
        _npz(left=LEFT, right=RIGHT, up=RIGHT),
        "a.npz: the array 'up' is no input; the network takes left, right",
    ),
    ("a.npz", lambda path: path.write_bytes(b"noise" * 9), "a.npz is no .npz file"),
    ("a.npz", _npz(left=np.array([object()]), right=RIGHT), "a.npz is no .npz file"),
    ("a.npy", lambda path: np.save(path, LEFT), "a.npy holds one array"),
    ("a.txt", lambda path: path.write_text("1"), "a.txt is neither arrays nor a picture"),
    ("a.npz", lambda _: None, "there is no file a.npz"),
]


@pytest.mark.parametrize(("name", "write", "says"), BAD)
def test_bad_files_are_refused(
    network: Network, name: str, write: Callable[[Path], None], says: str
) -> None:
    two = network("two")
    write(two.folder / name)
    _add(two, name)
    with pytest.raises(OxidizedVisionError) as caught:
        _cases(two)
    assert says in caught.value.message
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_a_picture_needs_preprocess_and_one_input(network: Network) -> None:
    two = network("two")
    save(hue_picture("red", 0), two.folder / "a.png")
    _add(two, "a.png")
    with pytest.raises(OxidizedVisionError, match="no preprocess") as caught:
        _cases(two)
    assert caught.value.kind is Kind.CONFIG


def test_lengths_stay_within_the_range_of_their_axis(tiny: Artifact) -> None:
    text = tiny.config.read_text()
    text = text.replace("2: height", "2: {name: height, min: 8, max: 16, multiple_of: 8}")
    tiny.config.write_text(text)
    _add(tiny, "a.npy")
    for height, fits in ((16, True), (12, False), (24, False)):
        np.save(tiny.folder / "a.npy", np.zeros((1, 3, height, 12), np.float32))
        if fits:
            assert "input/a.npy" in _cases(tiny)
            continue
        with pytest.raises(OxidizedVisionError, match=f"height cannot be {height}"):
            _cases(tiny)

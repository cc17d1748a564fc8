"""Accuracy is counted as a person would count it, on data sets laid out in every way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from made_networks import HUES, channel_picture, hue_picture, save, write_hues
from onnx import numpy_helper
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.manifest import FileRecord, Stage, load_manifest
from oxidizedvision.validate import DataReport, DataSet, ValidationReport, validate

Network = Callable[[str], Artifact]
RUNNERS = ["torchscript", "onnxruntime"]


def _data(report: ValidationReport) -> DataReport:
    assert report.data is not None
    return report.data


def _favour(model: Path, name: str, target: Path | None = None) -> None:
    """Make a file of the hues' classifier score one hue far too high."""
    graph = onnx.load(model)
    bias = next(it for it in graph.graph.initializer if list(it.dims) == [len(HUES)])
    array = numpy_helper.to_array(bias).copy()
    array[list(HUES).index(name)] += 99
    bias.CopyFrom(numpy_helper.from_array(array, bias.name))
    onnx.save(graph, target or model)


def test_a_folder_for_each_class(network: Network, tmp_path: Path) -> None:
    hues = network("hues")
    folder = write_hues(tmp_path / "data")
    # A red picture among the green ones: its best five are all but cyan, so green is among them;
    # a cyan one among the red: red is the last of its six.
    save(hue_picture("red", 50), folder / "green" / "wrong.png")
    save(hue_picture("cyan", 51), folder / "red" / "deep" / "wrong.png")
    report = validate(hues.config, runners=RUNNERS, data=folder)
    assert report.passed
    data = _data(report)
    assert (data.truth, data.classes_by, data.pictures) == ("labels", "postprocess.labels", 20)
    assert [(row.runner, row.file) for row in data.results] == [
        ("pytorch", "config.yml"),
        ("torchscript", "net.pt"),
        ("onnxruntime", "net.onnx"),
    ]
    for row in data.results:
        assert (row.top1, row.top5, row.iou) == (18 / 20, 19 / 20, None)
        assert (row.pictures, row.precision) == (20, "fp32")
    assert [row.agreement for row in data.results] == [None, 1, 1]
    assert [row.drop for row in data.results] == [None, 0, 0]


def test_labels_and_the_order_of_names_are_not_the_same(network: Network, tmp_path: Path) -> None:
    """The classifier's classes are not in the order of the alphabet."""
    folder = write_hues(tmp_path / "data")
    bare = network("bare_hues")
    data = _data(validate(bare.config, runners=["onnxruntime"], data=folder))
    assert data.classes_by == "the order of their names"
    ordered, own = sorted(HUES), list(HUES)
    right = sum(ordered.index(name) == own.index(name) for name in HUES)
    assert {row.top1 for row in data.results} == {right / len(HUES)}
    shutil.rmtree(folder / "cyan")
    with pytest.raises(OxidizedVisionError, match="5 classes, the model scores 6") as caught:
        validate(bare.config, data=folder)
    assert caught.value.kind is Kind.INPUT


@pytest.mark.parametrize("numbers", [True, False])
def test_a_table_of_labels(network: Network, tmp_path: Path, numbers: bool) -> None:
    folder = write_hues(tmp_path / "data", each=1)
    names = list(HUES)
    lines = [f"{name}/0.png,{names.index(name) if numbers else name}" for name in names]
    lines[0] = f"red/0.png,{1 if numbers else 'green'}"
    table = tmp_path / "labels.csv"
    table.write_text("\ufefffile,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    data = _data(
        validate(
            network("hues").config, runners=["onnxruntime"], data=DataSet(folder, labels=table)
        )
    )
    assert data.classes_by == ("their numbers" if numbers else "postprocess.labels")
    assert {row.top1 for row in data.results} == {5 / 6}
    assert data.pictures == 6


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,class\na.png,1\n", "its columns are name, class"),
        ("", "its columns are none"),
        ("file,label\n", "it lists no picture"),
        ("file,label\nred/0.png,\n", "line 2 lacks a file or a label"),
        ("file,label\nred/0.png\n", "line 2 lacks a file or a label"),
        ("file,label\nred/0.png,red\nred/0.png,blue\n", "line 3: red/0.png is there twice"),
        ("file,label\nred/0.png,6\n", "a class 6, the model scores 6"),
        ("file,label\nred/0.png,redd\n", "'redd' is a class .* did you mean 'red'"),
    ],
)
def test_bad_tables_are_refused(network: Network, tmp_path: Path, text: str, says: str) -> None:
    folder = write_hues(tmp_path / "data", each=1)
    table = tmp_path / "labels.csv"
    table.write_text(text)
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        validate(network("hues").config, data=DataSet(folder, labels=table))
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    table.write_bytes(b"file,label\n\xff\xfe,red\n")
    with pytest.raises(OxidizedVisionError, match="cannot be read as CSV"):
        validate(network("hues").config, data=DataSet(folder, labels=table))


def test_pictures_that_do_not_decode_are_named_and_not_counted(
    network: Network, tmp_path: Path
) -> None:
    hues = network("hues")
    folder = write_hues(tmp_path / "data", each=1)
    (folder / "red" / "broken.png").write_bytes(b"no picture")
    whole = (folder / "red" / "0.png").read_bytes()
    (folder / "blue" / "cut.png").write_bytes(whole[: len(whole) // 2])
    save(np.zeros((5, 5, 3), np.uint8), folder / "cyan" / "small.png")
    (folder / "cyan" / "notes.txt").write_text("no picture by its ending")
    data = _data(validate(hues.config, runners=["onnxruntime"], data=folder))
    assert data.pictures == 6
    unread = {row.file: row.reason for row in data.unread}
    assert sorted(unread) == ["blue/cut.png", "cyan/small.png", "red/broken.png"]
    assert "[1, 3, 5, 5]" in unread["cyan/small.png"]
    assert {row.top1 for row in data.results} == {1}
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(OxidizedVisionError, match="None of 9 pictures can be used") as caught:
        validate(hues.config, data=folder)
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_a_runner_that_falls_too_far_fails(network: Network, tmp_path: Path) -> None:
    hues = network("hues")
    folder = write_hues(tmp_path / "data", each=2)
    _favour(hues.onnx, "red")
    for max_drop, passes in ((None, True), (0.84, True), (5 / 6, True), (0.83, False)):
        data = _data(
            validate(hues.config, runners=RUNNERS, data=DataSet(folder, max_drop=max_drop))
        )
        pytorch, script, broken = data.results
        assert (pytorch.top1, script.top1, broken.top1) == (1, 1, 1 / 6)
        assert (broken.agreement, broken.drop) == pytest.approx((1 / 6, 5 / 6))
        assert (pytorch.passed, script.passed, broken.passed) == (True, True, passes)
    assert broken.reason == (
        "top-1 accuracy 0.1667 is 0.8333 below PyTorch's 1.0000, more than 0.83"
    )


def test_every_file_of_the_model_has_a_row(network: Network, tmp_path: Path) -> None:
    hues = network("hues")
    folder = write_hues(tmp_path / "data", each=1)
    small = hues.onnx.with_name("net.int8.onnx")
    _favour(hues.onnx, "red", small)
    manifest = load_manifest(hues.manifest)
    stage = Stage(name="int8", tool="test", output=FileRecord.of(small), seconds=0.0)
    manifest.stages.append(stage)
    manifest.save(hues.manifest)
    limits = DataSet(folder, max_drop=0.5)
    report = validate(hues.config, runners=[*RUNNERS, "tract"], data=limits, skip_unavailable=True)
    rows = {(row.runner, row.file): row for row in _data(report).results}
    assert rows["onnxruntime", "net.onnx"].top1 == 1
    assert rows["onnxruntime", "net.onnx"].precision == "fp32"
    assert rows["onnxruntime", "net.int8.onnx"].top1 == 1 / 6
    assert rows["onnxruntime", "net.int8.onnx"].precision == "int8"
    assert ("tract", "net.onnx") not in rows
    assert report.exit_code is ExitCode.CHECK_FAILED
    # By itself a file is what it is, and of no config there is no PyTorch to compare with.
    (row,) = _data(validate(hues.onnx, runners=["onnxruntime"], data=folder)).results
    assert (row.top1, row.agreement, row.drop) == (1, None, None)
    with pytest.raises(OxidizedVisionError, match="max_drop is counted from PyTorch's") as caught:
        validate(hues.onnx, data=limits)
    assert caught.value.kind is Kind.USAGE


def test_a_runner_that_cannot_run_is_a_failed_row(network: Network, tmp_path: Path) -> None:
    hues = network("hues")
    folder = write_hues(tmp_path / "data", each=1)
    hues.torchscript.write_bytes(b"noise")
    report = validate(hues.config, runners=RUNNERS, data=folder)
    rows = {row.runner: row for row in _data(report).results}
    assert rows["torchscript"].reason.startswith("cannot load: corrupt")
    assert (rows["torchscript"].top1, rows["torchscript"].pictures) == (None, 0)
    assert rows["onnxruntime"].passed


def _overlap(wanted: list[np.ndarray], found: list[np.ndarray], classes: list[int]) -> float:
    """The mean over classes of the intersection over union of all pictures together."""
    first, second = np.stack(wanted), np.stack(found)
    counted = first != 255
    shares = []
    for index in classes:
        one, other = (first == index) & counted, (second == index) & counted
        if (one | other).any():
            shares.append((one & other).sum() / (one | other).sum())
    return float(np.mean(shares))


def test_masks_of_classes(network: Network, tmp_path: Path) -> None:
    from PIL import Image

    wanted, found = [], []
    for seed in range(3):
        pixels, classes = channel_picture(seed)
        save(pixels, tmp_path / "data" / f"{seed}.png")
        mask = classes.astype(np.uint8)
        mask[0, :3], mask[1, :2] = (mask[0, :3] + 1) % 3, 255
        picture = Image.fromarray(mask)
        if seed == 1:
            picture = picture.convert("P")
            picture.putpalette([9, 9, 9, 0, 0, 0, 200, 0, 0] + [1] * 759)
            picture.putdata(mask.ravel().tolist())
        (tmp_path / "masks").mkdir(exist_ok=True)
        picture.save(tmp_path / "masks" / f"{seed}.png")
        wanted.append(mask)
        found.append(classes)
    (tmp_path / "data" / "lonely.png").write_bytes((tmp_path / "data" / "0.png").read_bytes())
    save(np.zeros((2, 2), np.uint8), tmp_path / "masks" / "small.png")
    (tmp_path / "data" / "small.png").write_bytes((tmp_path / "data" / "0.png").read_bytes())
    save(np.full((8, 12), 7, np.uint8), tmp_path / "masks" / "seven.png")
    (tmp_path / "data" / "seven.png").write_bytes((tmp_path / "data" / "0.png").read_bytes())
    data = _data(
        validate(
            network("channels").config,
            runners=RUNNERS,
            data=DataSet(tmp_path / "data", masks=tmp_path / "masks"),
        )
    )
    assert (data.truth, data.pictures) == ("masks", 3)
    reasons = {row.file: row.reason for row in data.unread}
    assert "There is no file" in reasons["lonely.png"]
    assert "2 x 2 pixels, the picture has 12 x 8" in reasons["small.png"]
    assert "it has a class 7, the model tells 3 apart" in reasons["seven.png"]
    for row in data.results:
        assert row.iou == pytest.approx(_overlap(wanted, found, [0, 1, 2]))
        assert (row.top1, row.top5) == (None, None)
    assert [row.agreement for row in data.results] == [None, 1, 1]
    assert [row.drop for row in data.results] == [None, 0, 0]


def test_masks_of_foreground(network: Network, tmp_path: Path) -> None:
    """One channel: red less green above the threshold of the contract, 0.25."""
    wanted, found = [], []
    for seed in range(2):
        pixels, _ = channel_picture(seed)
        save(pixels, tmp_path / "data" / f"{seed}.png")
        truth = (pixels[..., 0].astype(int) - pixels[..., 1]) / 255 > 0.25
        mask = truth.copy()
        mask[:, :2] = ~mask[:, :2]
        save(np.where(mask, 200, 100).astype(np.uint8), tmp_path / "masks" / f"{seed}.png")
        wanted.append(mask.astype(int))
        found.append(truth.astype(int))
    data = _data(
        validate(
            network("foreground").config,
            runners=["onnxruntime"],
            data=DataSet(tmp_path / "data", masks=tmp_path / "masks"),
        )
    )
    overlap = _overlap(wanted, found, [1])
    assert 0 < overlap < 1
    assert [row.iou for row in data.results] == pytest.approx([overlap] * 2)


def test_a_model_that_tells_no_classes_is_refused(
    network: Network, tiny: Artifact, tmp_path: Path
) -> None:
    folder = write_hues(tmp_path / "data", each=1)
    with pytest.raises(OxidizedVisionError, match=r"must be \[batch, classes\]") as caught:
        validate(tiny.config, data=folder)
    assert caught.value.kind is Kind.INPUT
    (tmp_path / "masks").mkdir()
    with pytest.raises(OxidizedVisionError, match="postprocess says image"):
        validate(tiny.config, data=DataSet(folder, masks=tmp_path / "masks"))
    save(hue_picture("red", 9), folder / "grey" / "0.png")
    with pytest.raises(OxidizedVisionError, match="no preprocess"):
        validate(network("two").config, data=folder)


def test_what_contradicts_itself_is_refused(network: Network, tmp_path: Path) -> None:
    config = network("hues").config
    folder = write_hues(tmp_path / "data", each=1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for data, says in [
        (DataSet(folder, labels="a.csv", masks="m"), "either labels or masks"),
        (DataSet(folder, max_drop=2), "max_drop cannot be 2"),
        (DataSet(folder, max_drop=float("nan")), "max_drop cannot be nan"),
        (DataSet(tmp_path / "none"), "no file"),
        (DataSet(tmp_path / "empty"), "holds no folder for each class"),
        (DataSet(tmp_path / "file"), "is a file and no folder"),
    ]:
        with pytest.raises(OxidizedVisionError, match=says) as caught:
            validate(config, data=data)
        assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_pictures_are_the_same_whether_they_are_kept_or_read_again(tmp_path: Path) -> None:
    from oxidizedvision.config import Preprocess
    from oxidizedvision.core.tensors import TensorSpec
    from oxidizedvision.validate.data.pictures import Pictures
    from oxidizedvision.validate.data.source import find_samples

    samples = find_samples(DataSet(write_hues(tmp_path, each=1))).pictures
    spec = TensorSpec("input", "f32", ("batch", 3, 8, 12))
    arrays = []
    for room in (1 << 20, 3 * 8 * 12 * 4, 0):
        pictures = Pictures(Preprocess(), spec, len(HUES), _room=room)
        pictures.read(samples)
        arrays.append(np.concatenate([array for _, array in pictures]))
        assert len(pictures._kept) == {1 << 20: 6, 0: 0}.get(room, 1)
    np.testing.assert_array_equal(arrays[0], arrays[1])
    np.testing.assert_array_equal(arrays[0], arrays[2])

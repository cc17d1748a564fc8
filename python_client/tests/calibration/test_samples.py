"""Inputs from pictures, arrays and functions, and what is said of those that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oxidizedvision.calibration import Sample, SampleSource, load_samples, random_samples
from oxidizedvision.calibration.samples import with_expected
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.tensors import TensorSpec

IMAGE = TensorSpec("image", "f32", ("batch", 3, "height", "width"))
SIDE = TensorSpec("side", "i64", ("batch", 2))
OUTPUT = TensorSpec("out", "f32", ("batch", 4))
CONTRACT = {"color": "rgb", "scale": 1 / 255, "layout": "nchw"}


def picture(path: Path, value: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, 8, 3), value, np.uint8)).save(path)
    return path


def source(tmp_path: Path, *inputs: TensorSpec, **more: Any) -> SampleSource:
    return SampleSource(inputs or (IMAGE,), (OUTPUT,), folder=tmp_path, **more)


def test_pictures_go_through_the_contract(tmp_path: Path) -> None:
    for name, value in (("b.png", 51), ("deep/a.jpg", 255), ("notes.txt", 0)):
        if name.endswith("txt"):
            (tmp_path / "pictures" / name).write_text("no picture")
        else:
            picture(tmp_path / "pictures" / name, value)
    found = load_samples("pictures", source(tmp_path, contract=CONTRACT))
    assert [sample.name for sample in found] == ["b.png", "a.jpg"]
    assert found[0].inputs["image"].shape == (1, 3, 6, 8)
    np.testing.assert_allclose(found[0].inputs["image"], 0.2, atol=1e-6)


def test_many_pictures_are_thinned_evenly(tmp_path: Path) -> None:
    for number in range(10):
        picture(tmp_path / "pictures" / f"{number}.png")
    found = load_samples("pictures", source(tmp_path, contract=CONTRACT), most=5)
    assert [sample.name for sample in found] == ["0.png", "2.png", "4.png", "6.png", "8.png"]


def test_pictures_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "pictures" / "good.png")
    (tmp_path / "pictures" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    with pytest.warns(OxidizedVisionWarning, match=r"^1 picture of .* left out: bad.png"):
        found = load_samples("pictures", source(tmp_path, contract=CONTRACT))
    assert [sample.name for sample in found] == ["good.png"]
    (tmp_path / "pictures" / "good.png").unlink()
    for name in ("cut.png", "dark.png", "empty.png", "few.png"):
        (tmp_path / "pictures" / name).touch()
    named = r"No picture of .*: bad.png, cut.png, dark.png and 2 more; bad.png: "
    with pytest.raises(OxidizedVisionError, match=named) as caught:
        load_samples("pictures", source(tmp_path, contract=CONTRACT))
    assert caught.value.kind is Kind.INPUT


def test_a_fixed_batch_is_filled(tmp_path: Path) -> None:
    picture(tmp_path / "pictures" / "a.png")
    fixed = TensorSpec("image", "f32", (2, 3, 6, 8))
    (found,) = load_samples("pictures", source(tmp_path, fixed, contract=CONTRACT))
    assert found.inputs["image"].shape == (2, 3, 6, 8)


def test_arrays_are_cut_along_their_first_axis(tmp_path: Path) -> None:
    images = np.arange(3 * 3 * 4 * 4, dtype=np.float64).reshape(3, 3, 4, 4)
    np.save(tmp_path / "a.npy", images)
    found = load_samples("a.npy", source(tmp_path))
    assert [sample.inputs["image"].dtype for sample in found] == [np.float32] * 3
    np.testing.assert_array_equal(found[2].inputs["image"][0], images[2])
    sides, outs = np.arange(6).reshape(3, 2), np.zeros((3, 4), np.float32)
    np.savez(tmp_path / "b.npz", image=images, side=sides, out=outs)
    named = load_samples(tmp_path / "b.npz", source(tmp_path, IMAGE, SIDE))
    assert [set(sample.inputs) for sample in named] == [{"image", "side"}] * 3
    assert named[1].expected["out"].shape == (1, 4)
    np.testing.assert_array_equal(named[1].inputs["side"], [[2, 3]])


FUNCTIONS = """
import numpy as np
from helper import LENGTH

def plain():
    for value in range(LENGTH):
        yield np.full((3, 4, 4), value, np.float32)

def pairs():
    yield {"image": np.zeros((1, 3, 4, 4))}, np.ones((1, 4))

def broken():
    yield np.zeros((3, 4, 4), np.float32)
    raise RuntimeError("no more pictures")

def number():
    return 3

def wrong():
    yield np.zeros((1, 4, 4), np.float32)

def endless():
    while True:
        yield np.zeros((3, 4, 4), np.float32)
"""


@pytest.fixture
def functions(tmp_path: Path) -> SampleSource:
    (tmp_path / "make.py").write_text(FUNCTIONS)
    (tmp_path / "helper.py").write_text("LENGTH = 3\n")
    return source(tmp_path)


def test_functions_yield_inputs_and_what_is_expected(functions: SampleSource) -> None:
    assert len(load_samples("make.py:plain", functions)) == 3
    (pair,) = load_samples("make.py:pairs", functions)
    assert pair.inputs["image"].dtype == np.float32
    np.testing.assert_array_equal(pair.expected["out"], np.ones((1, 4)))
    assert len(load_samples("make.py:endless", functions, most=7)) == 7


@pytest.mark.parametrize(
    ("reference", "kind", "says"),
    [
        ("make.py:broken", Kind.MODEL, "no more pictures at make.py, line 14"),
        ("make.py:number", Kind.INPUT, "gives int, which cannot be iterated over"),
        ("make.py:wrong", Kind.INPUT, r"has the shape \[1, 1, 4, 4\]"),
        ("make.py:absent", Kind.CONFIG, "has no function absent"),
        ("absent.py:plain", Kind.NOT_FOUND, "There is no .*absent.py"),
    ],
)
def test_functions_that_do_not_work(
    functions: SampleSource, reference: str, kind: Kind, says: str
) -> None:
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        load_samples(reference, functions)
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda folder: folder / "absent", Kind.NOT_FOUND, "There is no"),
        (lambda folder: _saved(folder, np.zeros((2, 1, 4, 4))), Kind.INPUT, "image is"),
        (lambda folder: _saved(folder, np.full((2, 3, 4, 4), np.nan)), Kind.INPUT, "NaN"),
        (lambda folder: _saved(folder, np.array(["a"])), Kind.INPUT, "shape"),
        (lambda folder: _saved(folder, np.zeros((0, 3, 4, 4))), Kind.INPUT, "holds no input"),
        (lambda folder: _written(folder / "a.npy", b"nonsense"), Kind.CORRUPT, "holds no arrays"),
        (lambda folder: _written(folder / "a.txt", b"text"), Kind.INPUT, "neither a folder"),
    ],
)
def test_data_that_cannot_be_used(tmp_path: Path, make: Any, kind: Kind, says: str) -> None:
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        load_samples(make(tmp_path), source(tmp_path))
    assert caught.value.kind is kind


def _saved(folder: Path, array: Any) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_pictures_need_a_contract_and_one_input(tmp_path: Path) -> None:
    picture(tmp_path / "pictures" / "a.png")
    with pytest.raises(OxidizedVisionError, match="has no preprocess"):
        load_samples("pictures", source(tmp_path))
    with pytest.raises(OxidizedVisionError, match="the model takes 2: image, side"):
        load_samples("pictures", source(tmp_path, IMAGE, SIDE, contract=CONTRACT))


def test_what_outputs_should_be_comes_from_pictures_of_the_same_name(tmp_path: Path) -> None:
    same = TensorSpec("restored", "f32", ("batch", 3, "height", "width"))
    where = SampleSource((IMAGE,), (same,), contract=CONTRACT, folder=tmp_path)
    picture(tmp_path / "noisy" / "a.png", 100)
    picture(tmp_path / "clean" / "a.jpg", 51)
    samples = load_samples("noisy", where)
    (found,) = with_expected(samples, tmp_path / "clean", where)
    np.testing.assert_allclose(found.expected["restored"], 0.2, atol=0.01)
    with pytest.raises(OxidizedVisionError, match=r"no picture for b.png"):
        with_expected([Sample("b.png", found.inputs)], tmp_path / "clean", where)


def test_random_inputs_have_the_shapes_of_the_example(tmp_path: Path) -> None:
    where = source(tmp_path, shapes={"image": [1, 3, 5, 7]})
    first, second = random_samples(where, 2)
    assert first.inputs["image"].shape == (1, 3, 5, 7)
    assert not np.array_equal(first.inputs["image"], second.inputs["image"])

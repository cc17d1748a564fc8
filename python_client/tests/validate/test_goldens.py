"""Golden files are read as they were written, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.validate.goldens import load_goldens

ARRAY = np.arange(3, dtype=np.float32)


def test_cases_come_back_by_name(tmp_path: Path) -> None:
    path = tmp_path / "m.golden.safetensors"
    save_file(
        {
            "random-1/input/a": ARRAY,
            "random-1/output/b/c": ARRAY * 2,
            "random-0/input/a": ARRAY,
            "random-0/output/b/c": ARRAY * 3,
        },
        path,
    )
    first, second = load_goldens(path)
    assert (first.name, second.name) == ("golden/random-0", "golden/random-1")
    np.testing.assert_array_equal(first.expected["b/c"], ARRAY * 3)
    np.testing.assert_array_equal(second.inputs["a"], ARRAY)


@pytest.mark.parametrize(
    "tensors",
    [{}, {"a": ARRAY}, {"case/weight/a": ARRAY}, {"case/input/a": ARRAY}],
)
def test_other_tensors_are_no_goldens(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    path = tmp_path / "m.golden.safetensors"
    save_file(tensors, path)
    with pytest.raises(OxidizedVisionError) as caught:
        load_goldens(path)
    assert caught.value.kind is Kind.CORRUPT


def test_a_file_that_is_no_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "m.golden.safetensors"
    for content in (b"", b"noise" * 9):
        path.write_bytes(content)
        with pytest.raises(OxidizedVisionError) as caught:
            load_goldens(path)
        assert caught.value.kind is Kind.CORRUPT
